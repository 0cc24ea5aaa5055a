//! Connections: what the URL says, who is trusted, and what every new connection is asked first.

use std::{fs, path::Path, time::Duration};

use deadpool_postgres::{Connect, Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime};
use futures_util::{FutureExt, future::BoxFuture};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_postgres::{
    Client, Config, Error,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::context::TokioContext;

use super::failure::described;
use crate::store::{Durability, OpenError};

/// Connections at most: one that accepts, one that settles, one that claims, and the rest for everything else.
const CONNECTIONS_MAX: usize = 8;

/// How long a connection may take to be made, and how long one may be waited for.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How the server is reached.
#[derive(Clone)]
pub struct Way {
    pub config: Config,
    pub tls: MakeRustlsConnect,
    /// Where it is, without credentials.
    pub server: String,
}

impl Way {
    /// What the URL says.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        let wrong = |reason: String| OpenError::Url(reason);
        let (url, own) = split(url);
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            wrong(format!("{}, expected postgres://USER:PASSWORD@HOST/DATABASE", described(&error)))
        })?;
        if config.get_hosts().is_empty() {
            return Err(wrong("names no host, expected postgres://USER:PASSWORD@HOST/DATABASE".to_owned()));
        }
        match own.mode.as_deref() {
            Some("verify-full") => drop(config.ssl_mode(SslMode::Require)),
            Some("verify-ca") => return Err(wrong("sslmode=verify-ca is not supported; use verify-full".to_owned())),
            _ => {}
        }
        if config.get_application_name().is_none() {
            config.application_name("notifyhub");
        }
        config.connect_timeout(CONNECT_TIMEOUT);
        config.keepalives_idle(Duration::from_secs(30));
        let tls = MakeRustlsConnect::new(tls(own.roots.as_deref()).map_err(wrong)?);
        let server = shown(&config);
        Ok(Self { config, tls, server })
    }

    /// Connections to it, none made yet, which live on `runtime`.
    pub fn pool(&self, durability: Durability, runtime: &Handle) -> Result<Pool, OpenError> {
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let connecting = Connecting { tls: self.tls.clone(), runtime: runtime.clone() };
        let manager = Manager::from_connect(self.config.clone(), connecting, manager);
        let asked = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move {
                match unsafe_setting(client, durability).await {
                    Ok(None) => Ok(()),
                    Ok(Some(setting)) => Err(HookError::message(format!("the server runs with {setting} now"))),
                    Err(error) => Err(HookError::Backend(error)),
                }
            })
        });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS_MAX)
            .queue_mode(QueueMode::Lifo) // few connections do most, and know their plans
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            .post_create(asked)
            .build();
        pool.map_err(|error| OpenError::Server { server: self.server.clone(), reason: error.to_string() })
    }
}

/// Makes connections on a runtime of the store's, whoever asks for them: one who delivers may block the threads he lives on, and
/// others are given the connection next.
struct Connecting {
    tls: MakeRustlsConnect,
    runtime: Handle,
}

impl Connect for Connecting {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let (config, tls) = (config.clone(), self.tls.clone());
        async move {
            let connecting = async move { config.connect(tls).await };
            let (client, connection) = TokioContext::new(connecting, self.runtime.clone()).await?;
            let driver = self.runtime.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to the database has ended");
                }
            });
            Ok((client, driver))
        }
        .boxed()
    }
}

/// The setting with which the server would lose what it has answered, if it has one and that matters.
pub async fn unsafe_setting(client: &Client, durability: Durability) -> Result<Option<String>, tokio_postgres::Error> {
    if durability != Durability::Disk {
        return Ok(None);
    }
    let sql = "SELECT current_setting('fsync'), current_setting('synchronous_commit')";
    let row = client.query_typed_one(sql, &[]).await?;
    let (fsync, commit): (&str, &str) = (row.get(0), row.get(1));
    Ok(match (fsync, commit) {
        ("off", _) => Some("fsync = off".to_owned()),
        (_, "off") => Some("synchronous_commit = off".to_owned()),
        _ => None,
    })
}

/// What the client library does not know of a URL.
#[derive(Default)]
struct Own {
    mode: Option<String>,
    roots: Option<String>,
}

/// Takes out of the URL what the client library does not know.
fn split(url: &str) -> (String, Own) {
    let mut own = Own::default();
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), own) };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslrootcert", path)) => own.roots = Some(unescaped(path)),
            Some(("sslmode", mode)) if mode.starts_with("verify") => own.mode = Some(mode.to_owned()),
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (url, own)
}

fn unescaped(text: &str) -> String {
    url::form_urlencoded::parse(format!("x={text}").as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Trusts the operating system's certificates and those of a file. A server is always verified.
fn tls(roots: Option<&str>) -> Result<ClientConfig, String> {
    let extra = match roots {
        Some(path) => {
            let pem = fs::read(Path::new(path)).map_err(|error| format!("sslrootcert: cannot read {path}: {error}"))?;
            let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
            read.ok().filter(|read| !read.is_empty()).ok_or_else(|| format!("sslrootcert: {path} holds no certificate in PEM"))?
        }
        None => Vec::new(),
    };
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider.clone())
        .map_err(|error| format!("cannot load root certificates: {error}; install the package ca-certificates"))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .dangerous() // the word for "not rustls' own verifier"; this one asks the operating system's roots
        .with_custom_certificate_verifier(std::sync::Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// Where the server is, as it may be shown.
fn shown(config: &Config) -> String {
    let hosts: Vec<_> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| {
            let port = config.get_ports().get(index).or(config.get_ports().first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        })
        .collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().or(config.get_user()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password_and_its_mistakes_are_named() {
        let way = Way::parse("postgres://ada:hunter2@db.example.com:6432/hub?sslmode=require&connect_timeout=3").expect("a URL");
        assert_eq!(way.server, "db.example.com:6432/hub");
        for (url, part) in [
            ("postgres://ada:hunter2@/hub", "names no host"),
            ("postgres://ada:hunter2@db/hub?sslmode=maybe", "expected postgres://"),
            ("postgres://ada:hunter2@db/hub?sslmode=verify-ca", "use verify-full"),
            ("postgres://ada:hunter2@db/hub?sslmode=verify-full&sslrootcert=%2Fnowhere", "cannot read /nowhere"),
        ] {
            let error = Way::parse(url).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(part) && !error.contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn verifying_is_asked_for_by_the_names_of_libpq() {
        let way = Way::parse("postgres://db/hub?sslmode=verify-full&application_name=x").expect("a URL");
        assert_eq!((way.config.get_ssl_mode(), way.config.get_application_name()), (SslMode::Require, Some("x")));
    }
}
