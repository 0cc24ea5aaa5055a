//! Signatures as they arrive, verified by an implementation that is not ours: Debian's python3-dkim.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use bytes::Bytes;
use notifyhub_platforms::{
    contract::{Attachment, AttachmentContent, Message, Platform},
    email::{DkimAlgorithm, Email, ListUnsubscribe, Security},
};

use super::{
    build, envelope,
    postfix::Postfix,
    signatures::{ED25519, RSA, dkim},
};

/// What stands in the DNS for the keys.
const RSA_PUBLIC: &str = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAus7lcmslIczaaCwjK7jW85HKhzqkFoisADIRLw6wkUbZb9fPdsrk2LJF8VlJRknhSqjD2xRGP+WJuAls/Mzs9Iz/IlFRp8eftAbRRcRn0awmXcQ/VwPAbL+fcry8FLYqns/bC5B2/hFViqS7ILss3t5CH6kZxbkAfJCQygZWUy8DHPYvIDIY4rROTwLFfz89Gd12h/XWy1FXWpPrzYdHI9WZTFFDijYIuzrlPPKrHZEAhq1G/XweaqJf1MhIqZ25E4s3dPB82eEXte4KNlGz1+MPeZNJ9F6WEXdjaVZLfwpHUq+MOQBlejyTxKFf1pSsyfnSU0VkRkDGw3DihepEGwIDAQAB";
const ED25519_PUBLIC: &str = "v=DKIM1; k=ed25519; p=OWA7Wff9DV5ypv4FKgU28hNv8Y/L/aePeO5z6TPMSkg=";

/// Reads a mail from stdin and the record of the key from its arguments; ends well where the signature is good.
const VERIFIER: &str = r"
import sys, dkim
def record(name, timeout=5):
    return sys.argv[1].encode() if name == b's1._domainkey.example.org.' else None
sys.exit(0 if dkim.verify(sys.stdin.buffer.read(), dnsfunc=record) else 1)
";

fn is_verified(mail: &str, record: &str) -> bool {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", VERIFIER, record])
        .stdin(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("Debian's python3 is installed");
    python.stdin.take().expect("piped").write_all(mail.as_bytes()).expect("python reads");
    python.wait().expect("python ends").success()
}

fn signing(postfix: &Postfix, algorithm: DkimAlgorithm, key: &str) -> Email {
    let mut config = postfix.config("plain", Security::StartTls);
    config.dkim = Some(dkim(algorithm, key));
    config.list_unsubscribe =
        Some(ListUnsubscribe { url: Some("https://example.org/u/{recipient}?m={id}".into()), mailto: None });
    build(config)
}

fn messages() -> Vec<Message> {
    let mut full = Message::markdown("# Größe\n\n  two  spaces \t and a tail  \n\n.\n..\n\n\n")
        .title("Größe:  „fünf“ and a tail that is long enough to be folded");
    full.extras_mut().thread_key = Some("t".into());
    full.extras_mut().attachments.push(Attachment {
        name: "Übersicht.bin".into(),
        mime: "application/octet-stream".into(),
        content: AttachmentContent::Bytes(Bytes::from((0..=255).cycle().take(5000).collect::<Vec<u8>>())),
    });
    vec![Message::text("x"), Message::text(""), Message::text("\n \n\t\n"), Message::text("a \t b  \n.\n\n\n"), full]
}

#[tokio::test]
async fn what_arrives_is_verified_by_another_implementation() {
    let postfix = Postfix::get();
    for (algorithm, key, record) in [(DkimAlgorithm::Rsa, RSA, RSA_PUBLIC), (DkimAlgorithm::Ed25519, ED25519, ED25519_PUBLIC)] {
        let platform = signing(&postfix, algorithm, key);
        for message in messages() {
            let envelope = envelope("\"Zoë, the 2nd\" <carol@example.test>", message);
            platform.send(&envelope).await.expect("accepted");
            let mail = postfix.mail("carol", envelope.id).await;
            assert!(is_verified(&mail, record), "{algorithm:?}: {mail}");
        }
    }
}

#[tokio::test]
async fn whoever_changes_or_adds_what_is_signed_breaks_the_signature() {
    let postfix = Postfix::get();
    let envelope = envelope("carol@example.test", Message::text("pay 100").title("Bill"));
    signing(&postfix, DkimAlgorithm::Rsa, RSA).send(&envelope).await.expect("accepted");
    let mail = postfix.mail("carol", envelope.id).await;
    assert!(is_verified(&mail, RSA_PUBLIC));
    for (from, to) in [
        ("pay 100", "pay 900"),
        ("Subject: Bill", "Subject: Gift"),
        ("\nTo: ", "\nCc: eve@example.com\nTo: "),
        ("\nTo: ", "\nReply-To: eve@example.com\nTo: "),
        ("List-Unsubscribe=One-Click", "List-Unsubscribe=No"),
        ("https://example.org/u/", "https://eve.example/u/"),
    ] {
        let changed = mail.replacen(from, to, 1);
        assert!(changed != mail && !is_verified(&changed, RSA_PUBLIC), "{from}");
    }
    assert!(is_verified(&format!("X-Added-On-The-Way: yes\n{mail}"), RSA_PUBLIC), "what is not signed may change");
}
