//! Writing down that sending begins: what may be sent then, and what becomes of it.

use notifyhub::{
    TaskState,
    store::{Lease, LeaseToken},
    task::{Disposition, Task},
};

use super::stand::{Limits, Stand, WHILE, on_every_store};

fn claims(leases: &[Lease]) -> Vec<(LeaseToken, std::sync::Arc<Task>)> {
    leases.iter().map(|lease| (lease.token, lease.task.clone())).collect()
}

async fn begin(stand: &Stand, leases: &[Lease]) -> Vec<bool> {
    stand.store.begin(&claims(leases)).await.expect("written")
}

#[tokio::test]
async fn what_is_claimed_may_begin_and_is_settled_as_any_other() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a", "b"]).await;
        let leases = stand.claim_all().await;
        assert_eq!(begin(stand, &leases).await, [true, true]);
        assert_eq!(begin(stand, &leases[..1]).await, [true], "a call that is made again");
        stand.settle(&leases[0], Disposition::Delivered).await;
        stand.settle(&leases[1], Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
        assert_eq!((stand.state(&tasks[0]).await, stand.state(&tasks[1]).await), (TaskState::Delivered, TaskState::Waiting));
        stand.clock.advance(WHILE);
        let again = stand.claim_all().await;
        assert_eq!(begin(stand, &again).await, [true]);
    })
    .await;
}

#[tokio::test]
async fn a_stale_claim_and_a_cancelled_one_may_not_begin() {
    on_every_store(Limits::default(), async |stand| {
        let (cancelled, released) = (stand.put(&["a"]).await, stand.put(&["b"]).await);
        let leases = stand.claim_all().await;
        stand.store.cancel(cancelled[0].head.id).await.expect("cancels");
        let of = |task: &Task| leases.iter().find(|lease| lease.task.id == task.id).expect("claimed").clone();
        let (cancelled, stale) = (of(&cancelled[0]), of(&released[0]));
        stand.store.release(claims(std::slice::from_ref(&stale))).await.expect("released");
        let current = stand.claim_all().await.remove(0);
        assert_eq!(begin(stand, &[cancelled.clone(), stale, current]).await, [false, false, true]);
        stand.store.release(claims(std::slice::from_ref(&cancelled))).await.expect("released");
        assert_eq!(stand.state(&cancelled.task).await, TaskState::Cancelled);
    })
    .await;
}
