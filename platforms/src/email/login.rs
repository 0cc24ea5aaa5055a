//! Who logs in, and how.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::AsyncSmtpConnection,
};

use super::{
    oauth::Tokens,
    reply::Stage,
    server::{Server, Trouble},
};
use crate::contract::{Secret, SendError};

/// A login name and what proves it.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) proof: Proof,
    /// Whether it may go over an unprotected connection.
    pub(super) allow_insecure: bool,
}

/// What proves who logs in.
pub(super) enum Proof {
    /// A password, and the ways it may be told, best first.
    Password(Secret, Vec<Mechanism>),
    /// An access token that the operator gave.
    Token(Secret),
    /// Access tokens that are got when they are needed.
    Tokens(Box<Tokens>),
}

/// A line of our own making; lettre's `AUTH` cannot answer the challenge that explains why a token was refused.
struct Line(String);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\r\n", self.0)
    }
}

impl Login {
    /// The password or token of the next login.
    ///
    /// # Errors
    ///
    /// [`SendError`] when no access token can be had.
    pub(super) async fn secret(&self) -> Result<Secret, SendError> {
        match &self.proof {
            Proof::Password(secret, _) | Proof::Token(secret) => Ok(secret.clone()),
            Proof::Tokens(tokens) => tokens.token().await,
        }
    }

    /// Drops a token the server has refused. Whether another one may do better.
    pub(super) fn forget(&self, secret: &Secret) -> bool {
        matches!(&self.proof, Proof::Tokens(tokens) if tokens.forget(secret))
    }

    /// Logs in on a fresh connection.
    ///
    /// # Errors
    ///
    /// [`SendError`] when the connection is not safe, or the server does not take it.
    pub(super) async fn log_in(&self, smtp: &mut AsyncSmtpConnection, secret: &Secret, server: &Server) -> Result<(), SendError> {
        if !smtp.is_encrypted() && !self.allow_insecure {
            return Err(SendError::unauthorized(format!(
                "{server}: the connection is not encrypted, so no password is sent: set security to `starttls` or `tls` (or allow_insecure_auth = true)"
            )));
        }
        let mechanisms = match &self.proof {
            Proof::Password(_, mechanisms) => &**mechanisms,
            Proof::Token(_) | Proof::Tokens(_) => &[Mechanism::Xoauth2],
        };
        if smtp.server_info().get_auth_mechanism(mechanisms).is_none() {
            let names: Vec<_> = mechanisms.iter().map(ToString::to_string).collect();
            let names = names.join(", ").to_lowercase();
            return Err(SendError::unauthorized(format!("{server} offers none of the ways to log in: {names}")));
        }
        let answer = match &self.proof {
            Proof::Password(..) => {
                let credentials = Credentials::new(self.user.clone(), secret.expose().to_owned());
                server.within(smtp.auth(mechanisms, &credentials)).await.map(drop)
            }
            Proof::Token(_) | Proof::Tokens(_) => self.show_token(smtp, secret, server).await,
        };
        answer.map_err(|trouble| server.refused(Stage::Login, trouble))
    }

    /// XOAUTH2. A server that refuses explains why in a challenge and says no once that is answered with an empty line.
    async fn show_token(&self, smtp: &mut AsyncSmtpConnection, token: &Secret, server: &Server) -> Result<(), Trouble> {
        let command = format!("AUTH XOAUTH2 {}", BASE64.encode(bearer(&self.user, token)));
        let answer = server.within(smtp.command(Line(command))).await?;
        if answer.has_code(334) {
            server.within(smtp.command(Line(String::new()))).await?;
        }
        Ok(())
    }

    /// What must never be seen in an error or a receipt, in every form that goes over the wire.
    pub(super) fn secrets(&self) -> Vec<String> {
        let secrets = match &self.proof {
            Proof::Password(secret, _) | Proof::Token(secret) => vec![secret.clone()],
            Proof::Tokens(tokens) => tokens.seen(),
        };
        let forms = |secret: &Secret| {
            let text = secret.expose();
            [format!("\0{}\0{text}", self.user), text.to_owned(), bearer(&self.user, secret)]
                .map(|form| BASE64.encode(form))
                .into_iter()
                .chain([text.to_owned()])
                .collect::<Vec<_>>()
        };
        secrets.iter().flat_map(forms).collect()
    }
}

fn bearer(user: &str, token: &Secret) -> String {
    format!("user={user}\x01auth=Bearer {}\x01\x01", token.expose())
}
