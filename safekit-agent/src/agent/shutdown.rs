//! How the agent ends: stop the modules where that is wanted, say goodbye, go.
//!
//! ```text
//! Running ──SIGTERM, SIGINT──► Stopping ──all STOP──► Leaving ──goodbye said──► Gone: ends when all is on the disk
//!    └───────────SIGHUP───────────────────────────────► Leaving (applications go on; the guardian starts the next agent)
//! ```

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use safekit_core::control::{Command, ModuleCommand, Origin};
use safekit_core::ids::ModuleName;
use safekit_core::module::state::FarmState;
use safekit_core::node::Input;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::Agent;
use super::answers::Pending;

/// The exit code after which the guardian starts the next agent at once (`EX_TEMPFAIL`).
const EXIT_AGAIN: u8 = 75;
/// How long a goodbye may take; it takes 20 ms.
pub(super) const GOODBYE_MAX: Duration = Duration::from_millis(500);
/// How long the disk may take to keep what the modules were doing; then the next agent goes by what was kept before.
const SAVING_MAX: Duration = Duration::from_secs(5);

/// Where the agent is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is not.
    Running,
    /// The modules are being stopped.
    Stopping,
    /// The others are told.
    Leaving {
        /// The exit code of the process.
        code: u8,
        /// When the process ends whether or not that could be said.
        until: Instant,
    },
    /// Nothing is left to do but to wait for the disk.
    Gone {
        /// The exit code of the process.
        code: u8,
        /// When the process ends whatever the disk has not kept.
        until: Instant,
    },
}

impl Ending {
    /// Notes that goodbye was said.
    pub(super) fn left(&mut self) {
        if let Self::Leaving { code, until } = *self {
            *self = Self::Gone { code, until: until + SAVING_MAX };
        }
    }
}

/// The signals that the agent takes, as flags that a byte in a pipe announces.
#[derive(Debug)]
pub(super) struct Signals {
    end: Arc<AtomicBool>,
    again: Arc<AtomicBool>,
    pipe: UnixStream,
}

impl Signals {
    /// Catches the signals; returns the descriptor that the loop watches too.
    pub(super) fn register() -> io::Result<(Self, UnixStream)> {
        let (pipe, writer) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let (end, again) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for (signal, flag) in [(SIGTERM, &end), (SIGINT, &end), (SIGHUP, &again)] {
            // The flag first: the byte says that there is something to see.
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let watched = pipe.try_clone()?;
        Ok((Self { end, again, pipe }, watched))
    }

    fn drain(&self) {
        let mut bytes = [0; 64];
        while io::Read::read(&mut &self.pipe, &mut bytes).is_ok_and(|count| count > 0) {}
    }
}

impl Agent {
    pub(super) fn take_signals(&mut self, now: Instant) {
        self.signals.drain();
        if self.signals.end.swap(false, Ordering::Relaxed)
            && matches!(self.ending, Ending::Running | Ending::Stopping)
        {
            self.ending = Ending::Stopping;
            self.stop_all(now, &Origin::Shutdown);
        }
        if self.signals.again.swap(false, Ordering::Relaxed) && self.ending == Ending::Running {
            self.leave(now, EXIT_AGAIN);
        }
    }

    /// Stops all modules that are not stopped; returns how many. Those that would be started later are not.
    pub(super) fn stop_all(&mut self, now: Instant, origin: &Origin) -> usize {
        let running = self.running();
        let modules = self.node.node().modules();
        // A module that waits for the end of `boot_delay` is stopped, and would be started meanwhile.
        let later = modules.filter(|(_, module)| {
            module.state().state == FarmState::Stop && module.goal() != FarmState::Stop
        });
        let later: Vec<ModuleName> = later.map(|(name, _)| name.clone()).collect();
        for module in running.iter().cloned().chain(later) {
            let origin = origin.clone();
            let command = ModuleCommand { module, command: Command::Stop, origin };
            self.command(now, command, Pending::Own);
        }
        running.len()
    }

    /// Goes on with the way out when a step of it has ended.
    pub(super) fn follow_ending(&mut self, now: Instant) {
        match self.ending {
            Ending::Stopping if self.running().is_empty() => self.leave(now, 0),
            Ending::Leaving { until, .. } if now >= until => self.ending.left(),
            Ending::Running | Ending::Stopping | Ending::Leaving { .. } | Ending::Gone { .. } => {}
        }
    }

    /// Returns the exit code once the process may end. The next agent goes by what is on the disk: one that finds a stop
    /// half done stops the application again, and one that finds a start half done stops what serves.
    pub(super) fn code_at_end(&self, now: Instant) -> Option<u8> {
        let Ending::Gone { code, until } = self.ending else { return None };
        let mut modules = self.node.node().modules();
        let saving = modules.any(|(name, _)| self.edge.is_saving(name));
        (!saving || now >= until).then_some(code)
    }

    fn leave(&mut self, now: Instant, code: u8) {
        self.ending = Ending::Leaving { code, until: now + GOODBYE_MAX };
        self.feed(now, Input::Leave);
    }

    /// Tells whether the agent is on its way out.
    pub(super) fn is_ending(&self) -> bool {
        self.ending != Ending::Running
    }

    pub(super) fn running(&self) -> Vec<ModuleName> {
        let modules = self.node.node().modules();
        let running = modules.filter(|(_, module)| module.state().state != FarmState::Stop);
        running.map(|(name, _)| name.clone()).collect()
    }
}
