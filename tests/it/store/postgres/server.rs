//! Databases of the tests' own.

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

use tokio_postgres::{Client, NoTls};

/// Where the server is that `./test` started.
#[derive(Clone)]
pub struct Coordinates {
    pub url: String,
    pub pooler: u16,
    pub ca: String,
    pub bin: String,
    pub user: String,
}

/// `None` where nobody started one.
pub fn coordinates() -> Option<Coordinates> {
    let text = env::var("NOTIFYHUB_TEST_POSTGRES").ok()?;
    let word = |key: &str| {
        let found = text.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('=').map(str::to_owned));
        found.expect("tests/servers/postgres.sh sets every word")
    };
    let pooler = word("pooler").parse().expect("a port");
    Some(Coordinates { url: word("url"), pooler, ca: word("ca"), bin: word("bin"), user: word("user") })
}

/// A database with nothing in it.
pub struct Database {
    pub name: String,
    pub url: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// On the server that is there, if one is.
    pub async fn new() -> Option<Self> {
        Some(Self::on(&coordinates()?.url).await)
    }

    /// On the server of this URL.
    pub async fn on(url: &str) -> Self {
        let name = format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = connect(url).await;
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a new database");
        let (server, _) = url.rsplit_once('/').expect("postgres://…/DATABASE");
        Self { url: format!("{server}/{name}?sslmode=disable"), name }
    }

    /// The same database, on another port.
    pub fn through(&self, port: u16) -> String {
        let (server, rest) = self.url.rsplit_once(':').expect("postgres://…:PORT/DATABASE");
        let (_, name) = rest.split_once('/').expect("…/DATABASE");
        format!("{server}:{port}/{name}")
    }

    /// A connection to it.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }
}

/// A connection that lives as long as its client.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server answers");
    drop(tokio::runtime::Handle::current().spawn(connection));
    client
}
