//! What the hub asks of the dispatcher, and how it is done.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{LaneOrder, Place, dispatcher::Dispatcher};
use crate::{
    config::{Affinity, Strategy},
    store::{Endpoint, Failing},
    task::{LaneKey, PlatformName, TaskId},
    telemetry::LaneStats,
};

/// What the hub asks of the dispatcher.
#[derive(Debug)]
pub enum Command {
    /// These tasks are cancelled: not to be sent, or not again.
    Cancel(Vec<TaskId>),
    /// The directory has changed.
    DirectoryChanged,
    /// Work is balanced by another strategy from now on.
    Balance(Strategy),
    /// The worker in this slot gets another weight.
    Weigh(u32, u32),
    /// The worker in this slot is specialised in something else.
    Specialise(u32, Option<Arc<Affinity>>),
    /// How the lanes stand is to be shown on the board.
    ShowLanes,
    /// How each lane stands is asked.
    Lanes(oneshot::Sender<Vec<LaneStats>>),
    /// Where a task of this lane is is asked; nothing if neither is known here.
    Place(TaskId, LaneKey, oneshot::Sender<Option<Place>>),
    /// An endpoint is to be sent to again.
    Enable(Endpoint, oneshot::Sender<()>),
    /// The endpoints that the store has kept by now.
    Endpoints(Vec<Failing>),
    /// What a person says about all lanes of a platform.
    Order(PlatformName, LaneOrder, oneshot::Sender<()>),
}

impl Dispatcher {
    /// Does what is asked.
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Cancel(tasks) => self.cancel(&tasks),
            Command::DirectoryChanged => self.close_removed_lanes(),
            Command::Balance(strategy) => self.roster.balance_by(strategy),
            Command::Weigh(slot, weight) => self.roster.weigh(slot, weight),
            Command::Specialise(slot, affinity) => self.roster.specialise(slot, affinity),
            Command::ShowLanes => {
                self.show_lanes();
                self.forget_idle_lanes(self.clock.now());
            }
            // Whoever asked may be gone.
            Command::Lanes(answer) => drop(answer.send(self.lane_stats())),
            Command::Place(task, lane, answer) => drop(answer.send(self.place(task, &lane))),
            Command::Enable(endpoint, done) => {
                self.enable(endpoint);
                let _ = done.send(());
            }
            Command::Endpoints(kept) => self.refresh_endpoints(kept),
            Command::Order(platform, order, done) => {
                self.order_lanes(&platform, order);
                let _ = done.send(());
            }
        }
    }
}
