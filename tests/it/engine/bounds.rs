//! Values given through the builder: refused with the way out, or harmless however extreme they are.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    Notification,
    config::{Backoff, Config, DeliveryConfig, PlatformConfig, PoolConfig, RateWindow, StoreConfig},
    testing::{FakePlatform, TestHub},
};

fn delivery(tell: impl FnOnce(&mut DeliveryConfig)) -> DeliveryConfig {
    let mut delivery = DeliveryConfig::default();
    tell(&mut delivery);
    delivery
}

fn pool(tell: impl FnOnce(&mut PoolConfig)) -> PoolConfig {
    let mut pool = PoolConfig::default();
    tell(&mut pool);
    pool
}

#[tokio::test]
async fn a_pool_that_could_not_work_is_refused_with_the_bounds() {
    let minute = Duration::from_secs(61);
    for (pool, expected) in [
        (pool(|pool| pool.min_workers = 0), "pool: `min_workers` is 0, expected 1 to 1024"),
        (pool(|pool| pool.min_workers = usize::MAX), "expected 1 to 1024"),
        (pool(|pool| pool.slots = 0), "pool: `slots` is 0, expected 1 to 65536"),
        (pool(|pool| pool.slots = usize::MAX), "expected 1 to 65536"),
        (pool(|pool| pool.batch_size = 0), "pool: `batch_size` is 0, expected 1 to 10000"),
        (pool(|pool| pool.linger = minute), "pool: `linger` is 1m 1s, expected 0s to 1m"),
    ] {
        let error = TestHub::start_with(|hub| hub.pool(pool)).await.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn delivery_settings_that_could_not_work_are_refused_with_the_bounds() {
    let number = |n| std::num::NonZeroU32::new(n).expect("not zero");
    let window = |per, burst| vec![RateWindow { count: number(2), per, burst: number(burst) }];
    let second = Duration::from_secs(1);
    for (delivery, expected) in [
        (delivery(|it| it.timeout = Duration::ZERO), "`timeout` is 0s, expected 1ms to 1h"),
        (delivery(|it| it.timeout = Duration::MAX), "expected 1ms to 1h"),
        (delivery(|it| it.max_attempts = 0), "`max_attempts` is 0, expected 1 to 1000"),
        (delivery(|it| it.max_in_flight = 0), "`max_in_flight` is 0, expected 1 to 65536"),
        (delivery(|it| it.max_in_flight = usize::MAX), "expected 1 to 65536"),
        (delivery(|it| it.retry_after_max = Duration::MAX), "expected 1ms to 366d"),
        (delivery(|it| it.backoff.initial = Duration::ZERO), "`backoff.initial` is 0s"),
        (delivery(|it| it.backoff = Backoff { max: second, ..Backoff::default() }), "`backoff.max` is 1s, expected 2s to 366d"),
        (delivery(|it| it.backoff.factor_permille = 0), "`backoff.factor_permille` is 0, expected 1000 to 1000000"),
        (delivery(|it| it.rate_limit = window(Duration::ZERO, 1)), "`rate_limit.per` is 0s"),
        (delivery(|it| it.rate_limit = window(second, 3)), "`rate_limit.burst` is 3, expected 1 to 2"),
        (delivery(|it| it.recipient_rate_limit = window(Duration::ZERO, 1)), "`recipient_rate_limit.per` is 0s"),
        (delivery(|it| it.weight = 0), "`weight` is 0, expected 1 to 100"),
        (delivery(|it| it.disable_after = Duration::MAX), "expected 0s to 365d"),
    ] {
        let error = TestHub::start_with(|hub| hub.delivery(delivery.clone())).await.expect_err(expected).to_string();
        assert!(error.starts_with("delivery: ") && error.contains(expected), "{error}");
        let own = TestHub::start_with(|hub| hub.platform_with("own", Arc::new(FakePlatform::new()), delivery.clone())).await;
        let error = own.expect_err(expected).to_string();
        assert!(error.starts_with("platform `own`: ") && error.contains(expected), "{error}");
        let (kind, settings) = ("console".to_owned(), serde_json::json!({}));
        let table = PlatformConfig { kind, recipient: None, delivery, settings };
        let config = Config { platforms: [("table".parse().expect("a name"), table)].into(), ..Config::default() };
        let error = TestHub::start_with(|hub| hub.config(config)).await.expect_err(expected).to_string();
        assert!(error.starts_with("platform `table`: ") && error.contains(expected), "{error}");
    }
    let store = StoreConfig { retention: Duration::ZERO, ..StoreConfig::default() };
    let error = TestHub::start_with(|hub| hub.config(Config { store, ..Config::default() })).await.expect_err("refused");
    assert!(error.to_string().contains("store: `retention` is 0s, expected 1ms to 366d"), "{error}");
}

#[tokio::test]
async fn every_value_out_of_bounds_is_named_at_once() {
    let pool = pool(|pool| (pool.slots, pool.batch_size) = (0, 0));
    let error = TestHub::start_with(|hub| hub.pool(pool).delivery(delivery(|it| it.max_in_flight = 0))).await;
    let error = error.expect_err("refused").to_string();
    for name in ["`slots`", "`batch_size`", "`max_in_flight`"] {
        assert!(error.contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_grace_without_end_waits_for_what_is_under_way() {
    let test = TestHub::start().await.expect("starts");
    test.hub.deliver(Notification::text("x").to("test")).await.expect("delivered");
    test.hub.shutdown(Duration::MAX).await.expect("in time");
}

#[tokio::test]
async fn an_expiry_without_end_never_comes() {
    let test = TestHub::start().await.expect("starts");
    let endless = Notification::text("x").to("test").expires_in(Duration::MAX);
    assert!(test.hub.deliver(endless).await.expect("accepted").all_delivered());
}
