//! The private Postfix that `./test` starts, as the tests see it.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use notifyhub_platforms::{
    contract::{EnvelopeId, Secret},
    email::{EmailConfig, Security},
};

const VARIABLE: &str = "NOTIFYHUB_TEST_SMTP";

/// Where the server is and what it knows; see `tests/servers/postfix.sh`.
pub(super) struct Postfix {
    words: HashMap<String, String>,
}

impl Postfix {
    /// Reads the coordinates `./test` hands over.
    pub(super) fn get() -> Self {
        let text = env::var(VARIABLE).unwrap_or_else(|_| {
            panic!("{VARIABLE} is not set: these tests need the mail server that ./test starts; leave them out with ./test quick")
        });
        let words = text.split_whitespace().filter_map(|word| word.split_once('='));
        Self { words: words.map(|(key, value)| (key.to_owned(), value.to_owned())).collect() }
    }

    fn word(&self, key: &str) -> &str {
        self.words.get(key).unwrap_or_else(|| panic!("{VARIABLE} has no `{key}=`"))
    }

    /// For one of its ports: `plain`, `submission`, `tls` or `old`.
    pub(super) fn config(&self, port: &str, security: Security) -> EmailConfig {
        let mut config = EmailConfig::new(self.word("host"), "Acme Alerts <alerts@example.org>");
        config.port = Some(self.word(port).parse().expect("a port"));
        config.security = security;
        config.ca_file = (security != Security::None).then(|| PathBuf::from(self.word("ca")));
        config
    }

    /// The same with the login of its only user.
    pub(super) fn config_with_login(&self, port: &str, security: Security) -> EmailConfig {
        let mut config = self.config(port, security);
        config.username = Some(self.word("user").to_owned());
        config.password = Some(Secret::new(self.word("password")));
        config
    }

    /// The certificate of a client and its key, as files.
    pub(super) fn client_certificate(&self) -> (PathBuf, PathBuf) {
        (PathBuf::from(self.word("cert")), PathBuf::from(self.word("key")))
    }

    /// The mail of this envelope in a user's Maildir. Delivery is asynchronous, so this looks until it is there.
    pub(super) async fn mail(&self, user: &str, id: EnvelopeId) -> String {
        let folder = Path::new(self.word("maildir")).join(user).join("new");
        let wanted = format!("<{id}@");
        for _ in 0..600 {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                if text.contains(&wanted) {
                    return text;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no mail {wanted}…> in {} after 30 s", folder.display());
    }

    /// The lines of its log with this text in them, once there are at least `count`.
    pub(super) async fn log_lines(&self, text: &str, count: usize) -> Vec<String> {
        for _ in 0..600 {
            let log = fs::read_to_string(self.word("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect();
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server's log has not {count} lines with `{text}` after 30 s");
    }
}

/// The value of a header field, unfolded.
pub(super) fn field<'a>(mail: &'a str, name: &str) -> Option<String> {
    let mut lines = mail.lines().take_while(|line| !line.is_empty());
    let is_field = |line: &&'a str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
    let first = lines.by_ref().find(is_field)?.split_once(':')?.1.trim().to_owned();
    let folded = lines.take_while(|line| line.starts_with([' ', '\t']));
    Some(folded.fold(first, |value, line| value + " " + line.trim()))
}
