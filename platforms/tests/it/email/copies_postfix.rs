//! Hidden copies and reports, as a real server takes them.

use std::sync::Arc;

use notifyhub_platforms::{
    contract::{Envelope, ErrorKind, Message, Platform},
    email::{Dsn, DsnNotify, DsnReturn, Security},
};

use super::{
    build, envelope,
    postfix::{Postfix, field},
};

#[tokio::test]
async fn who_shares_a_mail_gets_it_without_the_others_addresses_and_has_an_outcome_of_his_own() {
    let postfix = Postfix::get();
    let mut config = postfix.config("plain", Security::StartTls);
    config.hidden_copies = true;
    let recipients = [
        "bob@example.test",
        "nobody@example.test",
        "full@example.test",
        "grey@example.test",
        "x@elsewhere.test",
        "carol@example.test",
    ];
    let first = envelope(recipients[0], Message::text("to all"));
    // The id makes the content this test's own.
    let message = Arc::new(Message::text(format!("to all <{}@", first.id)).title("Hidden"));
    let batch: Vec<_> = recipients
        .iter()
        .map(|to| Envelope { recipient: Some((*to).into()), message: message.clone(), ..first.clone() })
        .collect();
    let outcomes = build(config).send_batch(&batch).await;
    let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().err().map(|error| error.kind())).collect();
    use ErrorKind::{InvalidRecipient, Unauthorized, Unavailable};
    assert_eq!(kinds, [None, Some(InvalidRecipient), Some(Unavailable), Some(Unavailable), Some(Unauthorized), None]);
    let one = outcomes[0].as_ref().expect("accepted");
    assert_eq!(one, outcomes[5].as_ref().expect("accepted"), "one mail, one queue id");
    for (user, other) in [("bob", "carol@"), ("carol", "bob@")] {
        let mail = postfix.mail(user, first.id).await;
        assert_eq!(field(&mail, "Message-ID"), one.id.as_deref().map(str::to_owned));
        assert_eq!(field(&mail, "To").as_deref(), Some("undisclosed-recipients:;"));
        assert!(!mail.contains(other), "{mail}");
    }
}

#[tokio::test]
async fn reports_are_taken_by_a_server_that_offers_them() {
    let postfix = Postfix::get();
    let mut config = postfix.config("plain", Security::StartTls);
    config.envelope_from = Some("dave+{id}@example.test".into());
    config.dsn = Some(Dsn { notify: vec![DsnNotify::Success], ret: DsnReturn::Headers });
    let envelope = envelope("bob@example.test", Message::text("x"));
    build(config).send(&envelope).await.expect("accepted");
    let mail = postfix.mail("bob", envelope.id).await;
    assert_eq!(field(&mail, "Return-Path"), Some(format!("<dave+{}@example.test>", envelope.id)));
    assert_eq!(field(&mail, "X-Original-To").as_deref(), Some("bob@example.test"));
    // The report of the delivery is made for this envelope, whoever gets it.
    let line = postfix.log_lines(&format!("to=<dave+{}@example.test>", envelope.id), 1).await.remove(0);
    assert!(line.contains("status="), "{line}");
}
