//! What the edge has to say to people, beside the outcomes of orders.

use std::fmt;
use std::time::Duration;

use crate::explain::{Line, Message, duration_text, messages};
use crate::ids::ModuleName;
use crate::module::script::Script;

/// Something at the edge that an administrator may want to know. The loop goes on in every case.
///
/// ```
/// use safekit_core::ids::ModuleName;
/// use safekit_core::module::script::Script;
/// use safekit_core::runtime::{EdgeNotice, KillReach};
///
/// let notice = EdgeNotice::ScriptKilled {
///     module: ModuleName::new("web")?,
///     script: Script::StopBoth,
///     reach: KillReach::Group,
/// };
/// let line = notice.to_string();
/// assert!(line.contains("web") && line.contains("stop_both"), "{line}");
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EdgeNotice {
    /// A script and what belongs to it was ended, by its time limit or by an order.
    ScriptKilled {
        /// The module.
        module: ModuleName,
        /// The script.
        script: Script,
        /// What was reached.
        reach: KillReach,
    },
    /// A script was killed and is not dead after 10 s: it hangs in the kernel (a dead disk, a dead NFS server). Its
    /// end has been reported all the same.
    ScriptHangs {
        /// The module.
        module: ModuleName,
        /// The script.
        script: Script,
        /// Its process.
        pid: u32,
    },
    /// A script that a former agent started still runs. The next script of the module waits for its end, and ends it
    /// when that takes too long.
    ScriptLeft {
        /// The module.
        module: ModuleName,
        /// The script.
        script: Script,
        /// Its process.
        pid: u32,
    },
    /// A script was wanted and is not started yet: the disk does not answer, or a script that a former agent left is
    /// waited for. Told once for each run.
    ScriptWaits {
        /// The module.
        module: ModuleName,
        /// The script.
        script: Script,
        /// For how long it has waited.
        waited: Duration,
    },
    /// The userlog of a script cannot be written; the script runs without.
    UserlogUnavailable {
        /// The module.
        module: ModuleName,
        /// The script.
        script: Script,
        /// What the operating system says.
        error: String,
    },
}

/// How far the ending of a script reaches.
///
/// Example: [`EdgeNotice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KillReach {
    /// Its process group: children that made a session of their own go on.
    Group,
    /// Its process group and all processes of its control group, whatever they did.
    GroupAndControlGroup,
}

impl EdgeNotice {
    /// Returns it as a line of the module log.
    #[must_use]
    pub fn line(&self) -> Line {
        let (module, row) = match self {
            Self::ScriptKilled { module, .. } => (module, SCRIPT_KILLED),
            Self::ScriptHangs { module, .. } => (module, SCRIPT_HANGS),
            Self::ScriptLeft { module, .. } => (module, SCRIPT_LEFT),
            Self::ScriptWaits { module, .. } => (module, SCRIPT_WAITS),
            Self::UserlogUnavailable { module, .. } => (module, NO_USERLOG),
        };
        let Message { origin, severity, .. } = row;
        let line = Line { module: Some(module.clone()), origin, severity, text: self.to_string() };
        debug_assert!(row.is_row_of(&line), "not as its row says: {line:?}");
        line
    }
}

impl fmt::Display for KillReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => {
                "its process group; no control group is writable here, so children with a session of their own go on"
            }
            Self::GroupAndControlGroup => "its process group and its control group",
        })
    }
}

impl fmt::Display for EdgeNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScriptKilled { module, script, reach } => {
                write!(f, "script {} of module {module} was ended: {reach}", script.as_str())
            }
            Self::ScriptHangs { module, script, pid } => {
                let script = script.as_str();
                write!(
                    f,
                    "script {script} of module {module} was killed and does not die (pid {pid})"
                )
            }
            Self::ScriptLeft { module, script, pid } => {
                let script = script.as_str();
                write!(
                    f,
                    "script {script} of module {module}, begun by the agent before this one, still runs (pid {pid}): the next script waits for its end"
                )
            }
            Self::ScriptWaits { module, script, waited } => {
                let (script, waited) = (script.as_str(), duration_text(*waited));
                write!(
                    f,
                    "script {script} of module {module} is not started since {waited}: the disk does not answer, or a script of the agent before this one still runs"
                )
            }
            Self::UserlogUnavailable { module, script, error } => {
                let script = script.as_str();
                write!(f, "script {script} of module {module} runs without userlog: {error}")
            }
        }
    }
}

messages! {
    /// The rows of all notices, in the order of the reference.
    NOTICE_MESSAGES;
    SCRIPT_KILLED: "agent", Event, "script <script> of module <module> was ended: <reach>", None,
        "A time limit or an order has ended it, and what belongs to it",
        "";
    SCRIPT_HANGS: "agent", Event, "script <script> of module <module> was killed and does not die (pid <pid>)", None,
        "It hangs in the kernel: a dead disk or network file system",
        "mend that; a restart of the host ends it for sure";
    SCRIPT_LEFT: "agent", Event, "script <script> of module <module>, begun by the agent before this one, still runs (pid <pid>): the next script waits for its end", None,
        "It is ended when that takes half the time limit of the next script",
        "";
    SCRIPT_WAITS: "agent", Event, "script <script> of module <module> is not started since <time>: the disk does not answer, or a script of the agent before this one still runs", None,
        "The sequence of scripts stands still",
        "look for processes of the application, and at the disk";
    NO_USERLOG: "agent", Event, "script <script> of module <module> runs without userlog: <error>", None,
        "Its output is lost",
        "make room, or mend the disk";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notice_has_its_row_and_every_row_its_notice() {
        let (module, script) = (ModuleName::new("farm").unwrap(), Script::StopBoth);
        let error = "no".to_owned();
        let killed = |reach| EdgeNotice::ScriptKilled { module: module.clone(), script, reach };
        let notices = [
            killed(KillReach::Group),
            killed(KillReach::GroupAndControlGroup),
            EdgeNotice::ScriptHangs { module: module.clone(), script, pid: 7 },
            EdgeNotice::ScriptLeft { module: module.clone(), script, pid: 7 },
            EdgeNotice::ScriptWaits { module: module.clone(), script, waited: Duration::ZERO },
            EdgeNotice::UserlogUnavailable { module: module.clone(), script, error },
        ];
        let lines = notices.map(|notice| notice.line());
        for row in NOTICE_MESSAGES {
            assert!(lines.iter().any(|line| row.is_row_of(line)), "{row:?}");
        }
    }
}
