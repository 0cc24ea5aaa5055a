//! Where and how to connect: address, TLS, login.

use std::{error::Error as StdError, fmt, future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use lettre::transport::smtp::{
    Error,
    client::{AsyncSmtpConnection, TlsParameters},
    extension::{ClientId, Extension},
};
use tokio::net::TcpStream;

use super::{
    Security,
    link::Link,
    login::Login,
    reply::{Stage, classify},
    stream::LineStream,
};
use crate::{
    contract::{Clock, ErrorKind, NetworkPolicy, SendError},
    http::guard,
};

/// A mail server and how it is spoken to.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    /// Absent where no connection is ever encrypted.
    pub(super) tls: Option<TlsParameters>,
    pub(super) login: Option<Login>,
    pub(super) hello: ClientId,
    pub(super) network: NetworkPolicy,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

/// Why a step of the conversation failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server said no.
    Reply(u16, String),
    /// The connection is lost, or what came is no SMTP.
    Lost(String),
    /// The certificate is not trusted.
    Certificate(String),
    /// No answer in time.
    TimedOut(Duration),
}

impl Server {
    /// Connects, encrypts, logs in: the connection is ready for a mail. Where an access token is refused that another one may
    /// do better than, it is done once more.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing of any mail has been sent.
    pub(super) async fn dial(&self) -> Result<Link, SendError> {
        let Some(login) = &self.login else { return self.ready(self.reached().await?).await };
        let secret = login.secret().await?;
        let mut smtp = self.reached().await?;
        if let Err(error) = login.log_in(&mut smtp, &secret, self).await {
            if error.kind() != ErrorKind::Unauthorized || error.code().is_none() || !login.forget(&secret) {
                return Err(error);
            }
            let secret = login.secret().await?;
            smtp = self.reached().await?;
            login.log_in(&mut smtp, &secret, self).await?;
        }
        self.ready(smtp).await
    }

    /// A connection as protected as it has to be.
    async fn reached(&self) -> Result<AsyncSmtpConnection, SendError> {
        let mut smtp = self.connect().await?;
        if matches!(self.security, Security::StartTls | Security::Opportunistic) {
            self.start_tls(&mut smtp).await?;
        }
        Ok(smtp)
    }

    async fn ready(&self, smtp: AsyncSmtpConnection) -> Result<Link, SendError> {
        Link::open(smtp, self).await.map_err(|trouble| self.refused(Stage::Greeting, trouble))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let addresses = self.resolve().await?;
        let greeted = if self.security == Security::Tls {
            let tls = self.tls.clone();
            self.within(AsyncSmtpConnection::connect_tokio1(&*addresses, Some(self.connect_timeout), &self.hello, tls, None))
                .await
        } else {
            let stream = Box::new(LineStream::new(self.reach(&addresses).await?));
            self.within(AsyncSmtpConnection::connect_with_transport(stream, &self.hello)).await
        };
        greeted.map_err(|trouble| self.refused(Stage::Greeting, trouble))
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, SendError> {
        let lookup = async { tokio::net::lookup_host((&*self.host, self.port)).await.map(Iterator::collect::<Vec<_>>) };
        let found = match self.in_time(self.timeout, lookup).await {
            Some(found) => {
                found.map_err(|error| SendError::unavailable(format!("{self}: the name does not resolve: {error}")))?
            }
            None => return Err(SendError::unavailable(format!("{self}: the name did not resolve in time"))),
        };
        match self.network {
            NetworkPolicy::AllowPrivate => Ok(found),
            NetworkPolicy::PublicOnly => guard::public_only(&self.host, found).map_err(|error| match error {
                guard::AddressError::Blocked { .. } => SendError::unauthorized(error.to_string()).with_code("address_blocked"),
                unresolved => SendError::unavailable(unresolved.to_string()),
            }),
        }
    }

    /// The first address that answers.
    async fn reach(&self, addresses: &[SocketAddr]) -> Result<TcpStream, SendError> {
        let mut last = "the name has no address".to_owned();
        for address in addresses {
            match self.in_time(self.connect_timeout, TcpStream::connect(address)).await {
                Some(Ok(socket)) => return Ok(socket),
                Some(Err(error)) => last = error.to_string(),
                None => last = format!("no connection within {:?}", self.connect_timeout),
            }
        }
        Err(SendError::unavailable(format!("{self}: {last}")))
    }

    async fn start_tls(&self, smtp: &mut AsyncSmtpConnection) -> Result<(), SendError> {
        if !smtp.server_info().supports_feature(Extension::StartTls) {
            return match self.security {
                Security::Opportunistic => Ok(()),
                _ => Err(SendError::unauthorized(format!(
                    "{self} does not offer STARTTLS, and nothing is sent in the clear: set security to `tls`, or to `none` if the server is on this machine"
                ))),
            };
        }
        let tls = self.tls.clone().expect("a server that may be asked for STARTTLS has TLS parameters");
        self.within(smtp.starttls(tls, &self.hello)).await.map_err(|trouble| self.refused(Stage::StartTls, trouble))
    }

    /// Runs one step of the conversation under the time limit.
    pub(super) async fn within<T>(&self, step: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
        match self.in_time(self.timeout, step).await {
            Some(answer) => answer.map_err(|error| Trouble::of(&error)),
            None => Err(Trouble::TimedOut(self.timeout)),
        }
    }

    /// `None` when the time is over first.
    pub(super) async fn in_time<T>(&self, limit: Duration, doing: impl Future<Output = T>) -> Option<T> {
        match select(pin!(doing), self.clock.sleep_until(self.clock.now() + limit)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    /// The verdict on a failed step before any mail can have been accepted.
    pub(super) fn refused(&self, stage: Stage, trouble: Trouble) -> SendError {
        match trouble {
            Trouble::Reply(code, text) => classify(stage, code, &self.redacted(text)),
            Trouble::Certificate(reason) => SendError::unauthorized(format!(
                "{self}: the server's certificate is not trusted: {reason}; if it is your own, name its authority in ca_file"
            )),
            Trouble::Lost(reason) => SendError::unavailable(format!("{self}: {}", self.redacted(reason))),
            Trouble::TimedOut(limit) => SendError::unavailable(format!("{self}: no answer within {limit:?}")),
        }
    }

    /// The text without the secrets that a server may quote back.
    pub(super) fn redacted(&self, text: String) -> String {
        let secrets = self.login.iter().flat_map(Login::secrets);
        secrets.filter(|secret| secret.len() >= 4).fold(text, |text, secret| text.replace(&*secret, "[redacted]"))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mail server {}:{}", self.host, self.port)
    }
}

impl Trouble {
    fn of(error: &Error) -> Self {
        if let Some(code) = error.status() {
            return Self::Reply(code.into(), error.source().map(ToString::to_string).unwrap_or_default());
        }
        match certificate_error(error) {
            Some(reason) => Self::Certificate(reason),
            None => Self::Lost(error.to_string()),
        }
    }
}

/// What rustls has against a certificate, if that is at the bottom of this error.
fn certificate_error(error: &Error) -> Option<String> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).or_else(|| error.downcast_ref());
        if let Some(rustls::Error::InvalidCertificate(reason)) = found {
            return Some(format!("{reason:?}").to_lowercase());
        }
        next = error.source();
    }
    None
}
