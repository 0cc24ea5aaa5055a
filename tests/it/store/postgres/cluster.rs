//! Real processes on one database: they share the work; one is killed, or stopped for long and woken; and the command looks on.

use std::{
    collections::HashMap,
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub::{
    Hub, Notification,
    clock::{Clock, SystemClock},
    platforms::testkit::{Answer, FakePlatform, FaultServer},
    store::{PostgresOptions, PostgresStore},
};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    runtime::Handle,
};

use super::server::Database;
use crate::command::{Desk, serving, tell};

const GONE: &str = "NOTIFYHUB_TEST_POSTGRES is set: run ./test";

/// Enough for both to have some, few enough to end soon.
const TASKS: usize = 240;

struct Cluster {
    database: Database,
    server: FaultServer,
    desk: Desk,
    hub: Hub,
}

impl Cluster {
    /// A database, and somebody who accepts into it; nobody delivers yet, and then at this pace.
    async fn new(pace: &str) -> Self {
        let (database, server) = (Database::new().await.expect(GONE), FaultServer::start().await);
        let desk = Desk::with_config(&format!(
            "[store]\ntype = \"postgres\"\nurl = \"{}\"\n[delivery]\ntimeout = \"1s\"\nlease = \"11s\"\n\
             [platforms.hook]\ntype = \"webhook\"\nurl = \"{}\"\nallow_http = true\nallow_private_networks = true\n{pace}\n",
            database.url,
            server.url("/x")
        ));
        let options = PostgresOptions::new(database.url.clone());
        let store = PostgresStore::open(options, "producer", &Handle::current(), Arc::new(SystemClock)).await;
        let builder = Hub::builder().store(Arc::new(store.expect("the database can be used")));
        let hub = builder.platform("hook", FakePlatform::new()).queue_only().start().await.expect("starts");
        Self { database, server, desk, hub }
    }

    fn node(&self) -> Child {
        let mut command = Command::from(self.desk.command("serve --grace 5s", &[]));
        command.stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true).spawn().expect("the command starts")
    }

    /// The numbers of the nodes that one process was, the last of them first.
    async fn numbers(&self, child: &Child) -> Vec<i32> {
        let name = format!("%/{}", child.id().expect("it runs"));
        let sql = "SELECT id FROM notifyhub.node WHERE name LIKE $1 ORDER BY id DESC";
        let rows = self.database.client().await.query(sql, &[&name]).await.expect("read");
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn accept(&self) {
        let notifications = (0..TASKS).map(|number| Notification::text(format!("n {number}")).to("hook"));
        self.hub.send_all(notifications).await.expect("accepted");
    }

    /// Waits until everything is delivered.
    async fn delivered(&self) {
        let sql = "SELECT count(*) FROM notifyhub.ended WHERE state = 10";
        let client = self.database.client().await;
        while client.query_one(sql, &[]).await.expect("counts").get::<_, i64>(0) < TASKS as i64 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How often each task arrived.
    fn arrivals(&self) -> HashMap<String, usize> {
        let mut arrivals = HashMap::new();
        for request in self.server.requests() {
            *arrivals.entry(request.header("webhook-id").to_owned()).or_default() += 1;
        }
        arrivals
    }

    /// The same once whatever was under way has arrived: others have come after it.
    async fn arrivals_soon(&self) -> HashMap<String, usize> {
        self.server.received(self.server.requests().len() + 10).await;
        self.arrivals()
    }

    /// How many attempts each node made.
    async fn attempts_by_node(&self) -> HashMap<String, usize> {
        let page = self.hub.tasks(&Default::default(), None, 2 * TASKS).await.expect("read");
        let mut by_node = HashMap::new();
        for attempt in page.tasks.iter().flat_map(|task| &task.outcome.attempts) {
            *by_node.entry(attempt.node.as_deref().expect("it is named").to_owned()).or_default() += 1;
        }
        by_node
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs").success());
}

fn since(moment: SystemTime) -> f64 {
    SystemClock.wall().duration_since(moment).unwrap_or_default().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_work_and_one_finishes_what_a_killed_one_had() {
    let cluster = Cluster::new("max_in_flight = 2").await;
    let (mut one, other) = (cluster.node(), cluster.node());
    while cluster.numbers(&one).await.is_empty() || cluster.numbers(&other).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.accept().await;
    cluster.server.received(TASKS / 4).await;
    // One that is a node already may still be starting.
    while cluster.attempts_by_node().await.len() < 2 && cluster.arrivals().len() < TASKS {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    one.kill().await.expect("killed");
    let killed = SystemClock.wall();
    let before = cluster.arrivals_soon().await;
    cluster.delivered().await;
    tell(&format!("cluster: everything was delivered {:.1} s after a kill, with a lease of 11 s", since(killed)));
    let arrivals = cluster.arrivals();
    assert_eq!(arrivals.len(), TASKS, "nothing is lost");
    let copies: Vec<_> = arrivals.iter().filter(|(_, count)| **count > 1).collect();
    assert!(copies.iter().all(|(id, count)| **count == 2 && before.contains_key(*id)), "only what was under way: {copies:?}");
    let by_node = cluster.attempts_by_node().await;
    assert!(by_node.len() == 2 && by_node.values().all(|count| *count > 0), "both took part: {by_node:?}");
    signal(&other, "TERM");
    assert!(other.wait_with_output().await.expect("it ends").status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_stopped_and_wakes_up_late_changes_nothing() {
    let cluster = Cluster::new("rate_limit = \"40/s\"").await;
    let (mut one, mut other) = (cluster.node(), cluster.node());
    cluster.accept().await;
    let client = cluster.database.client().await;
    // The one that keeps the limit is the one that sends.
    let number: i32 = loop {
        if let Some(row) = client.query_opt("SELECT node FROM notifyhub.limited", &[]).await.expect("reads") {
            break row.get(0);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    if cluster.numbers(&other).await.contains(&number) {
        std::mem::swap(&mut one, &mut other);
    }
    let held = "SELECT count(*) FROM notifyhub.task WHERE state = 3 AND node = $1";
    while client.query_one(held, &[&number]).await.expect("counts").get::<_, i64>(0) < 10 || cluster.server.requests().len() < 20
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&one, "STOP");
    // What is sent and not yet answered may arrive again; nothing else may.
    let before = cluster.arrivals_soon().await;
    let had: i64 = client.query_one(held, &[&number]).await.expect("counts").get(0);
    cluster.delivered().await;
    let sent = cluster.server.requests().len();
    signal(&one, "CONT");
    // It finds that it was given up, and goes on under another number.
    while cluster.numbers(&one).await.first().is_none_or(|next| *next == number) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.hub.send(Notification::text("afterwards").to("hook")).await.expect("accepted");
    cluster.server.received(sent + 1).await;
    signal(&one, "TERM");
    assert!(one.wait_with_output().await.expect("it ends").status.success());
    let arrivals = cluster.arrivals();
    assert_eq!(cluster.server.requests().len(), sent + 1, "it had {had}, and sent none of them");
    assert_eq!(arrivals.len(), TASKS + 1);
    let copies: Vec<_> = arrivals.iter().filter(|(_, count)| **count > 1).collect();
    assert!(copies.iter().all(|(id, count)| **count == 2 && before.contains_key(*id)), "only what was under way: {copies:?}");
    tell(&format!("cluster: a stopped node had {had} tasks; {} arrived twice", copies.len()));
}

/// The rows of a list.
fn rows(of: &str) -> Vec<Value> {
    serde_json::from_str(of).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_a_database_is_queued_seen_cancelled_and_requeued_while_it_is_served() {
    let cluster = Cluster::new("max_in_flight = 2").await;
    let queued = rows(&cluster.desk.run("send --queue -o json --to hook one").out);
    assert_eq!((&queued[0]["state"], &queued[0]["durability"]), (&"waiting".into(), &"disk".into()));
    let waiting = rows(&cluster.desk.run("tasks list --state waiting -o json").out);
    let id = queued[0]["notification"].as_str().expect("an id");
    let shown = cluster.desk.run(&format!("tasks show {id}"));
    assert!(waiting.len() == 1 && shown.out.contains(waiting[0]["task"].as_str().expect("an id")), "{}", shown.err);
    assert!(cluster.desk.run(&format!("tasks cancel {id}")).out.contains('1'));
    assert_eq!(rows(&cluster.desk.run("tasks list --state cancelled -o json").out).len(), 1);

    cluster.server.push(Answer::new(400));
    let _node = cluster.node();
    assert_eq!(cluster.desk.run("send --queue --to hook two").code, 0);
    cluster.server.received(1).await;
    let dead = loop {
        let dead = rows(&cluster.desk.run("dead list -o json").out);
        if !dead.is_empty() {
            break dead;
        }
    };
    let id = dead[0]["task"].as_str().expect("an id");
    let shown = rows(&cluster.desk.run(&format!("dead show {id}")).out);
    assert_eq!(shown[0]["attempts"][0]["class"], "invalid_message");
    assert!(cluster.desk.run(&format!("dead requeue -o json {id}")).out.contains("\"requeued\": 1"));
    cluster.server.received(2).await;
    assert_eq!(cluster.desk.run("dead drop --all").code, 1, "there is nothing left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_show_beside_a_node_tells_what_that_node_knows() {
    let cluster = Cluster::new("rate_limit = \"1/h\"").await;
    cluster.hub.send_all((0..40).map(|_| Notification::text("x").to("hook"))).await.expect("accepted");
    let page = cluster.hub.tasks(&Default::default(), None, 1).await.expect("read");
    let last = page.tasks[0].outcome.task;
    let show = |listen: &str| {
        let env = [("NOTIFYHUB__SERVER__LISTEN", listen)];
        let shown = cluster.desk.run_with(&format!("tasks show {last}"), &env).json();
        shown[0]["explained"].as_str().expect("words").to_owned()
    };
    assert_eq!(show(""), "not tried yet; waits in the store for its turn; 39 before it", "no node runs");
    let mut command = Command::from(cluster.desk.command("serve --grace 5s", &[("NOTIFYHUB__SERVER__LISTEN", "127.0.0.1:0")]));
    let node = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the command starts");
    let (node, listen, log) = serving(node).await;
    cluster.server.received(1).await;
    let told = async {
        while !(show(&listen).contains("parked: the rate limit of hook is used up") && show(&listen).ends_with("; 38 before it"))
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), told).await.unwrap_or_else(|_| panic!("{}", show(&listen)));
    drop((node, log));
}
