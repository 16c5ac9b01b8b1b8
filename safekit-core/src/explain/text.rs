//! Parts of sentences: why a state changed, how a script ended, why a member is what it is.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Cause, duration_text};
use crate::control::{Command, Origin};
use crate::event::ModuleFault;
use crate::ids::{LanId, LanName, ModuleKey, ModuleName, NodeId, NodeName};
use crate::membership::{Fault, JoinReason, MemberReason};
use crate::module::script::ScriptEnd;

/// What ids are called. An id without a name is told as a number.
///
/// ```
/// use safekit_core::explain::Names;
/// use safekit_core::ids::{LanId, ModuleName, NodeId, NodeName};
///
/// let node = NodeId::new(1).ok_or("a node")?;
/// let mut names = Names::default();
/// assert_eq!(names.node(node), "node id 1");
/// names.nodes.insert(node, NodeName::new("paris")?);
/// assert_eq!(names.node(node), "paris");
/// // A module of another node, known by its key only.
/// assert!(names.module(ModuleName::new("web")?.key()).starts_with('#'));
/// assert_eq!(names.lan(LanId::new(0).ok_or("a lan")?), "number 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The configured nodes.
    pub nodes: BTreeMap<NodeId, NodeName>,
    /// The configured lans.
    pub lans: BTreeMap<LanId, LanName>,
    /// The modules of this node.
    pub modules: BTreeMap<ModuleKey, ModuleName>,
}

impl Names {
    /// Returns what a node is called.
    #[must_use]
    pub fn node(&self, node: NodeId) -> String {
        self.nodes.get(&node).map_or_else(|| node.to_string(), ToString::to_string)
    }

    /// Returns what a lan is called.
    #[must_use]
    pub fn lan(&self, lan: LanId) -> String {
        let unnamed = || format!("number {}", lan.number());
        self.lans.get(&lan).map_or_else(unnamed, ToString::to_string)
    }

    /// Returns what a module is called: `#` and its key in hexadecimal where it is not on this node.
    #[must_use]
    pub fn module(&self, module: ModuleKey) -> String {
        let unnamed = || format!("#{:08x}", module.0);
        self.modules.get(&module).map_or_else(unnamed, ToString::to_string)
    }

    pub(super) fn list<'a>(&self, nodes: impl IntoIterator<Item = &'a NodeId>) -> String {
        let names: Vec<_> = nodes.into_iter().map(|node| self.node(*node)).collect();
        names.join(" ")
    }
}

/// Tells a command as the module log does: `Action start called by root`.
pub(super) fn action_text(command: Command, origin: &Origin) -> String {
    let word = command.as_str();
    match origin {
        Origin::User(user) => format!("Action {word} called by {user}"),
        Origin::Detector(detector) => format!("Action {word} called by {detector}"),
        Origin::Errd => format!("Action {word} called by errd"),
        Origin::Maxloop => format!("Action {word} called by maxloop"),
        Origin::Boot => format!("Action {word} called at boot time"),
        Origin::Shutdown => "Action shutdown called by safekit-agent".to_owned(),
        Origin::Automatic => format!("Action {word} called automatically"),
    }
}

/// Tells why a state changed: "prestart ended after 2.1 s with exit code 0".
#[must_use]
pub(crate) fn cause_text(cause: &Cause) -> String {
    match cause {
        Cause::Command { command, origin } => {
            let text = action_text(*command, origin);
            text.strip_prefix("Action ").map(str::to_owned).unwrap_or(text)
        }
        Cause::ScriptEnded { script, end, duration } => {
            let (script, time) = (script.as_str(), duration_text(*duration));
            match end {
                ScriptEnd::NotStarted { .. } => format!("{script} {}", end_text(end)),
                ScriptEnd::Exited { .. }
                | ScriptEnd::Signalled { .. }
                | ScriptEnd::TimedOut
                | ScriptEnd::Ended => format!("{script} ended after {time} {}", end_text(end)),
            }
        }
        Cause::NoScript => "there was no script to run".to_owned(),
        Cause::Drained { after } => format!("the drain ended after {}", duration_text(*after)),
        Cause::NodeJoined => "the node has joined".to_owned(),
        Cause::NodeJoining => "the node has to join again".to_owned(),
        Cause::AgentStarted => "the agent has started".to_owned(),
        Cause::FormerAgentEnded => {
            "the agent before this one was ended and stopped it; boot is off or ignore, so this one does not start it"
                .to_owned()
        }
        Cause::HostBooted => {
            "the host has booted; boot is off or ignore, so it is not started again".to_owned()
        }
        Cause::AgentRestarted => "a former agent left it so".to_owned(),
        Cause::PollPassed => {
            "nothing that is watched shows whether the application runs, and one poll time has passed".to_owned()
        }
        Cause::ProcessesSeen => "the watched processes are there".to_owned(),
    }
}

/// Tells how a script ended: "with exit code 1".
#[must_use]
pub(crate) fn end_text(end: &ScriptEnd) -> String {
    match end {
        ScriptEnd::Exited { code } => format!("with exit code {code}"),
        ScriptEnd::Signalled { signal } => format!("by signal {signal}"),
        ScriptEnd::TimedOut => "because its time limit had passed".to_owned(),
        ScriptEnd::Ended => "because it was told to".to_owned(),
        ScriptEnd::NotStarted { error } => format!("could not be started: {error}"),
    }
}

/// Tells what is wrong with a module, and what to do.
#[must_use]
pub(crate) fn module_fault_text(module: &ModuleName, fault: &ModuleFault) -> String {
    match fault {
        ModuleFault::MayStillRun { end } => {
            let how = match end {
                Some(end @ ScriptEnd::NotStarted { .. }) => end_text(end),
                Some(end) => format!("ended {}", end_text(end)),
                None => "did not come to its end under the agent before this one".to_owned(),
            };
            format!(
                "The application may still run: the last stop_both {how}; look for its processes and end them by hand, or run 'safekit forcestop -m {module}' again"
            )
        }
        ModuleFault::ServicesUnknown { error } => {
            format!("it is not known whether the services that are watched run: {error}")
        }
        ModuleFault::NotSaved { error } => format!(
            "The state of the module cannot be saved: {error}; make room or mend the disk, until then a new agent would go by what was saved last"
        ),
    }
}

/// Tells why the node has joined or has not: "all configured nodes are heard".
#[must_use]
pub(crate) fn join_text(why: &JoinReason) -> String {
    match why {
        JoinReason::Started => "it has started".to_owned(),
        JoinReason::Paused { gap } => {
            format!("it stood still for {}, and others may have noticed", duration_text(*gap))
        }
        JoinReason::Refuted { known } => format!("others know a later life of it, {known}"),
        JoinReason::AllHeard => "all configured nodes are heard".to_owned(),
        JoinReason::PeersHeard => "everybody whom the heard nodes hear is heard".to_owned(),
        JoinReason::Alone => "nobody answered in one loss time".to_owned(),
    }
}

/// Tells why a member is what it is: "silent for 1.0 s, own lateness at most 3 ms".
#[must_use]
pub(crate) fn member_text(why: &MemberReason, names: &Names) -> String {
    match why {
        MemberReason::Heard { incarnation, lan } => {
            format!("incarnation {incarnation} is heard on lan {}", names.lan(*lan))
        }
        MemberReason::Joined => "it says that it has joined".to_owned(),
        MemberReason::Silent { silence, own_lateness } => {
            let (silence, late) = (duration_text(*silence), duration_text(*own_lateness));
            format!("silent for {silence}, own lateness at most {late}")
        }
        MemberReason::Announced => "its end was announced".to_owned(),
        MemberReason::OwnPause => "this node stood still and has to hear it again".to_owned(),
    }
}

/// Tells who sends what is refused, and what helps where it is a node of the cluster.
fn sender_text(from: &SocketAddr, member: Option<NodeId>, names: &Names) -> (String, String) {
    let Some(member) = member else { return (from.to_string(), String::new()) };
    let node = names.node(member);
    let mend = format!(
        "; on the node with the right configuration run 'safekit cluster export', on {node} or here 'safekit cluster config' with its zip"
    );
    (format!("{node} ({from})"), mend)
}

/// Tells what keeps a node or a datagram out, and where to look.
#[must_use]
pub(crate) fn fault_text(fault: &Fault, names: &Names) -> String {
    match fault {
        Fault::UnknownKey { from, member } => {
            let (sender, mend) = sender_text(from, *member, names);
            format!(
                "Heartbeats from {sender} are refused: their key is not known here, or they are of another cluster{mend}"
            )
        }
        Fault::BadTag { from, member } => {
            let (sender, mend) = sender_text(from, *member, names);
            format!(
                "Heartbeats from {sender} are refused: damaged, or sealed with another key{mend}"
            )
        }
        Fault::OtherName { member, from } => format!(
            "Heartbeats from {from} are refused: its cluster.xml does not give the name {} to {member}",
            names.node(*member)
        ),
        Fault::OtherLan { member } => format!(
            "Heartbeats from {} are refused: its cluster.xml has the lans in another order",
            names.node(*member)
        ),
        Fault::OtherVersion { version, from } => {
            format!(
                "Heartbeats from {from} are refused: version {version} of the format is not known here"
            )
        }
        Fault::DuplicateNode { member } => format!(
            "Two agents run as {} with the same key: one of them stays out until the other one has ended",
            names.node(*member)
        ),
        Fault::ClusterDiffers { member } => {
            format!(
                "The cluster configuration on {} differs from the one here: on the node with the right one run 'safekit cluster export', on the others 'safekit cluster config' with its zip",
                names.node(*member)
            )
        }
        Fault::ModuleDiffers { member, module } => {
            let (node, module) = (names.node(*member), names.module(*module));
            format!(
                "The configuration of module {module} on {node} differs from the one here: install the same module on both and run 'safekit config -m {module}'"
            )
        }
        Fault::NeverAgrees { member } => format!(
            "{} hears everybody and never agrees: it is treated as if it were not heard",
            names.node(*member)
        ),
        Fault::Excluded { view } => format!(
            "This node is heard and takes no load: {} hear each other better",
            names.list(view)
        ),
    }
}
