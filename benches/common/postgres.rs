//! A private PostgreSQL for a bench: from the installed programs, in a folder beside the build, ended with the bench.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A running server. Every commit is synced.
pub struct Server {
    /// Where it is.
    pub url: String,
    bin: PathBuf,
    folder: TempDir,
}

impl Server {
    /// Starts one; `None` where PostgreSQL is not installed.
    pub fn start() -> Result<Option<Self>, AnyError> {
        let Some(bin) = programs() else { return Ok(None) };
        let folder = TempDir::new_in("/var/tmp")?;
        if is_root() && !Command::new("chown").arg("postgres").arg(folder.path()).status()?.success() {
            return Err("there is no user postgres to run the server as".into());
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Self { url: format!("postgres://bench@127.0.0.1:{port}/postgres?sslmode=disable"), bin, folder };
        server.run("initdb", &["-D", &server.data(), "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])?;
        let config = format!("{}/postgresql.conf", server.data());
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nshared_buffers = 256MB\nmax_wal_size = 4GB\n",
            server.folder.path().display()
        );
        fs::write(&config, fs::read_to_string(&config)? + &settings)?;
        server.run("pg_ctl", &["-D", &server.data(), "-l", &format!("{}/log", server.data()), "-w", "start"])?;
        Ok(Some(server))
    }

    fn data(&self) -> String {
        format!("{}/data", self.folder.path().display())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), AnyError> {
        let program = self.bin.join(program);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(&program);
                command
            }
            false => Command::new(&program),
        };
        let status = command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", program.display()).into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What is left of it goes with its folder.
        drop(self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]));
    }
}

/// A database with nothing in it, on the server of this URL.
pub async fn database(server: &str) -> Result<String, AnyError> {
    let name = format!("b{}", std::process::id());
    let client = connect(server).await?;
    client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    Ok(server.replacen("/postgres?", &format!("/{name}?"), 1))
}

/// A connection that lives as long as its client.
pub async fn connect(url: &str) -> Result<tokio_postgres::Client, AnyError> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    drop(tokio::runtime::Handle::current().spawn(connection));
    Ok(client)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0)
}

/// The newest installed version, 15 or later.
fn programs() -> Option<PathBuf> {
    let found = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = found.map(|entry| entry.path()).filter(|path| version(path) >= Some(15) && path.join("bin/initdb").exists());
    newest.max_by_key(|path| version(path)).map(|path| path.join("bin"))
}
