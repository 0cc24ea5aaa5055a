//! A batch over one connection: an outcome per recipient.

use notifyhub_platforms::{
    contract::{ErrorKind, Message, Platform},
    email::Security,
};

use super::{build, envelope, postfix::Postfix};

#[tokio::test]
async fn each_envelope_of_a_batch_has_its_own_outcome_in_order() {
    let postfix = Postfix::get();
    let platform = build(postfix.config("plain", Security::StartTls));
    let recipients = [
        "bob@example.test",
        "nobody@example.test",
        "not an address",
        "full@example.test",
        "grey@example.test",
        "ada@elsewhere.test",
        "carol@example.test",
    ];
    let batch: Vec<_> = recipients.iter().map(|recipient| envelope(recipient, Message::text("to all").title("Batch"))).collect();
    let kinds: Vec<_> =
        platform.send_batch(&batch).await.into_iter().map(|result| result.map_err(|error| error.kind())).collect();
    let [first, .., last] = &*kinds else { panic!("seven results") };
    assert!(first.is_ok() && last.is_ok(), "{kinds:?}");
    use ErrorKind::{InvalidRecipient, Unauthorized, Unavailable};
    let refused: Vec<_> = kinds[1..6].iter().map(|result| result.as_ref().expect_err("refused").to_owned()).collect();
    assert_eq!(refused, [InvalidRecipient, InvalidRecipient, Unavailable, Unavailable, Unauthorized]);
    postfix.mail("bob", batch[0].id).await;
    let mail = postfix.mail("carol", batch[6].id).await;
    assert!(!mail.contains("bob@example.test"), "nobody sees who else was written to");
}

#[tokio::test]
async fn many_senders_share_a_bounded_number_of_connections() {
    let postfix = Postfix::get();
    let mut config = postfix.config("plain", Security::None);
    config.max_connections = 2;
    let platform = build(config);
    let envelopes: Vec<_> = (0..20).map(|_| envelope("dave@example.test", Message::text("x"))).collect();
    let results = futures_util::future::join_all(envelopes.iter().map(|envelope| platform.send(envelope))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    for envelope in &envelopes {
        postfix.mail("dave", envelope.id).await;
    }
}
