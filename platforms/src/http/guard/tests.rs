//! The address policy, address by address.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const CLOSED: &str = "
    0.0.0.0 0.1.2.3 0.255.255.255 10.0.0.0 10.0.0.1 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255
    127.0.0.1 127.1.2.3 127.255.255.255 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.0 172.20.1.1 172.31.255.255
    192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7
    203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::a00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:7f00:1 64:ff9b::a9fe:a9fe
    64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1
    2001:1ff::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254
    fdff::1 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1
";

const PUBLIC: &str = "
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.1 192.0.3.1 192.88.98.255 192.167.255.255 192.169.0.0 198.17.255.255
    198.20.0.0 198.51.99.1 203.0.112.1 223.255.255.255
    2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2003::1 2606:4700:4700::1111 2a00:1450::1 3ffe::1
    3fff:1000::1
";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn every_special_network_is_closed_and_its_neighbours_are_open() {
    for address in CLOSED.split_whitespace() {
        assert!(!is_public(ip(address)), "{address} must be closed");
    }
    for address in PUBLIC.split_whitespace() {
        assert!(is_public(ip(address)), "{address} must be open");
    }
}

#[test]
fn a_literal_address_is_judged_however_it_is_written() {
    for host in ["127.0.0.1", "127.1", "0177.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:169.254.169.254]", "10.0.0.1", "0"]
    {
        let url = Url::parse(&format!("http://{host}:8080/x")).expect("a URL");
        assert!(matches!(check_literal(&url), Err(AddressError::Blocked { .. })), "{host}");
    }
    for host in ["1.1.1.1", "[2606:4700:4700::1111]", "example.com", "localhost"] {
        let url = Url::parse(&format!("http://{host}/")).expect("a URL");
        assert_eq!(check_literal(&url), Ok(()), "{host}");
    }
}

/// Answers each look-up with the next of its lists, the last one for ever: a name server that changes its mind.
struct Flip {
    answers: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Resolve for Flip {
    fn resolve(&self, _: Name) -> Resolving {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed).min(self.answers.len() - 1);
        let answer = self.answers[turn].clone();
        Box::pin(async move { Ok(Box::new(answer.into_iter()) as Addrs) })
    }
}

async fn resolve(resolver: &PublicResolver) -> Result<Vec<SocketAddr>, AddressError> {
    let name = "hooks.example.com".parse().expect("a name");
    match resolver.resolve(name).await {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(error.downcast_ref::<AddressError>().expect("our own error").clone()),
    }
}

#[tokio::test]
async fn only_public_addresses_of_a_name_are_handed_on() {
    let at = |text: &str| SocketAddr::new(ip(text), 0);
    let answers = vec![vec![at("10.0.0.1"), at("1.1.1.1"), at("::1")], vec![at("127.0.0.1"), at("fd00::1")], vec![]];
    let resolver = PublicResolver::new(Arc::new(Flip { answers, asked: AtomicUsize::new(0) }));
    assert_eq!(resolve(&resolver).await, Ok(vec![at("1.1.1.1")]));
    assert_eq!(resolve(&resolver).await, Err(AddressError::Blocked { host: "hooks.example.com".into() }));
    let nowhere = resolve(&resolver).await.expect_err("no address");
    assert_eq!(nowhere.to_string(), "`hooks.example.com` does not resolve: the name has no address");
}

#[tokio::test]
async fn localhost_is_closed_after_resolution() {
    let resolver = PublicResolver::new(Arc::new(SystemResolver));
    let found = resolver.resolve("localhost".parse().expect("a name")).await;
    let error = found.map(|_| ()).expect_err("loopback");
    assert!(matches!(error.downcast_ref(), Some(AddressError::Blocked { .. })), "{error}");
}
