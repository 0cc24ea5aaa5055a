//! Which envelopes of a batch are one mail.

use crate::contract::Envelope;

/// The envelopes of a batch by mail, as positions in it, in the order of their first: those with the same message, accepted
/// together for the same caller. Where nothing is shared each is alone.
pub(super) fn by_mail(batch: &[Envelope], is_shared: bool) -> Vec<Vec<usize>> {
    let mut mails: Vec<Vec<usize>> = Vec::new();
    for (at, envelope) in batch.iter().enumerate() {
        let known = mails.iter_mut().find(|mail| is_shared && is_same(&batch[mail[0]], envelope));
        match known {
            Some(mail) => mail.push(at),
            None => mails.push(vec![at]),
        }
    }
    mails
}

fn is_same(one: &Envelope, other: &Envelope) -> bool {
    one.accepted_at == other.accepted_at
        && one.correlation_id == other.correlation_id
        && (std::sync::Arc::ptr_eq(&one.message, &other.message) || one.message == other.message)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::{contract::Message, testkit};

    fn envelope(text: &str, seconds: u64, correlation: Option<&str>) -> Envelope {
        Envelope {
            correlation_id: correlation.map(Into::into),
            accepted_at: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            ..testkit::envelope(Some("ada@example.com"), Message::text(text))
        }
    }

    #[test]
    fn only_the_same_message_of_the_same_moment_and_caller_is_shared() {
        let batch = [
            envelope("a", 1, None),
            envelope("b", 1, None),
            envelope("a", 1, None),
            envelope("a", 2, None),
            envelope("a", 1, Some("c")),
            envelope("b", 1, None),
        ];
        assert_eq!(by_mail(&batch, true), [vec![0, 2], vec![1, 5], vec![3], vec![4]]);
        assert_eq!(by_mail(&batch, false), [[0], [1], [2], [3], [4], [5]]);
    }
}
