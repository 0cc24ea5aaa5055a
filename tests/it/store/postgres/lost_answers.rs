//! Answers that are lost on their way: the server did what it was asked, and nobody knows.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use notifyhub::{TaskState, clock::Clock, store::Settled, task::Disposition};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

use super::{
    super::{
        settle::keeping,
        stand::{Stand, assert_same, claimed_tasks},
    },
    server::Database,
    trouble::stand_on,
};

/// What the statements say that change something.
const WRITES: [&str; 3] = ["notifyhub.accept_", "notifyhub.finish_", "notifyhub.claim_"];

/// What a lookup begins with.
const LOOKUP: [&str; 1] = ["SELECT correlation FROM notifyhub.notification"];

/// Passes bytes on between a client and the server; drops an answer when told to.
struct Proxy {
    address: SocketAddr,
    drops: Drops,
}

/// What the statement says whose answer is dropped, and how many of them are answered before. Empty: none is dropped.
type Drops = Arc<Mutex<(&'static [&'static str], usize)>>;

impl Proxy {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, drops) = (listener.local_addr().expect("bound"), Drops::default());
        let handed = drops.clone();
        drop(Handle::current().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                drop(Handle::current().spawn(pass(client, to, handed.clone())));
            }
        }));
        Self { address, drops }
    }

    /// Drops the answer to the next statement that says one of `parts`, behind so many of them.
    fn drop_next(&self, parts: &'static [&'static str], behind: usize) {
        *self.drops.lock().expect("nobody panics") = (parts, behind);
    }

    /// Whether the answer was dropped.
    fn has_dropped(&self) -> bool {
        self.drops.lock().expect("nobody panics").0.is_empty()
    }
}

/// Whether the answer to this statement is dropped.
fn is_doomed(drops: &Drops, text: &str) -> bool {
    let mut drops = drops.lock().expect("nobody panics");
    let meant = drops.0.iter().any(|part| text.contains(part));
    let doomed = meant && drops.1 == 0;
    drops.1 -= usize::from(meant && !doomed);
    doomed
}

/// The server has answered a commit by the time it is dropped: what it answers to anything else is passed on.
async fn pass(mut client: TcpStream, to: SocketAddr, drops: Drops) {
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let (mut asked, mut answered, mut doomed) = (vec![0; 65536], vec![0; 65536], false);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(count @ 1..) => {
                    let text = String::from_utf8_lossy(&asked[..count]);
                    doomed = is_doomed(&drops, &text);
                    if server.write_all(&asked[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(1..) if doomed => {
                    drops.lock().expect("nobody panics").0 = &[];
                    return;
                }
                Ok(count @ 1..) => {
                    if client.write_all(&answered[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}

async fn stand_behind_a_proxy() -> (Database, Proxy, Stand) {
    let database = Database::new().await.expect("NOTIFYHUB_TEST_POSTGRES is set: run ./test");
    let (host, _) = database.url.split_once("@").map(|(_, rest)| rest.split_once('/').expect("a database")).expect("a URL");
    let proxy = Proxy::start(host.parse().expect("an address")).await;
    let stand = stand_on(&database.through(proxy.address.port())).await;
    (database, proxy, stand)
}

#[tokio::test]
async fn an_answer_that_is_lost_changes_nothing_whatever_was_asked() {
    let (_database, proxy, stand) = stand_behind_a_proxy().await;
    proxy.drop_next(&WRITES, 0);
    let tasks = stand.put(&["a"]).await;
    assert!(proxy.has_dropped(), "the answer to accepting was lost");
    assert_eq!(stand.store.counts().accepted, 1);
    proxy.drop_next(&WRITES, 0);
    // The claim whose answer was lost is given back, and made again.
    let leases = loop {
        let leases = stand.claim_all().await;
        if !leases.is_empty() {
            break leases;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(proxy.has_dropped(), "the answer to claiming was lost");
    assert_same(&claimed_tasks(&leases), &tasks);
    proxy.drop_next(&WRITES, 0);
    let settled = stand.settle(&leases[0], Disposition::Delivered).await;
    assert!(proxy.has_dropped(), "the answer to settling was lost");
    let Settled::Finished(outcome) = settled else { panic!("{settled:?}") };
    assert_eq!((outcome.targets[0].state, outcome.targets[0].attempts.len()), (TaskState::Delivered, 1));
    let counts = stand.store.counts();
    assert_eq!((counts.delivered, counts.stale, counts.waiting, counts.leased), (1, 0, 0, 0));
}

#[tokio::test]
async fn an_attempt_whose_answer_is_lost_is_recorded_once_and_its_claim_goes_on() {
    let (_database, proxy, stand) = stand_behind_a_proxy().await;
    let task = stand.put(&["a"]).await[0].clone();
    let lease = stand.claim_all().await.remove(0);
    proxy.drop_next(&["COMMIT"], 0);
    let settled = stand.store.settle(&keeping(&stand, &lease)).await.expect("settles").remove(0);
    assert!(proxy.has_dropped(), "the answer to settling was lost");
    assert_eq!(settled, Settled::Kept);
    assert_eq!(stand.find(&task).await.expect("known").targets[0].attempts.len(), 1);
    let Settled::Finished(outcome) = stand.settle(&lease, Disposition::Delivered).await else { unreachable!("it is the last") };
    assert_eq!((outcome.targets[0].state, outcome.targets[0].attempts.len()), (TaskState::Delivered, 2));
}

#[tokio::test]
async fn a_lookup_that_is_lost_half_way_leaves_no_outcome_unanswered() {
    let (_database, proxy, stand) = stand_behind_a_proxy().await;
    stand.put(&["a"]).await;
    stand.put(&["a"]).await;
    let due = stand.clock.wall();
    for lease in stand.claim_all().await {
        stand.settle(&lease, Disposition::Retry { due, counts: true }).await;
    }
    let leases = stand.claim_all().await;
    // Outcomes of several attempts are looked up once they are written, one after the other.
    proxy.drop_next(&LOOKUP, 1);
    let settlements: Vec<_> = leases.iter().map(|lease| stand.settlement(lease, Disposition::Delivered)).collect();
    let settled = stand.store.settle(&settlements.into()).await.expect("settles");
    assert!(proxy.has_dropped(), "the second lookup was lost");
    for one in settled {
        let Settled::Finished(outcome) = one else { panic!("{one:?}") };
        assert_eq!(outcome.targets[0].attempts.len(), 2);
    }
    let counts = stand.store.counts();
    assert_eq!((counts.delivered, counts.stale, counts.leased), (2, 0, 0));
}
