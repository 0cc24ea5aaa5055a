//! Answers that are lost on their way: the server did what it was asked, and nobody knows.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use notifyhub::{TaskState, store::Settled, task::Disposition};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

use super::{
    super::stand::{assert_same, claimed_tasks},
    server::Database,
    trouble::stand_on,
};

/// Passes bytes on between a client and the server; drops the next answer when told to.
struct Proxy {
    address: SocketAddr,
    drops: Arc<AtomicBool>,
}

impl Proxy {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, drops) = (listener.local_addr().expect("bound"), Arc::new(AtomicBool::new(false)));
        let flag = drops.clone();
        drop(Handle::current().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                drop(Handle::current().spawn(pass(client, to, flag.clone())));
            }
        }));
        Self { address, drops }
    }
}

/// The server has answered a commit by the time it is dropped: what it answers to anything else is passed on.
async fn pass(mut client: TcpStream, to: SocketAddr, drops: Arc<AtomicBool>) {
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let (mut asked, mut answered, mut writes) = (vec![0; 65536], vec![0; 65536], false);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(count @ 1..) => {
                    let text = String::from_utf8_lossy(&asked[..count]);
                    writes = ["accept_", "finish_", "claim_"].iter().any(|routine| text.contains(&format!("notifyhub.{routine}")));
                    if server.write_all(&asked[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(1..) if writes && drops.swap(false, Ordering::SeqCst) => return,
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

#[tokio::test]
async fn an_answer_that_is_lost_changes_nothing_whatever_was_asked() {
    let database = Database::new().await.expect("NOTIFYHUB_TEST_POSTGRES is set: run ./test");
    let (host, _) = database.url.split_once("@").map(|(_, rest)| rest.split_once('/').expect("a database")).expect("a URL");
    let proxy = Proxy::start(host.parse().expect("an address")).await;
    let stand = stand_on(&database.through(proxy.address.port())).await;
    proxy.drops.store(true, Ordering::SeqCst);
    let tasks = stand.put(&["a"]).await;
    assert!(!proxy.drops.load(Ordering::SeqCst), "the answer to accepting was lost");
    assert_eq!(stand.store.counts().accepted, 1);
    proxy.drops.store(true, Ordering::SeqCst);
    // The claim whose answer was lost is given back, and made again.
    let leases = loop {
        let leases = stand.claim_all().await;
        if !leases.is_empty() {
            break leases;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(!proxy.drops.load(Ordering::SeqCst), "the answer to claiming was lost");
    assert_same(&claimed_tasks(&leases), &tasks);
    proxy.drops.store(true, Ordering::SeqCst);
    let settled = stand.settle(&leases[0], Disposition::Delivered).await;
    assert!(!proxy.drops.load(Ordering::SeqCst), "the answer to settling was lost");
    let Settled::Finished(outcome) = settled else { panic!("{settled:?}") };
    assert_eq!((outcome.targets[0].state, outcome.targets[0].attempts.len()), (TaskState::Delivered, 1));
    let counts = stand.store.counts();
    assert_eq!((counts.delivered, counts.stale, counts.waiting, counts.leased), (1, 0, 0, 0));
}
