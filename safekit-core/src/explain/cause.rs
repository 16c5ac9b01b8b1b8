//! The cause of a change of state.

use std::time::Duration;

use crate::control::{Command, Origin};
use crate::module::script::{Script, ScriptEnd};

/// Why a module's state changed: what came in last, with its evidence.
///
/// ```
/// use std::time::Duration;
/// use safekit_core::event::Event;
/// use safekit_core::explain::{Cause, Names, line};
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::script::{Script, ScriptEnd};
/// use safekit_core::module::state::ModuleState;
///
/// let (end, duration) = (ScriptEnd::Exited { code: 0 }, Duration::from_millis(2_100));
/// let event = Event::StateChanged {
///     module: ModuleName::new("web")?,
///     from: ModuleState::UP_TRANSIENT,
///     to: ModuleState::UP_READY,
///     cause: Cause::ScriptEnded { script: Script::StartBoth, end, duration },
/// };
/// let told = line(&event, &Names::default()).text;
/// assert!(told.ends_with("start_both ended after 2.1 s with exit code 0"), "{told}");
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A command.
    Command {
        /// The command.
        command: Command,
        /// Who gave it.
        origin: Origin,
    },
    /// A script has ended, and what comes after it begins.
    ScriptEnded {
        /// The script.
        script: Script,
        /// How it ended.
        end: ScriptEnd,
        /// After how long.
        duration: Duration,
    },
    /// There was no script to run.
    NoScript,
    /// The drain has ended.
    Drained {
        /// After how long.
        after: Duration,
    },
    /// The node has joined: it may serve.
    NodeJoined,
    /// The node has to join again: until then it does not serve.
    NodeJoining,
    /// The agent has started; nothing was done yet.
    AgentStarted,
    /// The agent before this one was told to end and stopped the module; the boot policy does not start it again.
    FormerAgentEnded,
    /// The host has booted since the module ran; the boot policy does not start it again.
    HostBooted,
    /// A former agent left the application running.
    AgentRestarted,
    /// Nothing that is watched shows whether the application runs, and one poll time has passed since the agent has begun anew.
    PollPassed,
    /// The processes of the application were seen: none is missing that the module itself would have to do something about.
    ProcessesSeen,
}
