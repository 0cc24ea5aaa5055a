//! What is left when a hub has ended: nothing.

use std::{collections::BTreeSet, ffi::OsString, fs, sync::Arc, time::Duration};

use notifyhub::{Hub, Notification, config::PoolConfig};

use super::{Slow, soon};

/// The watchdogs of all hubs in this process.
fn watchdogs() -> BTreeSet<OsString> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let is_watchdog = |thread: &fs::DirEntry| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.starts_with("notifyhub-watch"))
    };
    threads.filter(is_watchdog).map(|thread| thread.file_name()).collect()
}

#[test]
fn a_hub_that_has_ended_leaves_no_task_and_no_thread() {
    let others = watchdogs();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let slow = Slow::new(Duration::from_millis(1));
    runtime.block_on(async {
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = alive();
        let pool = PoolConfig { health_check_interval: Duration::from_millis(200), ..PoolConfig::default() };
        let hub =
            Hub::builder().pool(pool).platform_with("slow", slow.clone(), Default::default()).start().await.expect("starts");
        assert!(alive() > before);
        // A thread gives itself its name. Where tests share a process, other hubs may have begun meanwhile.
        let ours = soon(async {
            loop {
                let ours: BTreeSet<_> = watchdogs().difference(&others).cloned().collect();
                if !ours.is_empty() || !cfg!(target_os = "linux") {
                    return ours;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        let batch = hub.send_all((0..200).map(|n| Notification::text(format!("{n}")).to("slow"))).await.expect("accepted");
        hub.workers().scale_to(20).await.expect("scales");
        hub.workers().kill(3).await.expect("kills");
        soon(batch.accepted[0].outcome()).await.expect("known");
        soon(hub.shutdown(Duration::from_secs(10))).await.expect("in time");
        soon(async {
            // The system lists a thread for a moment after it has ended.
            while alive() > before || (!ours.is_empty() && ours.is_subset(&watchdogs())) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        drop((batch, hub));
    });
    assert_eq!(Arc::strong_count(&slow), 1, "nobody holds the platform any more");
}
