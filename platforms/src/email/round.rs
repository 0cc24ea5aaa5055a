//! A batch on its way: mail after mail over one connection, an outcome for each envelope.

use std::collections::VecDeque;

use lettre::Address;

use super::{
    Email,
    letter::{self, Letter},
    link::{Fate, Transaction},
    pool::Lent,
    sharing,
};
use crate::contract::{Envelope, Receipt, SendError};

/// The outcome of one envelope.
type Outcome = Result<Receipt, SendError>;

/// The state of one batch. The connection is kept from mail to mail; another one is made when it is lost.
pub(super) struct Round<'a> {
    email: &'a Email,
    held: Option<Lent<'a>>,
    /// Why no connection can be made: the rest of the batch fails as that attempt did.
    down: Option<SendError>,
}

impl<'a> Round<'a> {
    pub(super) fn new(email: &'a Email) -> Self {
        Self { email, held: None, down: None }
    }

    /// Sends the batch. One outcome for each envelope, in order.
    pub(super) async fn send(mut self, batch: &[Envelope]) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.len()];
        for mail in sharing::by_mail(batch, self.email.letterhead.hidden_to.is_some()) {
            self.mail(batch, &mail, &mut outcomes).await;
        }
        if let Some(lent) = self.held {
            self.email.pool.give_back(lent).await;
        }
        outcomes.into_iter().map(|outcome| outcome.expect("each envelope is in one mail, and each mail ends")).collect()
    }

    /// Sends one mail to the envelopes at these positions, in as many transactions as it takes.
    async fn mail(&mut self, batch: &[Envelope], positions: &[usize], outcomes: &mut [Option<Outcome>]) {
        let mut waiting = VecDeque::new();
        for &at in positions {
            match letter::recipient(batch[at].recipient.as_deref()) {
                Ok(recipient) => waiting.push_back((at, recipient.email)),
                Err(error) => outcomes[at] = Some(Err(error)),
            }
        }
        let Some((first, _)) = waiting.front() else { return };
        let letter = match self.email.letterhead.letter(&batch[*first]) {
            Ok(letter) => letter,
            Err(error) => return waiting.iter().for_each(|(at, _)| outcomes[*at] = Some(Err(error.clone()))),
        };
        let mut recipients_max = self.email.recipients_max;
        while !waiting.is_empty() {
            let count = waiting.len().min(recipients_max);
            let now: Vec<_> = waiting.drain(..count).collect();
            let recipients: Vec<_> = now.iter().map(|(_, recipient)| recipient).collect();
            let Transaction { fates, is_one_to_blame, .. } = self.transaction(&letter, &recipients).await;
            if is_one_to_blame {
                recipients_max = 1; // Who it is shows when each is alone.
            }
            let mut postponed = Vec::new();
            for ((at, recipient), fate) in now.into_iter().zip(fates) {
                outcomes[at] = match fate {
                    Fate::Accepted(text) => Some(Ok(Receipt::with_id(&*letter.id).detail(text))),
                    Fate::Refused(error) => Some(Err(error)),
                    Fate::Postponed | Fate::Named => {
                        postponed.push((at, recipient));
                        None
                    }
                };
            }
            postponed.into_iter().rev().for_each(|one| waiting.push_front(one));
        }
    }

    /// One transaction; where there is no connection, the verdict on that for everybody.
    async fn transaction(&mut self, letter: &Letter, recipients: &[&Address]) -> Transaction {
        match self.attempt(letter, recipients).await {
            Ok(transaction) => transaction,
            Err(error) => {
                self.down = Some(error.clone());
                let fates = vec![Fate::Refused(error); recipients.len()];
                Transaction { fates, is_one_to_blame: false, is_stale: false }
            }
        }
    }

    /// Once more over a new connection where a kept one turns out to be dead.
    ///
    /// # Errors
    ///
    /// [`SendError`] when there is no connection to be had.
    async fn attempt(&mut self, letter: &Letter, recipients: &[&Address]) -> Result<Transaction, SendError> {
        let server = &self.email.pool.server;
        let mut lent = self.connection().await?;
        let mut transaction = lent.link.deliver(letter, recipients, server).await;
        if lent.is_reused && transaction.is_stale {
            lent.link = server.dial().await?;
            transaction = lent.link.deliver(letter, recipients, server).await;
        }
        lent.is_reused = true;
        self.held = Some(lent);
        Ok(transaction)
    }

    async fn connection(&mut self) -> Result<Lent<'a>, SendError> {
        if let Some(error) = &self.down {
            return Err(error.clone());
        }
        match self.held.take() {
            Some(lent) if lent.link.is_clean && lent.link.mails < self.email.pool.mails_max => Ok(lent),
            Some(lent) => {
                self.email.pool.give_back(lent).await;
                self.email.pool.lend().await
            }
            None => self.email.pool.lend().await,
        }
    }
}
