//! Endpoints that fail are kept.

use std::{sync::Arc, time::SystemTime};

use notifyhub::{
    clock::Clock,
    store::{Disabled, Endpoint, Failing},
    testing::MovedClock,
};

use super::{
    sqlite::new_file,
    stand::{Limits, WHILE, on_every_store, sqlite_stand},
};

fn failing(recipient: Option<&str>, since: SystemTime) -> Failing {
    let endpoint = Endpoint { platform: "hooks".parse().expect("a name"), recipient: recipient.map(Arc::from) };
    Failing { endpoint, since, disabled: None }
}

#[tokio::test]
async fn an_endpoint_is_kept_as_it_was_last_told_until_it_is_forgotten() {
    on_every_store(Limits::default(), async |stand| {
        let store = &stand.store;
        assert_eq!(store.endpoints().await, Ok(vec![]));
        let (one, all) = (failing(Some("https://one/"), stand.clock.wall()), failing(None, stand.clock.wall()));
        for endpoint in [&one, &all] {
            store.keep_endpoint(endpoint).await.expect("kept");
        }
        let disabled = Failing { disabled: Some(Disabled { at: stand.moment(WHILE), why: "it's gone".into() }), ..one.clone() };
        store.keep_endpoint(&disabled).await.expect("kept");
        let mut kept = store.endpoints().await.expect("known");
        kept.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        assert_eq!(kept, [all.clone(), disabled]);
        assert_eq!(store.forget_endpoint(&one.endpoint).await, Ok(true));
        assert_eq!(store.forget_endpoint(&one.endpoint).await, Ok(false));
        assert_eq!(store.endpoints().await, Ok(vec![all]));
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_is_remembered_over_a_restart() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let one = failing(Some("https://one/"), clock.wall());
    stand.store.keep_endpoint(&one).await.expect("kept");
    drop(stand);
    assert_eq!(sqlite_stand(folder.path(), &clock).store.endpoints().await, Ok(vec![one]));
}
