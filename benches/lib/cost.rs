//! What agents use while nothing happens.

use std::time::{Duration, Instant};

use safekit_core::runtime::clock;
use serde_json::{Value, json};

use crate::farm::Agent;
use crate::samples::median;
use crate::{Trouble, Try, usage};

/// A time in which agents are looked at.
#[derive(Debug)]
pub struct Cost {
    /// Agent, guardian, and what both had used.
    pids: Vec<(u32, u32, Duration)>,
    begin: Instant,
}

/// What one node has used: the median of the nodes.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Processor time of agent and guardian, in percent of one core.
    pub cpu_percent: f64,
    /// Resident memory of both, in MiB.
    pub resident_mib: f64,
    /// Their proportional share of memory, in MiB.
    pub proportional_mib: f64,
}

impl Cost {
    /// Begins.
    ///
    /// # Errors
    /// When an agent does not answer.
    pub fn begin(agents: &[Agent]) -> Try<Self> {
        let mut pids = Vec::new();
        for agent in agents {
            let state = agent.state()?;
            pids.push((state.agent_pid, state.guardian_pid, Duration::ZERO));
        }
        // After the questions: answering them is not rest.
        for (agent, guardian, spent) in &mut pids {
            *spent = usage::cpu_time(*agent) + usage::cpu_time(*guardian);
        }
        Ok(Self { pids, begin: clock::now() })
    }

    /// Ends, and says what was used.
    ///
    /// # Errors
    /// When an agent or a guardian is dead: it has used nothing.
    pub fn end(self) -> Try<Used> {
        let elapsed = clock::now().saturating_duration_since(self.begin).as_secs_f64();
        let (mut percents, mut resident, mut proportional) = (Vec::new(), Vec::new(), Vec::new());
        for (agent, guardian, before) in self.pids {
            if ![agent, guardian].into_iter().all(usage::lives) {
                return Err(Trouble::failed("an agent died while its rest was measured"));
            }
            let spent = (usage::cpu_time(agent) + usage::cpu_time(guardian)).saturating_sub(before);
            percents.push(100.0 * spent.as_secs_f64() / elapsed);
            let (of_agent, of_guardian) = (usage::memory(agent), usage::memory(guardian));
            resident.push(mebibytes(of_agent.0 + of_guardian.0));
            proportional.push(mebibytes(of_agent.1 + of_guardian.1));
        }
        Ok(Used {
            cpu_percent: median(percents),
            resident_mib: median(resident),
            proportional_mib: median(proportional),
        })
    }
}

impl Used {
    /// Returns it as fields of a line of the raw numbers.
    #[must_use]
    pub fn fields(&self) -> Value {
        json!({
            "cpu_percent": self.cpu_percent, "resident_mib": self.resident_mib,
            "proportional_mib": self.proportional_mib,
        })
    }
}

fn mebibytes(kibibytes: u64) -> f64 {
    f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)) / 1024.0
}
