//! What the agent tells of itself and of its files, beside the events of the machines: each with its sentence, and its row in
//! the reference of messages.
//!
//! Always: whatever the agent writes into a log is one of these, an event of the machines, a notice of the edge, or a line that
//! somebody gave to printi and printe; [`OwnEvent::message`] names every variant, so that one without a row does not compile.
//! Not here: lines about the logs themselves (`log`).

use safekit_core::event::Severity;
use safekit_core::explain::{Line, Message};
use safekit_core::ids::ModuleName;

use crate::guardian::counter_in_memory;

/// Something that the agent itself has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OwnEvent {
    /// `cluster deconfig` is done.
    ClusterLeft,
    /// The cluster has no keys.
    NoKeys,
    /// Others can read the file of the keys.
    KeysOpen { mode: u32 },
    /// What was told by `ClusterUnusable` is mended.
    ClusterUsable,
    /// The cluster's files, or the addresses of this host, do not fit.
    ClusterUnusable { why: String },
    /// What was told by `LansUnbound` is mended.
    LansBound,
    /// Some lans have no socket.
    LansUnbound { lans: String },
    /// Who may give commands, where that is fewer than usual.
    FewMayCommand { line: &'static str },
    /// What was told by `HealthRefused` is mended.
    HealthGiven,
    /// The port of the health answers cannot be had.
    HealthRefused { error: String },
    /// There is no IPv6.
    HealthOnFour { error: String },
    /// The limit of open files is low.
    FewFiles { files: u64, needed: u64 },
    /// The event loop has the priority that `--realtime` asks for.
    Realtime,
    /// It has not.
    RealtimeRefused { error: String },
    /// The counter of starts cannot be kept on disk.
    CounterInMemory { fault: String },
    /// It can again.
    CounterOnDisk,
    /// How the agent before this one ended.
    PreviousEnd { end: String },
    /// A module's files cannot be used: it is not served.
    ModuleUnusable { error: String },
    /// What was saved of a module's life is damaged or gone.
    StateLost { line: String },
    /// `incloop` or `resetloop`.
    BudgetChanged { word: &'static str, by: String },
    /// A script that belongs to a command was run.
    HookRan { words: String, userlog: String },
    /// It failed.
    HookFailed { failure: String },
    /// The reader of `--events` was too slow.
    EventsLost { count: u64 },
    /// The program on the disk cannot take over.
    ProgramKept { text: String },
    /// What the node is told is recorded.
    Recorded { path: String, mebibytes: usize },
    /// There is a folder for it, and it is not.
    NotRecorded { folder: String, error: String },
    /// It was, and is no longer.
    RecordEnded { path: String, why: String },
}

impl OwnEvent {
    /// Returns its sentence.
    pub(super) fn text(&self) -> String {
        match self {
            Self::ClusterLeft => {
                "this node has left its cluster, which is no longer configured".to_owned()
            }
            Self::NoKeys => "the cluster runs without keys: anybody on its lans can speak as a node; 'safekit cluster config' makes keys".to_owned(),
            Self::KeysOpen { mode } => format!(
                "others can read the keys of the cluster (SAFEVAR/cluster/keys, mode {mode:o}) and speak as a node"
            ),
            Self::ClusterUsable => "the cluster's configuration can be used".to_owned(),
            Self::ClusterUnusable { why } => {
                format!("the cluster's configuration cannot be used, no module gets Ready: {why}")
            }
            Self::LansBound => "all lans have their sockets".to_owned(),
            Self::LansUnbound { lans } => {
                format!("heartbeats cannot be sent on every lan: {lans}")
            }
            Self::FewMayCommand { line } => (*line).to_owned(),
            Self::HealthGiven => "health answers are given".to_owned(),
            Self::HealthRefused { error } => {
                format!("health answers cannot be given, no balancer takes this node: {error}")
            }
            Self::HealthOnFour { error } => format!("health answers on IPv4 only: {error}"),
            Self::Realtime => {
                "guardian and event loop have real-time priority; scripts have none".to_owned()
            }
            Self::RealtimeRefused { error } => {
                format!("the event loop has no real-time priority: {error}")
            }
            Self::FewFiles { files, needed } => format!(
                "only {files} files may be open at once, {needed} may be needed: raise LimitNOFILE of the service, or 'ulimit -n'"
            ),
            Self::CounterInMemory { fault } => counter_in_memory(fault),
            Self::CounterOnDisk => "the counter of starts is on disk again".to_owned(),
            Self::PreviousEnd { end } => format!("the agent before this one {end}"),
            Self::ModuleUnusable { error } => error.clone(),
            Self::StateLost { line } => line.clone(),
            Self::BudgetChanged { word, by } => format!("{word} called by {by}"),
            Self::HookRan { words, userlog } => format!("Script {words} > {userlog}"),
            Self::HookFailed { failure } => failure.clone(),
            Self::EventsLost { count } => {
                format!("{count} events before this one are lost: nobody read them in time")
            }
            Self::ProgramKept { text } => text.clone(),
            Self::Recorded { path, mebibytes } => format!(
                "what this node is told is recorded in {path}: confidential, {mebibytes} MiB at most"
            ),
            Self::NotRecorded { folder, error } => {
                format!("nothing is recorded in {folder}: {error}")
            }
            Self::RecordEnded { path, why } => format!("the recording {path} has ended: {why}"),
        }
    }

    /// Returns its row.
    pub(super) fn message(&self) -> &'static Message {
        match self {
            Self::ClusterLeft => &CLUSTER_LEFT,
            Self::NoKeys => &NO_KEYS,
            Self::KeysOpen { .. } => &KEYS_OPEN,
            Self::ClusterUsable => &CLUSTER_USABLE,
            Self::ClusterUnusable { .. } => &CLUSTER_UNUSABLE,
            Self::LansBound => &LANS_BOUND,
            Self::LansUnbound { .. } => &LANS_UNBOUND,
            Self::FewMayCommand { .. } => &FEW_MAY_COMMAND,
            Self::HealthGiven => &HEALTH_GIVEN,
            Self::HealthRefused { .. } => &HEALTH_REFUSED,
            Self::HealthOnFour { .. } => &HEALTH_ON_FOUR,
            Self::FewFiles { .. } => &FEW_FILES,
            Self::Realtime => &REALTIME,
            Self::RealtimeRefused { .. } => &REALTIME_REFUSED,
            Self::CounterInMemory { .. } => &COUNTER_IN_MEMORY,
            Self::CounterOnDisk => &COUNTER_ON_DISK,
            Self::PreviousEnd { .. } => &PREVIOUS_END,
            Self::ModuleUnusable { .. } => &MODULE_UNUSABLE,
            Self::StateLost { .. } => &STATE_LOST,
            Self::BudgetChanged { .. } => &BUDGET_CHANGED,
            Self::HookRan { .. } => &HOOK_RAN,
            Self::HookFailed { .. } => &HOOK_FAILED,
            Self::EventsLost { .. } => &EVENTS_LOST,
            Self::ProgramKept { .. } => &PROGRAM_KEPT,
            Self::Recorded { .. } => &RECORDED,
            Self::NotRecorded { .. } => &NOT_RECORDED,
            Self::RecordEnded { .. } => &RECORD_ENDED,
        }
    }

    /// Returns its line: about a module, or about the node.
    pub(super) fn line(&self, module: Option<&ModuleName>) -> Line {
        let Message { origin, severity, .. } = *self.message();
        let line = Line { module: module.cloned(), origin, severity, text: self.text() };
        debug_assert!(self.message().is_row_of(&line), "not as its row says: {line:?}");
        line
    }
}

/// Makes a constant of each row, and the list of all: a row cannot be missing in it.
macro_rules! messages {
    ($($name:ident: $severity:ident, $form:literal, $interface:expr, $meaning:literal, $remedy:literal;)+) => {
        $(const $name: Message = Message {
            origin: "agent",
            severity: Severity::$severity,
            form: $form,
            interface: $interface,
            meaning: $meaning,
            remedy: $remedy,
        };)+

        /// The rows, in the order of the reference.
        #[cfg(test)]
        pub(crate) const OWN_MESSAGES: &[Message] = &[$($name),+];
    };
}

messages! {
    CLUSTER_UNUSABLE: Critical, "the cluster's configuration cannot be used, no module gets Ready: <why>", None,
        "cluster.xml or the keys are damaged, or this host has no address of any node",
        "what the line ends with; `safekit cluster config` with another node's cluster.zip mends files";
    CLUSTER_USABLE: Event, "the cluster's configuration can be used", None,
        "The failure of an earlier line is over",
        "";
    CLUSTER_LEFT: Event, "this node has left its cluster, which is no longer configured", None,
        "`safekit cluster deconfig` is done",
        "";
    NO_KEYS: Event, "the cluster runs without keys: anybody on its lans can speak as a node; 'safekit cluster config' makes keys", None,
        "Heartbeats are neither signed nor checked",
        "`safekit cluster genkey`, then `safekit cluster export` and `safekit cluster config` on the other nodes";
    KEYS_OPEN: Event, "others can read the keys of the cluster (SAFEVAR/cluster/keys, mode <mode>) and speak as a node", None,
        "Somebody has changed the mode of the file; it is 600 where the agent writes it",
        "`safekit cluster genkey`, which writes it anew, then `safekit cluster export` and `safekit cluster config` on the other nodes";
    LANS_UNBOUND: Event, "heartbeats cannot be sent on every lan: <lans>", None,
        "The address of the lan is not on this host, or its port is taken. It is tried again by itself",
        "give the host the address, or end what has the port";
    LANS_BOUND: Event, "all lans have their sockets", None,
        "The failure of an earlier line is over",
        "";
    HEALTH_REFUSED: Critical, "health answers cannot be given, no balancer takes this node: <error>", None,
        "Port 9010 cannot be had. It is tried again by itself",
        "end what has the port (`ss -ltnp`), or use `--bind`";
    HEALTH_GIVEN: Event, "health answers are given", None,
        "The failure of an earlier line is over",
        "";
    HEALTH_ON_FOUR: Info, "health answers on IPv4 only: <error>", None,
        "The host has no IPv6",
        "";
    FEW_MAY_COMMAND: Info, "there is no group 'safekit' on this host: only <who> may give commands <how to make it>", None,
        "Only root reaches the control socket",
        "`groupadd safekit`, then start the agent again";
    FEW_FILES: Event, "only <number> files may be open at once, <number> may be needed: raise LimitNOFILE of the service, or 'ulimit -n'", None,
        "With many modules or clients the agent could run out of file descriptors",
        "raise the limit";
    REALTIME: Info, "guardian and event loop have real-time priority; scripts have none", None,
        "The agent was started with `--realtime`",
        "";
    REALTIME_REFUSED: Critical, "the event loop has no real-time priority: <error>", None,
        "The agent was started with `--realtime`, its guardian was allowed that and the agent was not: on a busy host short pulses can come too late",
        "what the line ends with: mostly LimitRTPRIO= of the service or the share of its control group";
    COUNTER_IN_MEMORY: Event, "the counter of starts is kept in memory only: <error>", None,
        "The guardian cannot write it: if the guardian ends too, this node may come back with an old number, and joins later",
        "make room, or mend the disk";
    COUNTER_ON_DISK: Event, "the counter of starts is on disk again", None,
        "The failure of an earlier line is over",
        "";
    PREVIOUS_END: Event, "the agent before this one <how it ended>", None,
        "The guardian has started the agent anew; the application was not touched",
        "after a signal or an exit code that nobody caused: report it with the log";
    MODULE_UNUSABLE: Critical, "<error>", None,
        "The module's files cannot be read: it is neither watched nor Ready",
        "what the line says; mostly `safekit config -m AM`";
    STATE_LOST: Critical, "<what is wrong with the saved state>; <what is assumed>", None,
        "What the agent knew of the module before it ended is lost",
        "where it is taken as UP and was stopped: `safekit stop`";
    BUDGET_CHANGED: User, "<command> called by <who>", None,
        "incloop or resetloop",
        "";
    HOOK_RAN: Script, "Script <script>[ <arguments>] > <userlog>", Some("Script <script>"),
        "A script that belongs to a command was run: config, postconfig, deconfig, confcheck, update, level or state",
        "";
    HOOK_FAILED: Event, "script <script><what happened>", None,
        "It has ended with another exit code than 0, did not end in time, or could not be run",
        "read its userlog";
    EVENTS_LOST: Critical, "<number> events before this one are lost: nobody read them in time", None,
        "In the output of `safekit-agent run --events` only: its reader is too slow",
        "read faster; the logs have all";
    PROGRAM_KEPT: Critical, "the program <file> cannot take over: <why>; guardian and agent go on as they are", None,
        "SIGHUP asked for the program on the disk, and that cannot run; nothing was ended",
        "install one that can, then reload again";
    RECORDED: Event, "what this node is told is recorded in <file>: confidential, <number> MiB at most", None,
        "There is a folder `record` in SAFEVAR",
        "once you have what you wanted: remove the folder, and reload";
    NOT_RECORDED: Event, "nothing is recorded in <folder>: <error>", None,
        "The folder for recordings is there, and no file can be made in it",
        "make room, or give root the folder; then reload";
    RECORD_ENDED: Event, "the recording <file> has ended: <why>", None,
        "The file is as long as it may be, or the disk does not take it",
        "reload: another one begins";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardian::cannot_take_over;
    use crate::store::layout::SocketAccess;

    fn samples() -> Vec<OwnEvent> {
        let text = || "x".to_owned();
        let failures = ["config has ended with exit status: 1", "config: cannot run it: no"];
        let mut events = vec![
            OwnEvent::ClusterLeft,
            OwnEvent::NoKeys,
            OwnEvent::KeysOpen { mode: 0o644 },
            OwnEvent::ClusterUsable,
            OwnEvent::ClusterUnusable { why: text() },
            OwnEvent::LansBound,
            OwnEvent::LansUnbound { lans: text() },
            OwnEvent::HealthGiven,
            OwnEvent::HealthRefused { error: text() },
            OwnEvent::HealthOnFour { error: text() },
            OwnEvent::FewFiles { files: 64, needed: 512 },
            OwnEvent::Realtime,
            OwnEvent::RealtimeRefused { error: text() },
            OwnEvent::CounterInMemory { fault: text() },
            OwnEvent::CounterOnDisk,
            OwnEvent::PreviousEnd { end: text() },
            OwnEvent::ModuleUnusable { error: text() },
            OwnEvent::StateLost { line: "x; y".to_owned() },
            OwnEvent::BudgetChanged { word: "incloop", by: text() },
            OwnEvent::HookRan { words: "update UP UP".to_owned(), userlog: text() },
            OwnEvent::EventsLost { count: 7 },
            OwnEvent::ProgramKept { text: cannot_take_over("/x".as_ref(), "y") },
            OwnEvent::Recorded { path: text(), mebibytes: 128 },
            OwnEvent::NotRecorded { folder: text(), error: text() },
            OwnEvent::RecordEnded { path: text(), why: text() },
        ];
        events.extend(SocketAccess::OwnerOnly.line().map(|line| OwnEvent::FewMayCommand { line }));
        events.extend(failures.map(|it| OwnEvent::HookFailed { failure: format!("script {it}") }));
        events
    }

    #[test]
    fn every_row_is_that_of_an_event() {
        let mut unused: Vec<&Message> = OWN_MESSAGES.iter().collect();
        for event in samples() {
            let line = event.line(None);
            assert!(event.message().is_row_of(&line), "{line:?}");
            unused.retain(|row| *row != event.message());
        }
        assert_eq!(unused, Vec::<&Message>::new(), "rows of nothing");
    }
}
