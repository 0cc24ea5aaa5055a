//! Trouble with the server, each with a real one: what was answered is kept, what was not is told, and work goes on afterwards.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    store::{OpenError, PostgresOptions, PostgresStore, Settled, Store, StoreError},
    task::Disposition,
    testing::MovedClock,
};
use tokio::runtime::Handle;

use super::{
    super::stand::{Limits, Stand, assert_same, claimed_tasks, postgres, postgres_stand},
    server::{Database, Server, coordinates},
};

const GONE: &str = "NOTIFYHUB_TEST_POSTGRES is set: run ./test";

pub async fn stand_on(url: &str) -> Stand {
    let clock = MovedClock::new();
    Stand::of(postgres(url, Limits::default(), &clock, "node-1").await, clock)
}

async fn open(url: &str, durability: notifyhub::Durability) -> Result<PostgresStore, OpenError> {
    let options = PostgresOptions { durability, ..PostgresOptions::new(url) };
    PostgresStore::open(options, "node-1", &Handle::current(), Arc::new(MovedClock::new())).await
}

#[tokio::test]
async fn connections_that_the_server_ends_are_made_again_and_nothing_is_lost() {
    let database = Database::new().await.expect(GONE);
    let (stand, client) = (stand_on(&database.url).await, database.client().await);
    let mut tasks = Vec::new();
    for _ in 0..10 {
        tasks.extend(stand.put(&["a"]).await.iter().cloned());
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        client.query(sql, &[]).await.expect("ended");
    }
    let leases = stand.claim_all().await;
    assert_same(&claimed_tasks(&leases), &tasks);
    for lease in &leases {
        client.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").await.expect("ended");
        assert!(matches!(stand.settle(lease, Disposition::Delivered).await, Settled::Finished(_)));
    }
    assert_eq!((stand.store.counts().delivered, stand.store.counts().stale), (10, 0));
}

#[tokio::test]
async fn a_server_that_is_restarted_at_once_loses_nothing_it_answered() {
    let server = Server::start(&coordinates().expect(GONE), &[]).await;
    let database = Database::on(&server.url).await;
    let stand = stand_on(&database.url).await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.extend(stand.put(&["a"]).await.iter().cloned());
        server.restart().await;
    }
    let leases = stand.claim_all().await;
    assert_same(&claimed_tasks(&leases), &tasks);
    server.restart().await;
    for lease in &leases {
        assert!(matches!(stand.settle(lease, Disposition::Delivered).await, Settled::Finished(_)));
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_and_work_goes_on_when_it_is_back() {
    let server = Server::start(&coordinates().expect(GONE), &[]).await;
    let database = Database::on(&server.url).await;
    let stand = stand_on(&database.url).await;
    stand.put(&["a"]).await;
    server.stop().await;
    let refused = stand.enqueue(stand.submission(&["a"])).await;
    assert!(matches!(&refused, Err(StoreError::Unavailable(reason)) if !reason.contains("secret")), "{refused:?}");
    server.start_again().await;
    stand.put(&["a"]).await;
    assert_eq!(stand.claim_all().await.len(), 2);
}

#[tokio::test]
async fn a_server_that_is_read_only_is_named_so_and_work_goes_on_when_it_writes_again() {
    let database = Database::new().await.expect(GONE);
    let (stand, client) = (stand_on(&database.url).await, database.client().await);
    let end_all =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.batch_execute(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name)).await.expect("set");
    client.batch_execute(end_all).await.expect("ended");
    let refused = stand.enqueue(stand.submission(&["a"])).await;
    assert!(matches!(&refused, Err(StoreError::Unavailable(reason)) if reason.contains("read-only")), "{refused:?}");
    // The session of the test writes still: it began before.
    client
        .batch_execute(&format!("ALTER DATABASE {} SET default_transaction_read_only = off", database.name))
        .await
        .expect("set");
    stand.put(&["a"]).await;
    assert_eq!(stand.claim_all().await.len(), 1);
}

#[tokio::test]
async fn a_table_that_somebody_locks_holds_calls_up_and_loses_none() {
    let stand = postgres_stand(Limits::default()).await.expect(GONE);
    let mut locker = stand.database().client().await;
    let lock = locker.transaction().await.expect("begins");
    lock.batch_execute("LOCK TABLE notifyhub.task IN ACCESS EXCLUSIVE MODE").await.expect("locks");
    let unlock = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let watcher = stand.database().client().await;
        while watcher.query_one(waits, &[]).await.expect("counts").get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        lock.commit().await.expect("unlocks");
    };
    tokio::join!(stand.put(&["a"]), unlock);
    assert_eq!(stand.claim_all().await.len(), 1);
}

#[tokio::test]
async fn more_nodes_than_the_server_has_connections_for_wait_for_each_other() {
    let server = Server::start(&coordinates().expect(GONE), &["max_connections=14", "superuser_reserved_connections=1"]).await;
    let database = Database::on(&server.url).await;
    let (one, other) = (stand_on(&database.url).await, stand_on(&database.url).await);
    let many = async |stand: &Stand| futures_util::future::join_all((0..100).map(|_| stand.put(&["a"]))).await.len();
    assert_eq!(tokio::join!(many(&one), many(&other)), (100, 100));
    assert_eq!(one.claim_all().await.len(), 200);
}

#[tokio::test]
async fn a_server_that_would_lose_what_it_answers_is_refused_as_disk_and_taken_as_process() {
    let coordinates = coordinates().expect(GONE);
    let server = Server::start(&coordinates, &["fsync=off"]).await;
    let database = Database::on(&server.url).await;
    let refused = open(&database.url, notifyhub::Durability::Disk).await.expect_err("refused").to_string();
    assert!(refused.contains("fsync = off") && refused.contains("durability = \"process\""), "{refused}");
    let store = open(&database.url, notifyhub::Durability::Process).await.expect("taken");
    assert_eq!(store.durability(), notifyhub::Durability::Process);
    let other = Database::on(&coordinates.url).await;
    let client = other.client().await;
    client.batch_execute(&format!("ALTER DATABASE {} SET synchronous_commit = off", other.name)).await.expect("set");
    let refused = open(&other.url, notifyhub::Durability::Disk).await.expect_err("refused").to_string();
    assert!(refused.contains("synchronous_commit = off"), "{refused}");
}

#[tokio::test]
async fn a_database_that_a_newer_program_has_used_is_refused() {
    let database = Database::new().await.expect(GONE);
    drop(stand_on(&database.url).await);
    database.client().await.batch_execute("UPDATE notifyhub.schema_version SET version = 77").await.expect("set");
    let refused = open(&database.url, notifyhub::Durability::Disk).await.expect_err("refused").to_string();
    assert!(refused.contains("schema version 77") && refused.contains("use the newer program"), "{refused}");
}

#[tokio::test]
async fn text_that_postgres_cannot_keep_is_refused_alone() {
    let stand = postgres_stand(Limits::default()).await.expect(GONE);
    let nul = stand.submission_with(&["a"], |head| head.message = Arc::new(notifyhub::Message::text("a\0b")));
    let (refused, kept) = tokio::join!(stand.enqueue(nul), stand.put(&["a"]));
    assert!(matches!(&refused, Err(StoreError::Unstorable(reason)) if reason.contains("NUL")), "{refused:?}");
    assert_same(&claimed_tasks(&stand.claim_all().await), &kept);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_dead_and_the_others_flow() {
    let stand = postgres_stand(Limits::default()).await.expect(GONE);
    let (bad, good) = (stand.put(&["a"]).await, stand.put(&["a"]).await);
    let sql = "UPDATE notifyhub.notification SET style = 77 WHERE id = (SELECT min(id::text)::uuid FROM notifyhub.notification)";
    stand.database().client().await.batch_execute(sql).await.expect("damaged");
    assert_same(&claimed_tasks(&stand.claim_all().await), &good);
    let outcome = stand.find(&bad[0]).await.expect("known");
    assert_eq!(outcome.targets[0].dead, Some(notifyhub::task::DeadReason::Damaged));
}

#[tokio::test]
async fn a_url_that_leads_nowhere_says_so_without_its_password() {
    for (url, part) in [
        ("postgres://notifyhub:hunter2@127.0.0.1:1/hub", "127.0.0.1:1/hub"),
        ("postgres://notifyhub:hunter2@nowhere.invalid/hub", "nowhere.invalid:5432/hub"),
    ] {
        let refused = open(url, notifyhub::Durability::Disk).await.expect_err("refused").to_string();
        assert!(refused.contains(part) && !refused.contains("hunter2"), "{refused}");
    }
    let wrong = coordinates().expect(GONE).url.replace("secret", "hunter2") + "?sslmode=disable";
    let refused = open(&wrong, notifyhub::Durability::Disk).await.expect_err("refused").to_string();
    assert!(refused.contains("password authentication failed") && !refused.contains("hunter2"), "{refused}");
}

#[tokio::test]
async fn the_server_is_verified_and_an_authority_of_ones_own_is_trusted_when_named() {
    let (coordinates, database) = (coordinates().expect(GONE), Database::new().await.expect(GONE));
    let plain = database.url.trim_end_matches("?sslmode=disable");
    for mode in ["require", "verify-full"] {
        let refused =
            open(&format!("{plain}?sslmode={mode}"), notifyhub::Durability::Disk).await.expect_err("refused").to_string();
        assert!(refused.contains("certificate") && refused.contains("sslrootcert"), "{refused}");
        let trusted = format!("{plain}?sslmode={mode}&sslrootcert={}", coordinates.ca);
        let stand = stand_on(&trusted).await;
        stand.put(&["a"]).await;
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                         WHERE datname = current_database() AND application_name = 'notifyhub'";
        assert!(database.client().await.query_one(encrypted, &[]).await.expect("told").get::<_, bool>(0));
    }
}

#[tokio::test]
async fn all_of_it_works_through_a_pooler_that_shares_connections_by_transaction() {
    let (coordinates, database) = (coordinates().expect(GONE), Database::new().await.expect(GONE));
    let url = database.through(coordinates.pooler);
    let (one, other) = (stand_on(&url).await, stand_on(&url).await);
    for _ in 0..20 {
        futures_util::future::join_all((0..10).map(|_| one.put(&["a", "b"]))).await;
        for lease in other.claim_all().await.iter().chain(&one.claim_all().await) {
            let stand = if lease.token.0 % 2 == 0 { &one } else { &other };
            // A token is shown by whoever has it, whatever connection it came over.
            assert_ne!(stand.settle(lease, Disposition::Delivered).await, Settled::Stale);
        }
    }
    let delivered = "SELECT count(*) FROM notifyhub.ended WHERE state = 10";
    assert_eq!(database.client().await.query_one(delivered, &[]).await.expect("counts").get::<_, i64>(0), 400);
}
