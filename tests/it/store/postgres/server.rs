//! Databases of the tests' own.

use std::{
    env,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tempfile::TempDir;
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

/// A server of a test's own, ended with it.
pub struct Server {
    pub url: String,
    folder: TempDir,
    coordinates: Coordinates,
}

impl Server {
    /// Starts one with these settings.
    pub async fn start(coordinates: &Coordinates, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("notifyhub-postgres-").tempdir_in("/var/tmp").expect("a folder");
        let port = free_port();
        let url = format!("postgres://notifyhub@127.0.0.1:{port}/postgres");
        let server = Self { url, folder, coordinates: coordinates.clone() };
        if server.coordinates.user == "postgres" {
            let owned = std::process::Command::new("chown").arg("postgres").arg(server.folder.path()).status();
            assert!(owned.expect("chown runs").success());
        }
        server
            .run(
                "initdb",
                &["-D", &server.data(), "-U", "notifyhub", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
            )
            .await;
        let all = ["listen_addresses=127.0.0.1", &format!("unix_socket_directories={}", server.folder.path().display())];
        let lines: String = all
            .iter()
            .chain(settings)
            .map(|setting| setting.split_once('=').expect("a setting"))
            .map(|(key, value)| format!("{key} = '{value}'\n"))
            .collect();
        let config = format!("{}/postgresql.conf", server.data());
        let text = std::fs::read_to_string(&config).expect("initdb made it");
        std::fs::write(&config, format!("{text}\nport = {port}\n{lines}")).expect("written");
        server.start_again().await;
        server
    }

    fn data(&self) -> String {
        format!("{}/data", self.folder.path().display())
    }

    async fn run(&self, program: &str, arguments: &[&str]) {
        let Coordinates { bin, user, .. } = &self.coordinates;
        let program = format!("{bin}/{program}");
        let mut command = match user.as_str() {
            "postgres" => {
                let mut command = tokio::process::Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", &program]);
                command
            }
            _ => tokio::process::Command::new(&program),
        };
        command.args(arguments).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().await.expect("it runs").success(), "{program} {arguments:?}");
    }

    async fn control(&self, arguments: &[&str]) {
        let (data, log) = (self.data(), format!("{}/log", self.folder.path().display()));
        self.run("pg_ctl", &[&["-D", &data, "-l", &log, "-w", "-t", "60"], arguments].concat()).await;
    }

    /// Kills it as a crash would, and starts it again.
    pub async fn restart(&self) {
        self.control(&["-m", "immediate", "restart"]).await;
    }

    /// Kills it.
    pub async fn stop(&self) {
        self.control(&["-m", "immediate", "stop"]).await;
    }

    /// Starts it again.
    pub async fn start_again(&self) {
        self.control(&["start"]).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(format!("{}/postmaster.pid", self.data())).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            // At once: nothing of it is needed any more. Whoever does not run has gone already.
            drop(std::process::Command::new("kill").args(["-QUIT", pid]).status());
        }
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
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

    /// Lets the others give a node up as if it had not been heard of for long; a sign of life that comes first is undone.
    pub async fn lose(&self, node: &str) {
        let client = self.client().await;
        let ids = client.query("SELECT id FROM notifyhub.node WHERE name = $1", &[&node]).await.expect("read");
        let ids: Vec<i32> = ids.iter().map(|row| row.get(0)).collect();
        assert_eq!(ids.len(), 1);
        let sql = "UPDATE notifyhub.node SET until = now() - interval '1 second' WHERE id = ANY($1)";
        while client.execute(sql, &[&ids]).await.expect("written") > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
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
