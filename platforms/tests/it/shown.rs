//! How a URL is shown: recognisable, and without secrets.

use std::sync::Arc;

use notifyhub_platforms::{
    Registry,
    contract::Parts,
    testkit::{FixedClock, ScriptedTransport},
};

#[test]
fn a_url_is_shown_without_anything_that_may_be_a_secret() {
    let (transport, clock) = (Arc::new(ScriptedTransport::new()), Arc::new(FixedClock::at_unix(0)));
    let parts = Parts { transport, clock, allow_private_networks: true };
    for (url, shown) in [
        ("json://me:s3cret@127.0.0.1:8080/s3cret?a=s3cret", "json://127.0.0.1:8080/…"),
        ("JSONS://example.com", "jsons://example.com"),
        ("webhooks://[2001:db8::1]:8443/?a=s3cret", "webhooks://[2001:db8::1]:8443/…"),
        #[cfg(feature = "email")]
        ("mailtos://ada:s3cret@example.org?to=bob@example.org", "mailtos://example.org"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/s3cretL0ngEnoughForIt0123", "slack://…"),
        ("discord://4174216298/s3cretJHMHI8PY8dNuLZ", "discord://…"),
        ("file:///var/log/out.ndjson?fsync=always", "file:///var/log/out.ndjson"),
        ("console://stderr", "console://stderr"),
    ] {
        let target = Registry::builtin().from_url(url, &parts).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(target.shown, shown);
    }
}
