//! What is said with `MAIL` and `RCPT`, by what the server offers.

use notifyhub_platforms::{
    contract::{ErrorKind, Message, Platform, Receipt, SendError},
    email::{Dsn, DsnNotify, DsnReturn, EmailConfig},
    testkit::SmtpScript,
};

use super::{build, envelope, plain};

const ALL: &str = "250-script.example.test\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN";

/// Sends to one recipient; gives the outcome, the id of the message and the commands that name sender and recipient.
async fn sent(
    offers: &str,
    recipient: &str,
    adjust: impl FnOnce(&mut EmailConfig),
) -> (Result<Receipt, SendError>, String, Vec<String>, Vec<String>) {
    let server = SmtpScript::start().await;
    server.always("EHLO", offers);
    let mut config = plain(&server);
    adjust(&mut config);
    let envelope = envelope(recipient, Message::text("x"));
    let outcome = build(config).send(&envelope).await;
    let lines = server.lines();
    let commands = lines.iter().filter(|line| line.starts_with("MAIL") || line.starts_with("RCPT")).cloned().collect();
    (outcome, envelope.id.to_string(), commands, lines)
}

/// Without the size, which differs from mail to mail.
fn without_size(command: &str) -> String {
    command.split(' ').filter(|word| !word.starts_with("SIZE=")).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn reports_are_asked_for_where_the_server_offers_them() {
    use DsnNotify::{Delay, Failure, Success};
    for (notify, ret, said) in [
        (vec![Failure, Delay], DsnReturn::Headers, ("RET=HDRS", "NOTIFY=FAILURE,DELAY")),
        (vec![Success, Failure, Delay], DsnReturn::Full, ("RET=FULL", "NOTIFY=SUCCESS,FAILURE,DELAY")),
        (vec![], DsnReturn::Headers, ("RET=HDRS", "NOTIFY=NEVER")),
    ] {
        let (outcome, id, commands, _) = sent(ALL, "ada+x@example.com", |config| config.dsn = Some(Dsn { notify, ret })).await;
        outcome.expect("accepted");
        assert_eq!(without_size(&commands[0]), format!("MAIL FROM:<alerts@example.org> {} ENVID={id}", said.0));
        assert_eq!(commands[1], format!("RCPT TO:<ada+x@example.com> {} ORCPT=rfc822;ada+2Bx@example.com", said.1));
    }
}

#[tokio::test]
async fn nothing_is_said_that_the_server_does_not_offer() {
    let dsn = Dsn { notify: vec![DsnNotify::Failure], ret: DsnReturn::Full };
    let (outcome, _, commands, _) = sent("250 plain.example.test", "ada@example.com", |config| config.dsn = Some(dsn)).await;
    outcome.expect("accepted");
    assert_eq!(commands, ["MAIL FROM:<alerts@example.org>", "RCPT TO:<ada@example.com>"]);
}

#[tokio::test]
async fn no_reports_are_asked_for_unless_configured() {
    let (_, _, commands, _) = sent(ALL, "ada@example.com", |_| ()).await;
    assert_eq!(without_size(&commands[0]), "MAIL FROM:<alerts@example.org>");
    assert_eq!(commands[1], "RCPT TO:<ada@example.com>");
}

#[tokio::test]
async fn the_size_that_is_told_is_that_of_the_mail() {
    let (_, _, commands, lines) = sent(ALL, "ada@example.com", |_| ()).await;
    let mail: Vec<_> = lines.iter().skip_while(|line| *line != "DATA").skip(1).take_while(|line| *line != ".").collect();
    // The CRLF that belongs to the lone dot makes an empty last line.
    let bytes: usize = mail.iter().map(|line| line.len() + 2).sum::<usize>() - 2;
    assert_eq!(commands[0], format!("MAIL FROM:<alerts@example.org> SIZE={bytes}"));
}

#[tokio::test]
async fn a_mail_that_is_larger_than_the_server_takes_is_not_begun() {
    let (outcome, _, commands, _) = sent("250-x\r\n250 SIZE 100", "ada@example.com", |_| ()).await;
    let error = outcome.expect_err("too large");
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidMessage, Some("552 5.3.4")), "{error}");
    assert!(commands.is_empty(), "{commands:?}");
}

#[tokio::test]
async fn an_address_outside_ascii_is_sent_as_it_is_where_the_server_can() {
    let dsn = Dsn { notify: vec![DsnNotify::Failure], ret: DsnReturn::Headers };
    let (outcome, id, commands, lines) = sent(ALL, "Zoë <zoë@example.com>", |config| config.dsn = Some(dsn)).await;
    outcome.expect("accepted");
    assert_eq!(without_size(&commands[0]), format!("MAIL FROM:<alerts@example.org> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID={id}"));
    assert_eq!(commands[1], "RCPT TO:<zoë@example.com> NOTIFY=FAILURE ORCPT=utf-8;zoë@example.com");
    assert!(lines.iter().any(|line| line.starts_with("To: ") && line.ends_with("<zoë@example.com>")), "{lines:?}");
}

#[tokio::test]
async fn an_address_outside_ascii_is_refused_where_the_server_cannot() {
    let (outcome, _, commands, _) = sent("250-x\r\n250 8BITMIME", "zoë@example.com", |_| ()).await;
    let error = outcome.expect_err("no SMTPUTF8");
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRecipient, Some("553 5.6.7")), "{error}");
    assert!(commands.is_empty(), "{commands:?}");
    for adjust in [
        (|config| config.from = "Zoë <zoë@example.org>".into()) as fn(&mut EmailConfig),
        |config| config.envelope_from = Some("zoë@example.org".into()),
        |config| config.reply_to = Some("zoë@example.org".into()),
    ] {
        let (outcome, ..) = sent("250 x", "ada@example.com", adjust).await;
        let error = outcome.expect_err("no SMTPUTF8");
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidMessage, Some("550 5.6.7")), "{error}");
    }
}

#[tokio::test]
async fn text_outside_ascii_needs_nothing_of_the_server() {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    config.from = "Größe <alerts@example.org>".into();
    config.headers.insert("X-Team".into(), "fünf".into());
    let message = Message::markdown("**fünf** 🎉").title("Größe");
    build(config).send(&envelope("Zoë <ada@example.com>", message)).await.expect("accepted");
    assert!(server.lines().iter().all(|line| line.is_ascii()), "{:?}", server.lines());
    assert!(server.lines().contains(&"MAIL FROM:<alerts@example.org>".to_owned()));
}

#[tokio::test]
async fn a_bounce_address_can_name_the_message() {
    let (_, id, commands, _) =
        sent(ALL, "ada@example.com", |config| config.envelope_from = Some("bounce+{id}@example.net".into())).await;
    assert_eq!(without_size(&commands[0]), format!("MAIL FROM:<bounce+{id}@example.net>"));
}
