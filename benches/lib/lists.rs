//! How long one list of the host's processes takes, from the order to the outcome, worker and loop included.

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use safekit_core::ids::ActionId;
use safekit_core::node::{Action, Input, Outcome, Output};
use safekit_core::runtime::{Edge, EdgeConfig, clock};

use crate::observer::Nothing;
use crate::{Trouble, Try};

/// Has lists made.
#[derive(Debug)]
pub struct Lists {
    edge: Edge,
    last: u64,
}

impl Lists {
    /// Makes an edge of its own for them.
    ///
    /// # Errors
    /// When there is none.
    pub fn new() -> Try<Self> {
        let edge = Edge::new(EdgeConfig::new(Arc::new(Nothing)));
        let edge = edge.map_err(|error| Trouble::failed(error.to_string()))?;
        Ok(Self { edge, last: 0 })
    }

    /// Has one made; returns what it took, what of that was work of this process, and how many processes are in it.
    ///
    /// # Errors
    /// When it does not come.
    pub fn one(&mut self) -> Try<(Duration, Duration, usize)> {
        self.last += 1;
        let mine = ActionId(self.last);
        let (begin, worked) = (clock::now(), own_cpu_time());
        let order = Output::Action { id: mine, action: Action::ScanProcesses };
        drop(self.edge.perform(order));
        let mut inputs = Vec::new();
        loop {
            let end = begin + PATIENCE;
            self.edge.wait(Some(end), &mut inputs).map_err(Trouble::io("wait for a list"))?;
            let took = clock::now().saturating_duration_since(begin);
            for input in inputs.drain(..) {
                let Input::ActionFinished { id, outcome } = input else { continue };
                if let Outcome::Failed { error } = &outcome {
                    return Err(Trouble::failed(format!("no list: {error}")));
                }
                if let (Outcome::Processes(list), true) = (outcome, id == mine) {
                    let work = own_cpu_time().saturating_sub(worked);
                    return Ok((took, work, list.len()));
                }
            }
            if took > PATIENCE {
                return Err(Trouble::failed("a list never came"));
            }
        }
    }
}

/// Returns the processor time of this process.
fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

const PATIENCE: Duration = Duration::from_secs(30);
