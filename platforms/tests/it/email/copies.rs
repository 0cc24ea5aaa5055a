//! Hidden copies: one mail for several, an outcome for each.

use std::sync::Arc;

use notifyhub_platforms::{
    contract::{Envelope, ErrorKind, Message, Platform, Receipt, SendError},
    email::Email,
    testkit::{SmtpReaction, SmtpScript},
};

use super::{build, envelope, plain};

type Outcomes = Vec<Result<Receipt, SendError>>;

const THREE: [&str; 3] = ["ada@example.com", "bob@example.com", "eve@example.com"];

fn sharing(server: &SmtpScript) -> Email {
    let mut config = plain(server);
    config.hidden_copies = true;
    build(config)
}

/// One message for several, as the engine hands it over.
fn batch(recipients: &[&str]) -> Vec<Envelope> {
    let message = Arc::new(Message::text("hello").title("To all"));
    let one = |recipient: &&str| Envelope { message: message.clone(), ..envelope(recipient, Message::text("")) };
    recipients.iter().map(one).collect()
}

fn kinds(outcomes: &Outcomes) -> Vec<Option<ErrorKind>> {
    outcomes.iter().map(|outcome| outcome.as_ref().err().map(SendError::kind)).collect()
}

/// The commands about senders and recipients and the end of each mail.
fn commands(server: &SmtpScript) -> Vec<String> {
    let is_one = |line: &String| ["MAIL", "RCPT", "DATA", "RSET"].iter().any(|verb| line.starts_with(verb)) || line == ".";
    server.lines().into_iter().filter(is_one).collect()
}

/// The lines of the mails, without the commands around them.
fn mails(server: &SmtpScript) -> Vec<Vec<String>> {
    let lines = server.lines();
    let mails = lines.split(|line| line == "DATA").skip(1);
    mails.map(|mail| mail.iter().take_while(|line| *line != ".").cloned().collect()).collect()
}

#[tokio::test]
async fn who_shares_a_mail_is_named_in_one_transaction_and_nowhere_in_the_mail() {
    let server = SmtpScript::start().await;
    let outcomes = sharing(&server).send_batch(&batch(&THREE)).await;
    assert_eq!(
        commands(&server),
        [
            "MAIL FROM:<alerts@example.org>",
            "RCPT TO:<ada@example.com>",
            "RCPT TO:<bob@example.com>",
            "RCPT TO:<eve@example.com>",
            "DATA",
            "."
        ]
    );
    let mail = mails(&server).remove(0);
    assert!(mail.contains(&"To: undisclosed-recipients:;".to_owned()), "{mail:?}");
    assert!(!mail.iter().any(|line| line.contains("@example.com")), "{mail:?}");
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().expect("accepted").id.clone()).collect();
    assert!(ids[0].is_some() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(mail.contains(&format!("Message-ID: {}", ids[0].as_deref().unwrap_or_default())), "{mail:?}");
}

#[tokio::test]
async fn without_hidden_copies_everybody_gets_a_mail_of_his_own() {
    let server = SmtpScript::start().await;
    build(plain(&server)).send_batch(&batch(&THREE)).await;
    let mails = mails(&server);
    for (mail, recipient) in mails.iter().zip(THREE) {
        assert!(mail.contains(&format!("To: {recipient}")), "{mail:?}");
        assert!(!mail.iter().any(|line| line.contains("@example.com") && !line.contains(recipient)), "{mail:?}");
    }
    assert_eq!(mails.len(), 3);
}

#[tokio::test]
async fn each_who_shares_a_mail_has_an_outcome_of_his_own() {
    let server = SmtpScript::start().await;
    server.next("RCPT", "250 ok");
    server.next("RCPT", "550 5.1.1 no such user");
    server.next("RCPT", "451 4.7.1 greylisted");
    server.next("RCPT", "554 5.7.1 relay access denied");
    let recipients = ["a@example.com", "b@example.com", "nobody at all", "c@example.com", "d@example.com", "böb@example.com"];
    let outcomes = sharing(&server).send_batch(&batch(&recipients)).await;
    use ErrorKind::{InvalidRecipient, Unauthorized, Unavailable};
    assert_eq!(
        kinds(&outcomes),
        [None, Some(InvalidRecipient), Some(InvalidRecipient), Some(Unavailable), Some(Unauthorized), Some(InvalidRecipient)]
    );
    assert_eq!(mails(&server).len(), 1);
    assert!(!commands(&server).iter().any(|line| line.contains("böb") || line.contains("nobody")), "{:?}", commands(&server));
}

#[tokio::test]
async fn a_server_that_wants_no_more_recipients_gets_the_others_in_the_next_transaction() {
    for reply in ["452 4.5.3 too many recipients", "452 Too many recipients", "552 Too many recipients"] {
        let server = SmtpScript::start().await;
        server.next("RCPT", "250 ok");
        server.next("RCPT", reply);
        let outcomes = sharing(&server).send_batch(&batch(&THREE)).await;
        assert_eq!(kinds(&outcomes), [None, None, None], "{reply}");
        let commands = commands(&server);
        assert_eq!(
            commands[..5].join(" "),
            "MAIL FROM:<alerts@example.org> RCPT TO:<ada@example.com> RCPT TO:<bob@example.com> DATA ."
        );
        assert_eq!(
            commands[5..].join(" "),
            "MAIL FROM:<alerts@example.org> RCPT TO:<bob@example.com> RCPT TO:<eve@example.com> DATA ."
        );
        assert_eq!(mails(&server)[0], mails(&server)[1], "both transactions carry the same mail");
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_server_that_wants_nobody_at_all_is_not_asked_for_ever() {
    let server = SmtpScript::start().await;
    server.always("RCPT", "452 4.5.3 too many recipients");
    let outcomes = sharing(&server).send_batch(&batch(&THREE)).await;
    assert_eq!(kinds(&outcomes), [Some(ErrorKind::RateLimited); 3]);
    assert_eq!(commands(&server).len(), 5, "MAIL, three RCPT, RSET: {:?}", commands(&server));
}

#[tokio::test]
async fn no_transaction_has_more_recipients_than_allowed() {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    config.hidden_copies = true;
    config.max_recipients_per_transaction = Some(2);
    let recipients: Vec<_> = (0..5).map(|n| format!("r{n}@example.com")).collect();
    let outcomes = build(config).send_batch(&batch(&recipients.iter().map(|one| &**one).collect::<Vec<_>>())).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let counts: Vec<_> = commands(&server)
        .split(|line| line.starts_with("MAIL"))
        .map(|lines| lines.iter().filter(|line| line.starts_with("RCPT")).count())
        .collect();
    assert_eq!(counts, [0, 2, 2, 1]);
}

#[tokio::test]
async fn the_answer_to_the_mail_is_for_all_who_were_not_refused() {
    for (reaction, kind) in [
        (SmtpReaction::from("554 5.7.1 spam"), ErrorKind::InvalidMessage),
        (SmtpReaction::Close, ErrorKind::Ambiguous),
        ("451 4.3.0 queue file write error".into(), ErrorKind::Unavailable),
    ] {
        let server = SmtpScript::start().await;
        server.next("RCPT", "250 ok");
        server.next("RCPT", "550 5.1.1 no such user");
        server.next(".", reaction);
        let outcomes = sharing(&server).send_batch(&batch(&THREE)).await;
        assert_eq!(kinds(&outcomes), [Some(kind), Some(ErrorKind::InvalidRecipient), Some(kind)]);
    }
}

#[tokio::test]
async fn a_mail_refused_for_the_sake_of_one_recipient_is_sent_to_each_alone() {
    for (reply, kind) in [
        ("550 5.1.1 no such user", ErrorKind::InvalidRecipient),
        ("552 5.2.2 over quota", ErrorKind::InvalidMessage),
        ("452 4.2.2 mailbox full", ErrorKind::Unavailable),
    ] {
        let server = SmtpScript::start().await;
        server.next(".", reply);
        server.next(".", "250 2.0.0 queued");
        server.next(".", reply);
        let outcomes = sharing(&server).send_batch(&batch(&THREE)).await;
        assert_eq!(kinds(&outcomes), [None, Some(kind), None], "{reply}");
        assert_eq!((mails(&server).len(), server.connections()), (4, 1));
    }
}

#[tokio::test]
async fn a_connection_lost_among_the_recipients_is_unavailable_for_who_was_not_refused() {
    for reaction in [SmtpReaction::Close, "421 4.3.2 shutting down".into()] {
        let server = SmtpScript::start().await;
        server.next("RCPT", "550 5.1.1 no such user");
        server.next("RCPT", "250 ok");
        server.next("RCPT", reaction);
        let outcomes = sharing(&server).send_batch(&batch(&THREE)).await;
        use ErrorKind::{InvalidRecipient, Unavailable};
        assert_eq!(kinds(&outcomes), [Some(InvalidRecipient), Some(Unavailable), Some(Unavailable)]);
        assert!(mails(&server).is_empty());
    }
}

#[tokio::test]
async fn where_nobody_is_accepted_no_mail_is_sent_and_the_connection_goes_on() {
    let server = SmtpScript::start().await;
    (0..3).for_each(|_| server.next("RCPT", "550 5.1.1 no such user"));
    let platform = sharing(&server);
    assert_eq!(kinds(&platform.send_batch(&batch(&THREE)).await), [Some(ErrorKind::InvalidRecipient); 3]);
    assert!(mails(&server).is_empty() && commands(&server).last().is_some_and(|line| line == "RSET"));
    platform.send(&batch(&THREE)[0]).await.expect("accepted");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_retry_for_one_of_them_is_the_same_mail() {
    let server = SmtpScript::start().await;
    server.next("RCPT", "451 4.7.1 greylisted");
    let platform = sharing(&server);
    let batch = batch(&THREE);
    let first = platform.send_batch(&batch).await;
    let again = platform.send(&Envelope { attempt: 2, ..batch[0].clone() }).await.expect("accepted");
    assert_eq!(again.id, first[1].as_ref().expect("accepted").id);
    assert_eq!(mails(&server)[0], mails(&server)[1]);
}

#[tokio::test]
async fn two_messages_of_a_batch_are_two_mails_with_two_names() {
    let server = SmtpScript::start().await;
    let mut both = batch(&THREE);
    both.push(envelope("zoe@example.com", Message::text("something else")));
    let outcomes = sharing(&server).send_batch(&both).await;
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().expect("accepted").id.clone()).collect();
    assert!(mails(&server).len() == 2 && ids[0] == ids[2] && ids[0] != ids[3], "{ids:?}");
}

#[tokio::test]
async fn a_kept_connection_that_died_costs_nobody_who_shares_a_mail_an_attempt() {
    let server = SmtpScript::start().await;
    let platform = sharing(&server);
    platform.send(&envelope("zoe@example.com", Message::text("first"))).await.expect("accepted");
    server.next("MAIL", SmtpReaction::Close);
    assert_eq!(kinds(&platform.send_batch(&batch(&THREE)).await), [None; 3]);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_list_has_a_name_if_it_is_given_one() {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    config.hidden_copies = true;
    config.list_name = Some("Acme staff".into());
    build(config).send_batch(&batch(&THREE)).await;
    assert!(mails(&server)[0].contains(&"To: Acme staff:;".to_owned()), "{:?}", mails(&server));
}
