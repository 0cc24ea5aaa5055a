//! What a mail says, and which configurations there are.

use notifyhub_platforms::{
    Registry,
    contract::{Envelope, ErrorKind, Message, Platform, Priority},
    email::{EmailConfig, ListUnsubscribe},
    testkit::SmtpScript,
};
use serde_json::{Value, json};

use super::{build, envelope, parts, plain};

/// The lines of the mail that goes out, up to its end.
async fn mail(adjust: impl FnOnce(&mut EmailConfig), envelope: &Envelope) -> Vec<String> {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    adjust(&mut config);
    build(config).send(envelope).await.expect("accepted");
    server.lines()
}

fn has(lines: &[String], line: &str) -> bool {
    lines.iter().any(|found| found == line)
}

#[tokio::test]
async fn every_attempt_of_an_envelope_is_the_same_mail() {
    let mut envelope = envelope("ada@example.com", Message::markdown("**x**"));
    let first = mail(|_| (), &envelope).await;
    envelope.attempt = 2;
    assert_eq!(mail(|_| (), &envelope).await, first);
}

#[tokio::test]
async fn the_subject_is_the_title_or_the_first_line_or_the_default() {
    let long = "x".repeat(400);
    let cut = format!("{}…", "x".repeat(199));
    for (message, default, subject) in [
        (Message::text("body").title("title"), Some("default"), "title"),
        (Message::text("body").title("two\nlines"), None, "two lines"),
        (Message::text("body\nmore"), Some("default"), "default"),
        (Message::markdown("\n# Heading\nmore"), None, "Heading"),
        (Message::text(""), None, "Notification"),
        (Message::text("x").title(" "), None, "x"),
    ] {
        let lines = mail(|config| config.subject = default.map(str::to_owned), &envelope("ada@example.com", message)).await;
        assert!(has(&lines, &format!("Subject: {subject}")), "{subject}: {lines:?}");
    }
    let lines = mail(|_| (), &envelope("ada@example.com", Message::text("body").title(long))).await;
    assert!(
        !lines.iter().any(|line| line.contains(&cut)) && lines.iter().all(|line| line.len() <= 998),
        "a cut subject is encoded: {lines:?}"
    );
}

#[tokio::test]
async fn priorities_are_told_unless_normal() {
    for (priority, number, word) in [(Priority::Low, "5", "low"), (Priority::High, "2", "high"), (Priority::Urgent, "1", "high")]
    {
        let lines = mail(|_| (), &envelope("ada@example.com", Message::text("x").priority(priority))).await;
        assert!(has(&lines, &format!("X-Priority: {number}")) && has(&lines, &format!("Importance: {word}")), "{lines:?}");
    }
    let lines = mail(|_| (), &envelope("ada@example.com", Message::text("x"))).await;
    assert!(!lines.iter().any(|line| line.starts_with("X-Priority") || line.starts_with("Importance")));
}

#[tokio::test]
async fn recipients_can_unsubscribe_with_one_click() {
    let list = ListUnsubscribe {
        url: Some("https://example.org/u/{recipient}?m={id}".into()),
        mailto: Some("leave@example.org".into()),
    };
    let envelope = envelope("ada+x@example.com", Message::text("x"));
    let lines = mail(|config| config.list_unsubscribe = Some(list), &envelope).await;
    let unfolded = lines.join("\n").replace("\n ", " ");
    let expected = format!(
        "\nList-Unsubscribe: <https://example.org/u/ada%2Bx%40example%2Ecom?m={}>, <mailto:leave@example.org>\n",
        envelope.id
    );
    assert!(unfolded.contains(&expected), "{unfolded}");
    assert!(has(&lines, "List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
}

#[tokio::test]
async fn bounces_go_where_the_configuration_says() {
    for (envelope_from, command) in [
        (None, "MAIL FROM:<alerts@example.org>"),
        (Some("bounces@example.org"), "MAIL FROM:<bounces@example.org>"),
        (Some("<>"), "MAIL FROM:<>"),
    ] {
        let lines = mail(
            |config| config.envelope_from = envelope_from.map(str::to_owned),
            &envelope("ada@example.com", Message::text("x")),
        )
        .await;
        assert!(has(&lines, command), "{lines:?}");
    }
}

#[tokio::test]
async fn html_has_a_text_part_and_its_extras_inside_the_page() {
    let mut message = Message::html("<html><body><p>Hi &amp; bye</p></body></html>");
    message.extras_mut().click_url = Some("https://example.org/".into());
    let lines = mail(|_| (), &envelope("ada@example.com", message)).await.join("\n").replace("=\n", "").replace("=3D", "=");
    assert!(lines.contains("\nHi & bye\n"), "{lines}");
    assert!(lines.contains("<a href=\"https://example.org/\">Link</a></p>\n</body></html>"), "{lines}");
    assert!(lines.find("text/plain") < lines.find("text/html"), "the richest part comes last");
}

#[tokio::test]
async fn a_recipient_that_is_no_mailbox_is_refused_before_anything_is_sent() {
    let server = SmtpScript::start().await;
    let platform = build(plain(&server));
    for recipient in [None, Some(""), Some("ada"), Some("ada@example.com, bob@example.com"), Some("ada@example.com\r\nDATA")] {
        assert_eq!(platform.verify(recipient).expect_err("refused").kind(), ErrorKind::InvalidRecipient);
        let mut envelope = envelope("x", Message::text("x"));
        envelope.recipient = recipient.map(Into::into);
        assert_eq!(platform.send(&envelope).await.expect_err("refused").kind(), ErrorKind::InvalidRecipient);
    }
    assert_eq!(server.connections(), 0);
    platform.verify(Some("Ada <ada@example.com>")).expect("a mailbox");
}

fn oauth2(token_url: &str) -> Value {
    json!({"token_url": token_url, "client_id": "hub", "client_secret": "cs", "refresh_token": "rt"})
}

#[test]
fn a_configuration_that_cannot_work_names_the_key() {
    let registry = Registry::builtin();
    let base = json!({"host": "smtp.example.org", "from": "alerts@example.org"});
    for (change, key) in [
        (json!({"from": "alerts"}), Some("from")),
        (json!({"from": "A\r\nBcc: x <alerts@example.org>"}), Some("from")),
        (json!({"host": ""}), Some("host")),
        (json!({"reply_to": "x"}), Some("reply_to")),
        (json!({"envelope_from": "x"}), Some("envelope_from")),
        (json!({"headers": {"Bcc": "x@example.org"}}), Some("headers")),
        (json!({"username": "ada"}), Some("password")),
        (json!({"password": "x"}), Some("username")),
        (json!({"username": "a", "password": "x", "access_token": "y"}), Some("access_token")),
        (json!({"username": "a", "password": "x", "auth_mechanisms": ["xoauth2"]}), Some("auth_mechanisms")),
        (json!({"username": "a\u{0}", "password": "x"}), Some("username")),
        (json!({"helo_name": "a b"}), Some("helo_name")),
        (json!({"max_connections": 0}), Some("max_connections")),
        (json!({"max_messages_per_connection": 0}), Some("max_messages_per_connection")),
        (json!({"list_unsubscribe": {}}), Some("list_unsubscribe")),
        (json!({"list_unsubscribe": {"url": "http://example.org"}}), Some("list_unsubscribe")),
        (json!({"list_unsubscribe": {"mailto": "x"}}), Some("list_unsubscribe")),
        (json!({"ca_file": "/no/such/file"}), Some("ca_file")),
        (json!({"client_cert_file": "/no/such/file", "client_key": "x"}), Some("client_cert_file")),
        (json!({"client_cert_file": "Cargo.toml", "client_key": "x"}), Some("client_cert_file")),
        (json!({"client_cert_file": "/no/such/file"}), Some("client_key")),
        (json!({"client_key": "x"}), Some("client_cert_file")),
        (json!({"tls_min_version": "1.1"}), Some("tls_min_version")),
        (json!({"hidden_copies": true, "max_recipients_per_transaction": 0}), Some("max_recipients_per_transaction")),
        (json!({"hidden_copies": true, "max_recipients_per_transaction": 1001}), Some("max_recipients_per_transaction")),
        (json!({"max_recipients_per_transaction": 10}), Some("max_recipients_per_transaction")),
        (json!({"list_name": "Staff"}), Some("list_name")),
        (json!({"hidden_copies": true, "list_name": "a:b@c;"}), Some("list_name")),
        (json!({"hidden_copies": true, "list_unsubscribe": {"url": "https://x.example/{recipient}"}}), Some("list_unsubscribe")),
        (json!({"envelope_from": "bounce@{id}.example.com"}), Some("envelope_from")),
        (json!({"envelope_from": "b {id}@example.com"}), Some("envelope_from")),
        (json!({"dsn": {"notify": ["never"]}}), Some("dsn.notify[0]")),
        (json!({"dkim": {"selector": "s1"}}), Some("dkim")),
        (json!({"dkim": {"selector": "s1", "private_key": "x", "algorithm": "dsa"}}), Some("dkim.algorithm")),
        (json!({"username": "a", "oauth2": oauth2("ftp://x.example/t")}), Some("oauth2.token_url")),
        (json!({"username": "a", "password": "x", "oauth2": oauth2("https://x.example/t")}), Some("oauth2")),
        (json!({"oauth2": oauth2("https://x.example/t")}), Some("username")),
        (
            json!({"username": "a", "oauth2": oauth2("https://x.example/t"), "auth_mechanisms": ["plain"]}),
            Some("auth_mechanisms"),
        ),
        (json!({"command_timeout": "soon"}), Some("command_timeout")),
        (json!({"command_timeout": "0s"}), Some("command_timeout")),
        (json!({"security": "ssl"}), Some("security")),
        (json!({"auth_mechanisms": ["cram-md5"]}), Some("auth_mechanisms[0]")),
        (json!({"smtp_host": "x"}), Some("smtp_host")),
    ] {
        let mut table = base.clone();
        table.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let error = registry.build("email", table, &parts()).err().unwrap_or_else(|| panic!("{change} is refused"));
        assert_eq!(error.key.as_deref(), key, "{change}: {error}");
    }
    registry.build("email", base, &parts()).expect("the base is good");
}

#[test]
fn every_key_of_the_table_is_described() {
    let schema = Registry::builtin().schema("email").expect("a schema");
    let keys = schema.get("properties").and_then(Value::as_object).expect("properties");
    assert!(keys.len() > 20 && keys.values().all(|key| key.get("description").is_some()), "{keys:?}");
}
