//! What a database promises that others share: two nodes, lost nodes, trouble with the server. Where the server is there, the
//! whole suite runs on it too.
//!
//! | file | what it holds |
//! |---|---|
//! | `nodes` | two nodes: who has what, and what becomes of what a lost one had |
//! | `hubs` | hubs that share a database; transactions of the caller's own |
//! | `limits` | limits that hold for all nodes together |
//! | `cluster` | two real processes, one of which is killed, or stopped and woken |
//! | `trouble` | the server restarts, is away, slow, read-only or set wrong; TLS; a pooler |
//! | `lost_answers` | what was done without anybody being told |
//! | `server` | databases of the tests' own, on the server that is there or on one of their own |

mod cluster;
mod hubs;
mod limits;
mod lost_answers;
mod nodes;
pub mod server;
mod trouble;

use super::stand::{credits, postgres, postgres_stand};

#[tokio::test]
async fn the_suite_runs_on_postgres_too() {
    let stand = postgres_stand(Default::default()).await.expect("NOTIFYHUB_TEST_POSTGRES is set: run ./test");
    let [task] = &*stand.put(&["ops"]).await else { panic!("one task") };
    assert_eq!(stand.claim_all().await[0].task.id, task.id);
}

#[tokio::test]
async fn a_database_of_the_first_version_keeps_what_it_holds() {
    let stand = postgres_stand(Default::default()).await.expect("NOTIFYHUB_TEST_POSTGRES is set: run ./test");
    let tasks = stand.put(&["ops"]).await;
    let first_version = "ALTER TABLE notifyhub.task DROP COLUMN another; DROP TABLE notifyhub.limited, notifyhub.endpoint, notifyhub.spent; UPDATE notifyhub.schema_version SET version = 1";
    stand.database().client().await.batch_execute(first_version).await.expect("changed");
    let again = postgres(&stand.database().url, Default::default(), &stand.clock, "node-2").await;
    let credits = credits(10, &[], 10);
    let claimed = notifyhub::store::Store::claim(&again, &credits).await.expect("claims");
    assert_eq!(claimed.leases.iter().map(|lease| lease.task.id).collect::<Vec<_>>(), [tasks[0].id]);
}
