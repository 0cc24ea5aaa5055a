//! What was sent within limits that look back further than a minute is told to whoever comes to keep them.

use std::{collections::BTreeSet, time::Duration};

use notifyhub::{
    store::{Lease, Limit, Owned, Settlement, Spends, Spent, Whose},
    task::Disposition,
};

use super::stand::{Limits, Stand, WHILE, lane, on_every_store};

const HOUR: Duration = Duration::from_secs(3600);

/// The limit of a lane by the hour, and of what goes to any of several platforms.
fn of_lane(name: &str) -> Limit {
    Limit { name: format!("lane/{name}").into(), whose: Whose::Lane(lane(name)), short: Duration::ZERO, long: HOUR }
}

fn of_platforms(names: &[&str]) -> Limit {
    let platforms = names.iter().map(|name| name.parse().expect("a name")).collect();
    Limit { name: "account/all".into(), whose: Whose::Platforms(platforms), short: Duration::ZERO, long: HOUR }
}

/// What was sent within a limit, the earliest first.
async fn spent(stand: &Stand, limit: Limit) -> Vec<Spent> {
    let owned = stand.store.own(&[limit]).await.expect("asked").remove(0);
    let Owned::Here(mut spent) = owned else { unreachable!("nobody else sends: {owned:?}") };
    spent.sort_by_key(|one| (one.lane.to_string(), one.at, one.recipient.clone()));
    spent
}

fn sum(spent: &[Spent]) -> (u64, u64) {
    (spent.iter().map(|one| one.tasks).sum(), spent.iter().map(|one| one.weight).sum())
}

async fn settle(stand: &Stand, lease: &Lease, disposition: Disposition, spends: Spends) {
    let settlement = Settlement { spends: Some(spends), ..stand.settlement(lease, disposition) };
    stand.store.settle(&[settlement].into()).await.expect("settles");
}

#[tokio::test]
async fn what_attempts_used_up_is_told_by_lane_and_moment_and_nothing_else_is() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a", "a", "a", "b", "c"]).await;
        let (now, later) = (stand.moment(Duration::ZERO), stand.moment(WHILE));
        let spends = |at, weight| Spends { at, weight, recipient: false, counts_for: HOUR };
        let mut moments = [(now, 2), (now, 3), (later, 1), (later, 1)].into_iter();
        for lease in &stand.claim_all().await {
            let due = stand.moment(HOUR);
            match lease.task.platform().as_str() {
                "c" => _ = stand.settle(lease, Disposition::Delivered).await,
                "b" => settle(stand, lease, Disposition::Delivered, spends(now, 7)).await,
                _ => {
                    // However it goes on, it was sent.
                    let (at, weight) = moments.next().expect("three");
                    let disposition = if weight == 3 { Disposition::Retry { due, counts: true } } else { Disposition::Delivered };
                    settle(stand, lease, disposition, spends(at, weight)).await;
                }
            }
        }
        let told = |name: &str, at, tasks, weight| Spent { lane: lane(name), recipient: None, at, tasks, weight };
        let (a, b) = (vec![told("a", now, 2, 5), told("a", later, 1, 1)], vec![told("b", now, 1, 7)]);
        assert_eq!(spent(stand, of_lane("a")).await, a);
        assert_eq!(spent(stand, of_lane("b")).await, b);
        assert_eq!(spent(stand, of_lane("c")).await, [], "no limit of it is long");
        assert_eq!(spent(stand, of_platforms(&["a", "b", "x"])).await, [a, b].concat());
        assert_eq!(spent(stand, Limit { long: Duration::ZERO, ..of_lane("a") }).await, []);
    })
    .await;
}

#[tokio::test]
async fn recipients_are_told_apart_where_they_are_limited() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a", "a", "b"]).await;
        let at = stand.moment(Duration::ZERO);
        for lease in &stand.claim_all().await {
            let recipient = lease.task.platform().as_str() == "a";
            settle(stand, lease, Disposition::Delivered, Spends { at, weight: 1, recipient, counts_for: HOUR }).await;
        }
        let recipients = async |name| spent(stand, of_lane(name)).await.into_iter().map(|one| one.recipient).collect();
        let (a, b): (Vec<_>, Vec<_>) = (recipients("a").await, recipients("b").await);
        assert_eq!((a, b), (vec![Some("ada".into())], vec![None]));
        assert_eq!(sum(&spent(stand, of_lane("a")).await), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn what_weighs_as_much_as_can_be_said_is_added_up() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a", "a"]).await;
        let spends = Spends { at: stand.moment(Duration::ZERO), weight: u32::MAX, recipient: false, counts_for: HOUR };
        for lease in &stand.claim_all().await {
            settle(stand, lease, Disposition::Delivered, spends).await;
        }
        assert_eq!(sum(&spent(stand, of_lane("a")).await), (2, 2 * u64::from(u32::MAX)));
    })
    .await;
}

#[tokio::test]
async fn an_attempt_after_which_the_claim_is_kept_counts_too() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a"]).await;
        let lease = stand.claim_all().await.remove(0);
        let again = Disposition::Retry { due: stand.moment(Duration::ZERO), counts: true };
        let keeps = Some(Lease { counted: 1, tries: 1, ..lease.clone() });
        let spends = Some(Spends { at: stand.moment(Duration::ZERO), weight: 1, recipient: false, counts_for: HOUR });
        let settlement = Settlement { keeps, spends, ..stand.settlement(&lease, again) };
        stand.store.settle(&[settlement].into()).await.expect("settles");
        assert_eq!(sum(&spent(stand, of_lane("a")).await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn what_counts_no_more_is_not_told_and_is_forgotten() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a", "a"]).await;
        let leases = stand.claim_all().await;
        for (lease, counts_for) in leases.iter().zip([HOUR, 3 * HOUR]) {
            let at = stand.moment(Duration::ZERO);
            settle(stand, lease, Disposition::Delivered, Spends { at, weight: 1, recipient: false, counts_for }).await;
            stand.clock.advance(WHILE);
        }
        stand.clock.advance(HOUR);
        assert_eq!(spent(stand, of_lane("a")).await, [], "a limit by the hour looks back an hour");
        let by_the_day = Limit { long: 24 * HOUR, ..of_lane("a") };
        assert_eq!(spent(stand, by_the_day.clone()).await.len(), 2);
        stand.prune().await;
        let kept: BTreeSet<u64> = spent(stand, by_the_day).await.iter().map(|one| one.tasks).collect();
        assert_eq!(kept, [1].into(), "the one that counts for three hours");
    })
    .await;
}
