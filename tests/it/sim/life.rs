//! One life of the process: it opens the store, accepts and delivers, and ends by itself, by a crash or told to.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub::{
    Hub, Notification,
    clock::Clock,
    store::{Durability, SqliteOptions, SqliteStore},
};
use rand::Rng;
use tokio::{
    runtime::Builder,
    task::{LocalSet, spawn_local},
};

use super::{
    faulty_store::FaultyStore,
    oracle,
    platform::SimPlatform,
    scenario::Wish,
    world::{Name, SimClock, World},
};

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing was left to do.
    Done,
    /// It died, or was told to end.
    Died,
}

/// How long everything may take once nothing goes wrong any more.
const CALM_MAX: Duration = Duration::from_secs(4 * 60 * 60);

/// Lives until it ends. Whatever it had in memory is gone then.
pub fn live(world: &Arc<World>, folder: &Path, number: u32) -> Ending {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let before = world.state().before;
    let local = LocalSet::new();
    let (ending, passed) = local.block_on(&runtime, async {
        let clock = SimClock::new(before);
        let ending = within(world, folder, number, &clock).await;
        (ending, clock.since_start())
    });
    // What is dropped here was cut off in the middle of whatever it did.
    drop(local);
    drop(runtime);
    world.state().before = passed;
    if ending == Ending::Died {
        world.crashed();
    }
    ending
}

async fn within(world: &Arc<World>, folder: &Path, number: u32, clock: &SimClock) -> Ending {
    let options = SqliteOptions { durability: Durability::Process, ..SqliteOptions::new(folder.join("hub.db")) };
    let takes = {
        let world = world.clone();
        move || world.up_to(Duration::from_millis(4))
    };
    let (store, writer) = SqliteStore::open_inline(options, Arc::new(clock.clone()), takes).expect("it opens");
    drop(spawn_local(writer));
    world.step(clock, format!("life {number} begins"));
    let store = Arc::new(FaultyStore { store, world: world.clone(), clock: clock.clone() });
    let mut builder = Hub::builder()
        .clock(Arc::new(clock.clone()))
        .store(store)
        .pool(world.scenario.pool.clone())
        .seed(world.scenario.seed ^ u64::from(number))
        .without_threads();
    for (index, delivery) in world.scenario.platforms.iter().enumerate() {
        let platform = SimPlatform { index, world: world.clone(), clock: clock.clone() };
        builder = builder.platform_with(format!("p{index}"), Arc::new(platform), delivery.clone());
    }
    for chain in
        world.scenario.wishes.iter().flatten().filter(|wish| wish.routed).map(|wish| &wish.platforms).collect::<BTreeSet<_>>()
    {
        let steps = chain.iter().map(|platform| format!("p{platform}"));
        builder = builder.route(route(chain), steps, world.scenario.step_timeout);
    }
    let hub = builder.start().await.expect("it starts");
    let planned = world.scenario.lives.get(number as usize - 1).copied();
    let work = async {
        let producers = (0..world.scenario.wishes.len()).map(|producer| produce(world, &hub, clock, producer));
        let scaling = async {
            if world.scenario.faults.scaling {
                scale(world, &hub, clock).await;
            }
            std::future::pending::<()>().await;
        };
        let calming = async {
            // In the last life, faults end once it has lived for a while.
            if planned.is_none() {
                clock.sleep_until(clock.now() + world.scenario.trouble).await;
                world.step(clock, "it grows calm");
                world.state().calm = true;
            }
            std::future::pending::<()>().await;
        };
        let all = async {
            futures_util::future::join_all(producers).await;
            idle(&hub, clock).await;
        };
        tokio::select! {
            biased;
            () = all => {}
            () = scaling => {}
            () = calming => {}
        }
    };
    let ends = async {
        match planned {
            Some(after) => clock.sleep_until(clock.now() + after).await,
            None => clock.sleep_until(clock.now() + CALM_MAX).await,
        }
    };
    tokio::select! {
        biased;
        () = world.dies.notified() => {
            world.step(clock, "dies of a task");
            Ending::Died
        }
        () = work => {
            world.step(clock, "all is done");
            world.state().calm = true;
            oracle::judge(world, &hub).await;
            Ending::Done
        }
        () = ends => {
            if planned.is_none() {
                world.violated(format!("not everything is final {} s after the last fault: {:?}", CALM_MAX.as_secs(), hub.stats().tasks));
                return Ending::Done;
            }
            if world.scenario.faults.drains && world.strikes(50) {
                world.step(clock, "is told to end");
                drop(hub.shutdown(Duration::from_secs(5)).await);
            }
            world.step(clock, "dies");
            Ending::Died
        }
    }
}

/// Accepts what one producer wishes that has not been accepted yet, one after the other.
async fn produce(world: &Arc<World>, hub: &Hub, clock: &SimClock, producer: usize) {
    for (place, wish) in world.scenario.wishes[producer].iter().enumerate() {
        let name = (producer, place);
        if world.state().accepted.contains_key(&name) {
            continue;
        }
        clock.sleep_until(clock.now() + wish.pause).await;
        // Under one key the same must be said each time: times are relative to when it was first wished.
        let wished_at = *world.state().wished_at.entry(name).or_insert(clock.wall());
        loop {
            match hub.send(notification(name, wish, wished_at)).await {
                Ok(accepted) => {
                    world.step(clock, format!("accepted {name:?} as {}", accepted.id));
                    note(world, name, accepted.id);
                    break;
                }
                Err(error) => {
                    world.step(clock, format!("refused {name:?}: {error}"));
                    clock.sleep_until(clock.now() + Duration::from_millis(20)).await;
                }
            }
        }
        if wish.cancelled {
            let id = world.state().accepted[&name];
            world.state().cancelled.push(name);
            let _it_may_be_under_way = hub.cancel(id).await;
        }
    }
}

fn note(world: &World, name: Name, id: notifyhub::NotificationId) {
    let mut state = world.state();
    let other = state.names.insert(id, name).filter(|other| *other != name);
    state.accepted.insert(name, id);
    drop(state);
    let dedupes = |name: Name| world.scenario.wishes[name.0][name.1].dedupe;
    if let Some(other) = other.filter(|other| !(dedupes(*other) && dedupes(name))) {
        world.violated(format!("{name:?} and {other:?} were answered with one id"));
    }
}

fn notification((producer, place): Name, wish: &Wish, wished_at: SystemTime) -> Notification {
    let mut made =
        Notification::text(format!("{producer} {place}")).priority(wish.priority).idempotency_key(format!("{producer} {place}"));
    if wish.routed {
        made = made.to(format!("@{}", route(&wish.platforms)));
    } else {
        // Each producer is a recipient of his own.
        made = wish.platforms.iter().fold(made, |made, platform| made.to(format!("p{platform}:{producer}")));
    }
    if let Some(after) = wish.not_before {
        made = made.not_before(wished_at + after);
    }
    if let Some(after) = wish.expires {
        made = made.expires_at(wished_at + after);
    }
    if wish.order {
        made = made.order_key(format!("order {producer}"));
    }
    if wish.replace {
        made = made.replace_key(format!("replace {producer}"));
    }
    if wish.dedupe {
        made = made.dedupe(Duration::from_secs(600));
    }
    made
}

/// The route that tries these platforms one after the other.
fn route(chain: &[usize]) -> String {
    chain.iter().fold("r".to_owned(), |name, platform| name + &platform.to_string())
}

/// Scales the pool now and then.
async fn scale(world: &Arc<World>, hub: &Hub, clock: &SimClock) {
    loop {
        clock.sleep_until(clock.now() + world.up_to(Duration::from_secs(2))).await;
        if world.state().calm {
            return;
        }
        let workers = world.state().rng.random_range(1..=4);
        world.step(clock, format!("scale to {workers}"));
        let _it_may_be_busy_with_the_last = hub.workers().scale_to(workers).await;
    }
}

/// Waits until nothing waits and nothing is under way.
async fn idle(hub: &Hub, clock: &SimClock) {
    loop {
        let tasks = hub.stats().tasks;
        if tasks.waiting + tasks.leased == 0 {
            return;
        }
        clock.sleep_until(clock.now() + Duration::from_secs(1)).await;
    }
}
