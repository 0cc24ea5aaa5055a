//! Runs the real command, in a folder and an environment of its own.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr},
};

/// A folder to run the command in.
pub struct Desk {
    folder: tempfile::TempDir,
}

/// What a run left behind.
pub struct Run {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A folder with a `notifyhub.toml` in it that only we can read.
    pub fn with_config(text: &str) -> Self {
        let desk = Self::new();
        desk.write("notifyhub.toml", text);
        desk
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join(name);
        fs::write(&path, text).expect("the folder is writable");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).expect(name)
    }

    /// The command with these arguments, split at spaces; nothing of our own environment reaches it.
    pub fn command(&self, arguments: &str, env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notifyhub"));
        command.args(arguments.split_whitespace()).current_dir(self.path()).stdin(Stdio::null());
        command.env_clear().env("HOME", self.path()).env("PATH", "/usr/bin:/bin");
        // Nobody else's service is asked, and no port is taken, unless a test says so.
        command.env("NOTIFYHUB__SERVER__LISTEN", "").envs(env.iter().copied());
        command
    }

    pub fn run(&self, arguments: &str) -> Run {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &str, env: &[(&str, &str)]) -> Run {
        let Output { status, stdout, stderr } = self.command(arguments, env).output().expect("the command starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Run { out: text(stdout), err: text(stderr), code: status.code().expect("it ends by itself") }
    }
}

impl Run {
    /// Its output, when it went well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Its output as JSON, when it went well.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }
}

/// A service whose log is piped, and where it says that it answers: told to listen on port 0, it takes one that is free.
/// The rest of its log is to be held as long as it may say something.
pub async fn serving(mut child: Child) -> (Child, String, Lines<BufReader<ChildStderr>>) {
    let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
    let address = loop {
        let line = log.next_line().await.expect("text").expect("it answers before it ends");
        if let Some((_, address)) = line.split_once("answering the API at http://") {
            break address.trim().to_owned();
        }
    };
    (child, address, log)
}

/// Tells whoever watches a long proof how far it is.
pub fn tell(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}
