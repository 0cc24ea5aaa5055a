//! What submissions ask of the memory store besides being kept: order, replacing an older one, and not to repeat themselves.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::SystemTime,
};

use crate::{
    store::Keys,
    task::{NotificationId, PlatformName, Task},
};

/// Remembered contents above which those whose time is over are forgotten.
const RECENT_MAX: usize = 1024;

/// A task, by its notification and its place.
type Place = (NotificationId, u32);

/// A content, and whom it was said to.
type Saying = (u64, PlatformName, Option<Arc<str>>);

/// What is remembered for it.
#[derive(Debug, Default)]
pub struct Sayings {
    /// Unfinished tasks of one platform and order key, in the order they were accepted.
    chains: HashMap<(PlatformName, Arc<str>), VecDeque<Place>>,
    replaceable: HashMap<Arc<str>, NotificationId>,
    recent: HashMap<Saying, (NotificationId, SystemTime)>,
}

impl Sayings {
    /// The earlier notification that stands for this one: it has the same content, for every target.
    pub fn repeats(&self, keys: &Keys, tasks: &[Arc<Task>], wall: SystemTime) -> Option<NotificationId> {
        keys.dedupe?;
        (self.repeated(keys, tasks, wall).len() == tasks.len()).then(|| self.found(keys, tasks.first()?, wall)).flatten()
    }

    /// The places of those tasks that repeat what was accepted for the same target.
    pub fn repeated(&self, keys: &Keys, tasks: &[Arc<Task>], wall: SystemTime) -> Vec<u32> {
        tasks.iter().filter(|task| self.found(keys, task, wall).is_some()).map(|task| task.index).collect()
    }

    fn found(&self, keys: &Keys, task: &Task, wall: SystemTime) -> Option<NotificationId> {
        let (id, ends) = self.recent.get(&saying(keys, task)?)?;
        (wall < *ends).then_some(*id)
    }

    /// Remembers what is said, but for those places that repeat others.
    pub fn remember(&mut self, keys: &Keys, tasks: &[Arc<Task>], but: &[u32], id: NotificationId, wall: SystemTime) {
        let Some((_, window)) = keys.dedupe else { return };
        if self.recent.len() >= RECENT_MAX {
            self.recent.retain(|_, (_, ends)| wall < *ends);
        }
        let said = tasks.iter().filter(|task| !but.contains(&task.index)).filter_map(|task| saying(keys, task));
        self.recent.extend(said.map(|saying| (saying, (id, wall + window))));
    }

    /// The notification whose place `id` takes, if there is one.
    pub fn replace(&mut self, keys: &Keys, id: NotificationId) -> Option<NotificationId> {
        self.replaceable.insert(keys.replace.clone()?, id)
    }

    /// Puts a task behind the others of its order; whether there are any.
    pub fn link(&mut self, key: &Arc<str>, task: &Task) -> bool {
        let chain = self.chains.entry((task.platform().clone(), key.clone())).or_default();
        chain.push_back((task.head.id, task.index));
        chain.len() > 1
    }

    /// Takes a task out of its order; returns who is first then.
    pub fn unlink(&mut self, key: &Arc<str>, task: &Task) -> Option<Place> {
        let chain_key = (task.platform().clone(), key.clone());
        let chain = self.chains.get_mut(&chain_key)?;
        chain.retain(|place| *place != (task.head.id, task.index));
        let first = chain.front().copied();
        if first.is_none() {
            self.chains.remove(&chain_key);
        }
        first
    }
}

fn saying(keys: &Keys, task: &Task) -> Option<Saying> {
    Some((keys.dedupe?.0, task.platform().clone(), task.recipient.clone()))
}
