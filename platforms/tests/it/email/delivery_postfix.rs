//! What arrives, read back from the Maildir: by eye, and by an implementation that is not ours.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use bytes::Bytes;
use notifyhub_platforms::{
    contract::{Action, ActionStyle, Attachment, AttachmentContent, Field, Message, Platform, Priority},
    email::Security,
};
use serde_json::{Value, json};

use super::{
    build, envelope,
    postfix::{Postfix, field},
};

/// Prints what Python's own `email` package makes of the mail on its stdin.
const READER: &str = r"
import sys, json, base64, email, email.policy
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = [{'type': p.get_content_type(), 'name': p.get_filename(), 'data': base64.b64encode(p.get_payload(decode=True)).decode()}
         for p in m.walk() if not p.is_multipart()]
print(json.dumps({'subject': m['subject'], 'from': m['from'].addresses[0].display_name, 'to': m['to'].addresses[0].display_name,
                  'to_address': m['to'].addresses[0].addr_spec, 'tree': [p.get_content_type() for p in m.walk()],
                  'defects': [str(d) for p in m.walk() for d in p.defects], 'parts': parts}))
";

fn read_by_python(mail: &str) -> Value {
    let mut python = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed");
    python.stdin.take().expect("piped").write_all(mail.as_bytes()).expect("python reads");
    let output = python.wait_with_output().expect("python ends");
    assert!(output.status.success(), "python could not read the mail");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn decoded(part: &Value) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(part["data"].as_str().expect("a string")).expect("base64")
}

#[tokio::test]
async fn a_plain_mail_arrives_with_its_headers_and_its_receipt_names_it() {
    let postfix = Postfix::get();
    let mut config = postfix.config("plain", Security::StartTls);
    config.reply_to = Some("Desk <desk@example.org>".into());
    config.headers.insert("X-Team".into(), "ops".into());
    let mut message = Message::text("The disk of db-3 is full.\n.\n..two dots\n").title("Disk full").priority(Priority::Urgent);
    message.extras_mut().thread_key = Some("db-3".into());
    let envelope = envelope("Ada <bob@example.test>", message);
    let receipt = build(config).send(&envelope).await.expect("accepted");

    let id = format!("<{}@example.org>", envelope.id);
    assert_eq!(receipt.id.as_deref(), Some(&*id));
    assert!(receipt.detail.as_deref().is_some_and(|detail| detail.contains("queued as")), "{receipt:?}");
    let mail = postfix.mail("bob", envelope.id).await;
    for (name, value) in [
        ("Message-ID", &*id),
        ("From", "\"Acme Alerts\" <alerts@example.org>"),
        ("To", "Ada <bob@example.test>"),
        ("Reply-To", "Desk <desk@example.org>"),
        ("Subject", "Disk full"),
        ("Date", "Mon, 21 Sep 2026 14:13:20 +0000"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Priority", "1"),
        ("Importance", "high"),
        ("X-Team", "ops"),
        ("MIME-Version", "1.0"),
        ("Return-Path", "<alerts@example.org>"),
    ] {
        assert_eq!(field(&mail, name).as_deref(), Some(value), "{name}");
    }
    assert!(field(&mail, "References").is_some_and(|thread| thread.starts_with("<thread-") && thread.ends_with("@example.org>")));
    assert_eq!(field(&mail, "References"), field(&mail, "In-Reply-To"));
    assert_eq!(field(&mail, "Bcc"), None);
    assert!(
        mail.replace("\r\n", "\n").contains("\n\nThe disk of db-3 is full.\n.\n..two dots\n"),
        "dots survive the wire: {mail}"
    );
}

#[tokio::test]
async fn an_independent_reader_finds_the_same_mail() {
    let postfix = Postfix::get();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let csv = "a,b\n1,2\r\n\n";
    let mut message = Message::markdown("# Größe\n\n**fünf** <b>&</b> [Link](https://example.org/?a=1&b=2)")
        .title("Größe: „fünf“, naïve 🎉, and a tail that is long enough to be folded");
    let extras = message.extras_mut();
    extras.fields.push(Field { name: "host".into(), value: "db-3 <x>".into() });
    extras.actions.push(Action { label: "Open".into(), url: "https://example.org/open".into(), style: ActionStyle::Primary });
    let file = |name: &str, mime: &str, content: &[u8]| Attachment {
        name: name.into(),
        mime: mime.into(),
        content: AttachmentContent::Bytes(Bytes::copy_from_slice(content)),
    };
    extras.attachments = vec![
        file("bytes.bin", "application/octet-stream", &bytes),
        file("Übersicht \"Q3\".csv", "text/csv", csv.as_bytes()),
        Attachment {
            name: "manual.pdf".into(),
            mime: "application/pdf".into(),
            content: AttachmentContent::Url("https://example.org/manual.pdf".into()),
        },
    ];
    let envelope = envelope("\"Zoë, the 2nd\" <carol@example.test>", message);
    build(postfix.config("plain", Security::StartTls)).send(&envelope).await.expect("accepted");

    let read = read_by_python(&postfix.mail("carol", envelope.id).await);
    assert_eq!(read["subject"], "Größe: „fünf“, naïve 🎉, and a tail that is long enough to be folded");
    assert_eq!((&read["from"], &read["to"]), (&json!("Acme Alerts"), &json!("Zoë, the 2nd")));
    assert_eq!(read["to_address"], "carol@example.test");
    assert_eq!(read["defects"], json!([]));
    assert_eq!(
        read["tree"],
        json!(["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/octet-stream", "text/csv"])
    );
    let parts = read["parts"].as_array().expect("an array");
    let text = String::from_utf8(decoded(&parts[0])).expect("UTF-8").replace("\r\n", "\n");
    assert!(text.starts_with("# Größe\n\n**fünf** <b>&</b>"), "the source is the text part: {text}");
    assert!(
        text.contains("\n\nhost: db-3 <x>\n\nOpen: https://example.org/open\nmanual.pdf: https://example.org/manual.pdf"),
        "{text}"
    );
    let html = String::from_utf8(decoded(&parts[1])).expect("UTF-8");
    for piece in [
        "<strong>fünf</strong> &lt;b&gt;&amp;&lt;/b&gt;",
        "<td>db-3 &lt;x&gt;</td>",
        "<a href=\"https://example.org/open\">Open</a>",
        "manual.pdf</a>",
    ] {
        assert!(html.contains(piece), "{piece} in {html}");
    }
    assert_eq!((&parts[2]["name"], decoded(&parts[2])), (&json!("bytes.bin"), bytes));
    assert_eq!((&parts[3]["name"], decoded(&parts[3])), (&json!("Übersicht \"Q3\".csv"), csv.as_bytes().to_vec()));
}

#[tokio::test]
async fn an_address_outside_ascii_is_delivered_where_the_server_can() {
    let postfix = Postfix::get();
    let error = build(postfix.config("plain", Security::None))
        .send(&envelope("böb@example.test", Message::text("x")))
        .await
        .expect_err("unknown");
    assert_eq!(error.code(), Some("550 5.1.1"), "the address itself was understood: {error}");
}

#[tokio::test]
async fn connections_are_reused_up_to_their_limit() {
    let postfix = Postfix::get();
    let mut config = postfix.config("plain", Security::None);
    config.max_messages_per_connection = 2;
    config.helo_name = Some(format!("reuse-{}.example.org", std::process::id()));
    let name = config.helo_name.clone().expect("just set");
    let platform = build(config);
    let mut sent = Vec::new();
    for _ in 0..4 {
        let envelope = envelope("dave@example.test", Message::text("again"));
        platform.send(&envelope).await.expect("accepted");
        sent.push(envelope.id);
    }
    let mut sessions = Vec::new();
    for id in sent {
        let mail = postfix.mail("dave", id).await;
        assert!(mail.contains(&name), "the name of the greeting is in the Received field");
        let line = postfix.log_lines(&format!("<{id}@"), 1).await.remove(0);
        let queue_id = line.split("cleanup[").nth(1).and_then(|rest| rest.split(": ").nth(1)).expect("a queue id").to_owned();
        let line = postfix.log_lines(&format!("{queue_id}: client="), 1).await.remove(0);
        sessions.push(line.split("smtpd[").nth(1).and_then(|rest| rest.split(']').next()).expect("a process").to_owned());
    }
    assert_eq!(sessions[0], sessions[1]);
    assert_eq!(sessions[2], sessions[3]);
    let good_byes = postfix.log_lines("commands=9", 1).await;
    assert!(
        good_byes.iter().any(|line| line.contains("disconnect") && line.contains("mail=2") && line.contains("quit=1")),
        "{good_byes:?}"
    );
}
