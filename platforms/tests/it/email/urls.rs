//! `mailto://` and `mailtos://`.

use notifyhub_platforms::{
    Registry,
    contract::{Adapter, ErrorKind, Message},
    email::{Email, Security},
    testkit::SmtpScript,
};

use super::{envelope, parts};

#[test]
fn a_url_names_server_login_sender_and_recipient() {
    for (url, host, port, security, user, from, recipient) in [
        (
            "mailto://relay.example.org?from=a@example.org",
            "relay.example.org",
            None,
            Security::Opportunistic,
            None,
            "a@example.org",
            "a@example.org",
        ),
        (
            "mailto://ada:pw@example.org",
            "example.org",
            None,
            Security::StartTls,
            Some("ada"),
            "ada@example.org",
            "ada@example.org",
        ),
        (
            "mailtos://ada:pw@example.org:2525/bob@example.net",
            "example.org",
            Some(2525),
            Security::StartTls,
            Some("ada"),
            "ada@example.org",
            "bob@example.net",
        ),
        (
            "mailtos://ada%40corp.example:p%3Aw@smtp.example.org?mode=ssl&to=bob@example.net",
            "smtp.example.org",
            None,
            Security::Tls,
            Some("ada@corp.example"),
            "ada@corp.example",
            "bob@example.net",
        ),
        ("mailtos://ada:pw@gmail.com", "smtp.gmail.com", None, Security::Tls, Some("ada"), "ada@gmail.com", "ada@gmail.com"),
        (
            "mailto://ada:pw@example.org?smtp=mx.example.org&name=Ada%20L&from=x@example.org&mode=insecure",
            "mx.example.org",
            None,
            Security::None,
            Some("ada"),
            "\"Ada L\" <x@example.org>",
            "ada@example.org",
        ),
    ] {
        let target = Email::from_url(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let config = &target.config;
        assert_eq!((&*config.host, config.port, config.security), (host, port, security), "{url}");
        assert_eq!((config.username.as_deref(), &*config.from), (user, from), "{url}");
        assert_eq!(target.recipient.as_deref(), Some(recipient), "{url}");
        assert!(!config.allow_private_networks, "whoever names a server in a target is not its operator");
        Email::build(target.config, &parts()).unwrap_or_else(|error| panic!("{url}: {error}"));
    }
    let secret = Email::from_url("mailtos://ada:p%3Aw@example.org").expect("a URL").config.password.expect("a password");
    assert_eq!(secret.expose(), "p:w");
}

#[test]
fn a_url_that_cannot_work_shows_the_shape_and_not_itself() {
    for url in [
        "mailto:ada@example.org",
        "mailto://",
        "mailto://example.org",
        "mailtos://ada:s3cret@example.org?cc=x",
        "mailtos://ada:s3cret@example.org?mode=x",
        "mailtos://ada:s3cret@example.org?to=nobody",
    ] {
        let error = Email::from_url(url).expect_err(url).to_string();
        assert!(error.contains("expected") && !error.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_url_reaches_a_private_network_only_if_its_speaker_may() {
    let server = SmtpScript::start().await;
    let url = format!("mailto://127.0.0.1:{}?from=a@example.org&mode=insecure", server.address().port());
    let registry = Registry::builtin();
    let message = envelope("ada@example.com", Message::text("x"));
    let error = registry.from_url(&url, &parts()).expect("a URL").platform.send(&message).await.expect_err("private");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, Some("address_blocked")));
    assert_eq!(server.connections(), 0);
    let trusting = notifyhub_platforms::contract::Parts { allow_private_networks: true, ..parts() };
    registry.from_url(&url, &trusting).expect("a URL").platform.send(&message).await.expect("accepted");
}
