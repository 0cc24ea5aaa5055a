//! Targets that name a URL of their own: whose word they are, and what goes along.

use notifyhub_platforms::{
    contract::{Envelope, ErrorKind, LimitScope, Message, RecipientRule},
    testkit::{Answer, FaultServer},
};
use serde_json::json;

use super::{build, envelope, parts, strict_parts};

fn to(url: &str) -> Envelope {
    Envelope { recipient: Some(url.into()), ..envelope(Message::text("x")) }
}

#[tokio::test]
async fn credentials_go_to_the_operators_origin_only() {
    let (own, customer) = (FaultServer::start().await, FaultServer::start().await);
    let table = json!({"url": own.url("/hook"), "auth": {"type": "bearer", "token": "t0ken"}, "headers": {"x-team": "ops"},
        "query": {"v": "1"}});
    let platform = build(table, &parts()).expect("a webhook");
    platform.send(&to(&own.url("/other"))).await.expect("accepted");
    platform.send(&to(&customer.url("/theirs?a=b"))).await.expect("accepted");
    let (own, customer) = (own.requests().remove(0), customer.requests().remove(0));
    assert_eq!((&*own.path, own.header("authorization"), own.header("x-team")), ("/other?v=1", "Bearer t0ken", "ops"));
    assert_eq!((&*customer.path, customer.header("authorization"), customer.header("x-team")), ("/theirs?a=b&v=1", "", "ops"));
}

#[tokio::test]
async fn a_customer_who_refuses_us_says_nothing_of_others_on_his_host() {
    let (own, customer) = (FaultServer::start().await, FaultServer::start().await);
    let platform = build(json!({"url": own.url("/hook")}), &parts()).expect("a webhook");
    for (server, scope) in [(&own, LimitScope::Lane), (&customer, LimitScope::Target)] {
        server.push(Answer::new(403));
        let error = platform.send(&to(&server.url("/x"))).await.expect_err("refused");
        assert_eq!((error.kind(), error.scope()), (ErrorKind::Unauthorized, scope));
    }
}

#[tokio::test]
async fn a_key_for_the_query_goes_to_the_operators_origin_only() {
    let (own, customer) = (FaultServer::start().await, FaultServer::start().await);
    let table = json!({"url": own.url("/"), "auth": {"type": "query", "name": "key", "value": "k"}});
    let platform = build(table, &parts()).expect("a webhook");
    platform.send(&to(&customer.url("/theirs"))).await.expect("accepted");
    platform.send(&to(&own.url("/own"))).await.expect("accepted");
    assert_eq!((&*customer.requests()[0].path, &*own.requests()[0].path), ("/theirs", "/own?key=k"));
}

#[tokio::test]
async fn a_user_in_a_recipient_authorizes_that_request() {
    let server = FaultServer::start().await;
    let platform = build(json!({}), &parts()).expect("a webhook");
    platform.send(&to(&server.url("/").replace("http://", "http://ada:p%20w@"))).await.expect("accepted");
    assert_eq!(server.requests()[0].header("authorization"), "Basic YWRhOnAgdw==");
}

#[test]
fn a_recipient_that_cannot_be_a_webhook_is_refused_before_it_is_accepted() {
    let platform = build(json!({"url": "https://example.com/hook"}), &strict_parts()).expect("a webhook");
    for (url, part) in [
        ("#alerts", "not a URL"),
        ("", "not a URL"),
        ("ftp://example.com/", "neither http:// nor https://"),
        ("mailto:ada@example.com", "neither http:// nor https://"),
        ("http://example.com/s3cret", "allow_http"),
        ("https://127.1/s3cret", "allow_private_networks"),
        ("https://[::1]/", "allow_private_networks"),
        ("https://169.254.169.254/latest/meta-data", "allow_private_networks"),
    ] {
        let error = platform.verify(Some(url)).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidRecipient);
        assert!(error.reason().contains(part) && !error.reason().contains("s3cret"), "{url}: {error}");
    }
    assert_eq!(platform.verify(Some("https://other.example.com/x")), Ok(()));
    assert_eq!(platform.verify(None), Ok(()));
}

#[test]
fn what_the_operator_allows_for_his_url_is_not_allowed_to_callers() {
    let table = json!({"url": "http://10.0.0.5/hook", "allow_private_networks": true, "allow_http": true});
    let platform = build(table, &strict_parts()).expect("a webhook");
    assert_eq!(platform.verify(Some("http://10.0.0.5/other")), Ok(()));
    for url in ["http://10.0.0.6/hook", "https://169.254.169.254/", "http://10.0.0.5:8080/", "https://10.0.0.5/hook"] {
        assert!(platform.verify(Some(url)).is_err(), "{url}");
    }
}

#[test]
fn without_a_url_every_target_names_one_and_the_operator_decides_which() {
    let platform = build(json!({}), &strict_parts()).expect("a webhook");
    assert_eq!(platform.capabilities().recipient, RecipientRule::Required);
    assert_eq!(platform.verify(None).expect_err("no URL").kind(), ErrorKind::InvalidRecipient);
    assert!(platform.verify(Some("http://10.0.0.6/")).is_err());
    let open = build(json!({"allow_private_networks": true, "allow_http": true}), &strict_parts()).expect("a webhook");
    assert_eq!(open.verify(Some("http://10.0.0.6/")), Ok(()));
}

#[test]
fn each_host_has_a_lane_of_its_own() {
    let platform = build(json!({"url": "https://example.com/hook"}), &strict_parts()).expect("a webhook");
    for (recipient, lane) in [
        (None, None),
        (Some("https://a.example.com/1?x"), Some("a.example.com")),
        (Some("https://A.example.com/2"), Some("a.example.com")),
        (Some("https://a.example.com:8443/"), Some("a.example.com:8443")),
        (Some("nonsense"), None),
    ] {
        assert_eq!(platform.lane(recipient).as_deref(), lane);
    }
}
