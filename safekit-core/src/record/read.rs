//! Lines to calls.

use std::sync::Arc;
use std::time::Duration;

use super::words::{Expected, Words};
use super::write::TURN;
use super::{Call, FULL, MAGIC, RecordError, Recording, VERSION};
use crate::config::model::Signature;
use crate::config::module;
use crate::control::{Command, ModuleCommand, Origin, WatchSwitch};
use crate::ids::{
    ActionId, CommandId, Epoch, LanId, LanSet, ModuleName, NodeId, NodeName, ProcessId,
};
use crate::membership::{MembershipConfig, NodeConfig};
use crate::module::BudgetChange;
use crate::module::saved::{SavedBudget, SavedModule, SavedPhase};
use crate::module::script::{Script, ScriptEnd};
use crate::module::watch::{ProcessInfo, ServiceInfo, ServiceState};
use crate::node::{AgentStart, Input, ModuleSetup, Outcome, Start};
use crate::wire::{Key, KeyRing};

type Read<T> = Result<T, Expected>;

impl Recording {
    /// Reads the text of a [`super::Recorder`]. `keys` are those of the recorded cluster: its recording does not have
    /// them, and without them its heartbeats would be refused. Each configuration takes the first so many of them that it
    /// had: a recording in which the keys changed is told with the wrong ones from there or up to there. A last line without its end (the process died while it
    /// was written) is passed over.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn read(text: &str, keys: &[Key]) -> Result<Self, RecordError> {
        let (whole, cut) = text.rsplit_once('\n').ok_or(RecordError::NotARecording)?;
        let mut lines = whole.lines().zip(1..);
        let start = lines.next().map_or(Err(RecordError::NotARecording), |(line, _)| head(line))?;
        let mut recording = Self { start, calls: Vec::new(), complete: cut.is_empty() };
        let mut last = Duration::ZERO;
        for (text, line) in lines {
            let mut words = Words::new(text);
            let wrong = |what| RecordError::Line { line, what };
            let at = words.duration("a time in nanoseconds").map_err(wrong)?;
            if at < last {
                return Err(wrong("a time that does not go back"));
            }
            last = at;
            match words.word("a kind of call").map_err(wrong)? {
                FULL => recording.complete = false,
                TURN => recording.calls.push(Call { at, input: None }),
                kind => {
                    let input = input(kind, &mut words, keys).map_err(wrong)?;
                    recording.calls.push(Call { at, input: Some(input) });
                }
            }
            words.end().map_err(wrong)?;
        }
        Ok(recording)
    }
}

fn head(line: &str) -> Result<Start, RecordError> {
    let mut words = Words::new(line);
    if words.word(MAGIC) != Ok(MAGIC) {
        return Err(RecordError::NotARecording);
    }
    let version = words.parse("a version").map_err(|_what| RecordError::NotARecording)?;
    if version != VERSION {
        return Err(RecordError::OtherVersion { version });
    }
    let wrong = |what| RecordError::Line { line: 1, what };
    let counter = words.parse("the counter of the start").map_err(wrong)?;
    let random = words.parse("the random number of the start").map_err(wrong)?;
    words.end().map_err(wrong)?;
    Ok(Start { counter, random })
}

fn input(kind: &str, words: &mut Words<'_>, keys: &[Key]) -> Read<Input> {
    Ok(match kind {
        "datagram" => Input::DatagramReceived {
            lan: lan(words)?,
            from: words.parse("an address")?,
            bytes: words.bytes("bytes in hexadecimal digits")?,
        },
        "cluster" => Input::ClusterConfigured(Box::new(cluster(words, keys)?)),
        "no-cluster" => Input::ClusterRemoved,
        "module" => Input::ModuleConfigured(Box::new(setup(words)?)),
        "remove" => Input::ModuleRemoved(name(words)?),
        "command" => Input::CommandReceived {
            id: CommandId(words.parse("the name of a command")?),
            command: command(words)?,
        },
        "budget" => Input::BudgetChanged {
            module: name(words)?,
            change: match words.word("a change of the count")? {
                "counted" => BudgetChange::Counted,
                "reset" => BudgetChange::Reset,
                _ => return Err("a change of the count"),
            },
        },
        "switch" => Input::SwitchReceived {
            id: CommandId(words.parse("the name of a command")?),
            module: name(words)?,
            switch: watch_switch(words)?,
            origin: origin(words)?,
        },
        "finished" => Input::ActionFinished {
            id: ActionId(words.parse("the name of an order")?),
            outcome: outcome(words)?,
        },
        "armed" => Input::Armed { epoch: Epoch(words.parse("an epoch")?) },
        "exited" => Input::ProcessExited(process(words)?),
        "probed" => Input::BalancerProbed(name(words)?),
        "leave" => Input::Leave,
        _ => return Err("a kind of call"),
    })
}

fn cluster(words: &mut Words<'_>, keys: &[Key]) -> Read<MembershipConfig> {
    let me = node(words)?;
    let pulse = words.duration("a pulse")?;
    let lost_after = words.duration("a loss time")?;
    let lost_after_lowest = words.maybe(|words| words.duration("a loss time"))?;
    let cluster = words.parse("the number of a cluster")?;
    let count: usize = words.parse("the number of keys")?;
    let keys = KeyRing { cluster, keys: keys.iter().take(count).cloned().collect() };
    if keys.keys.len() < count {
        return Err("as many keys as the cluster had");
    }
    let cluster_signature = words.parse("a signature")?;
    let nodes = words.each(|words| {
        let id = node(words)?;
        let what = "the name of a node";
        let name = NodeName::new(words.word(what)?).map_err(|_error| what)?;
        let addresses = words.each(|words| Ok((lan(words)?, words.parse("an address")?)))?;
        Ok((id, NodeConfig { name, addresses: addresses.into_iter().collect() }))
    })?;
    let mut config = MembershipConfig::new(me, nodes.into_iter().collect());
    (config.pulse, config.lost_after) = (pulse, lost_after);
    (config.lost_after_lowest, config.keys) = (lost_after_lowest, keys);
    config.cluster_signature = cluster_signature;
    Ok(config)
}

fn setup(words: &mut Words<'_>) -> Read<ModuleSetup> {
    let name = name(words)?;
    let xml = words.text("a configuration")?;
    let parsed = module::parse(&name, "safeconf.xml", xml.as_bytes(), &|_| None);
    let mut config = parsed.model.ok_or("a configuration without faults")?;
    config.signature = Signature(words.parse("a signature")?);
    let scripts = words.each(|words| {
        let word = words.word("a script")?;
        Script::ALL.into_iter().find(|script| script.as_str() == word).ok_or("a script")
    })?;
    Ok(ModuleSetup {
        config: Arc::new(config),
        scripts: scripts.into_iter().collect(),
        lans: LanSet(words.parse("a set of lans")?),
        sharing: words.parse("a signature of shares")?,
        saved: words.maybe(saved)?,
        start: match words.word("a kind of start")? {
            "host-booted" => AgentStart::HostBooted,
            "same-boot" => AgentStart::SameBoot,
            "reconfigured" => AgentStart::Reconfigured,
            "cluster-changed" => AgentStart::ClusterChanged,
            _ => return Err("a kind of start"),
        },
    })
}

fn saved(words: &mut Words<'_>) -> Read<SavedModule> {
    let phase = match words.word("a phase")? {
        "stopped" => SavedPhase::Stopped,
        "up" => SavedPhase::Up,
        "starting" => SavedPhase::Starting,
        "stopping" => SavedPhase::Stopping,
        "restarting" => SavedPhase::Restarting,
        _ => return Err("a phase"),
    };
    Ok(SavedModule {
        phase,
        started: words.parse("true or false")?,
        watched: words.each(process)?,
        budget: SavedBudget {
            used: words.parse("a count of actions")?,
            age_ms: words.parse("an age in milliseconds")?,
        },
        may_still_run: words.parse("true or false")?,
        errd_off: words.parse("true or false")?,
        classes: words.each(|words| words.text("a class"))?.into_iter().collect(),
    })
}

fn command(words: &mut Words<'_>) -> Read<ModuleCommand> {
    let module = name(words)?;
    let all =
        [Command::Start, Command::Stop, Command::Restart, Command::Stopstart, Command::Forcestop];
    let word = words.word("a command")?;
    let command = all.into_iter().find(|command| command.as_str() == word).ok_or("a command")?;
    Ok(ModuleCommand { module, command, origin: origin(words)? })
}

fn watch_switch(words: &mut Words<'_>) -> Read<WatchSwitch> {
    Ok(match words.word("a switch")? {
        "on" => WatchSwitch::On,
        "off" => WatchSwitch::Off,
        "enable" => WatchSwitch::Enable(words.text("a class")?),
        "disable" => WatchSwitch::Disable(words.text("a class")?),
        _ => return Err("a switch"),
    })
}

fn origin(words: &mut Words<'_>) -> Read<Origin> {
    Ok(match words.word("an origin")? {
        "user" => Origin::User(words.text("a user")?),
        "detector" => Origin::Detector(words.text("a detector")?),
        "errd" => Origin::Errd,
        "maxloop" => Origin::Maxloop,
        "boot" => Origin::Boot,
        "shutdown" => Origin::Shutdown,
        "automatic" => Origin::Automatic,
        _ => return Err("an origin"),
    })
}

fn outcome(words: &mut Words<'_>) -> Read<Outcome> {
    Ok(match words.word("an outcome")? {
        "done" => Outcome::Done,
        "failed" => Outcome::Failed { error: words.text("an error")? },
        "processes" => Outcome::Processes(words.each(listed)?.into()),
        "services" => {
            let services = words.each(|words| Ok((words.text("a service")?, service(words)?)))?;
            Outcome::Services(Arc::new(services.into_iter().collect()))
        }
        "script" => Outcome::Script {
            duration: words.duration("a duration")?,
            userlog: words.maybe(|words| words.text("a userlog"))?,
            end: script_end(words)?,
        },
        _ => return Err("an outcome"),
    })
}

fn script_end(words: &mut Words<'_>) -> Read<ScriptEnd> {
    Ok(match words.word("an end of a script")? {
        "exited" => ScriptEnd::Exited { code: words.parse("an exit code")? },
        "signalled" => ScriptEnd::Signalled { signal: words.parse("a signal")? },
        "timed-out" => ScriptEnd::TimedOut,
        "ended" => ScriptEnd::Ended,
        "not-started" => ScriptEnd::NotStarted { error: words.text("an error")? },
        _ => return Err("an end of a script"),
    })
}

fn listed(words: &mut Words<'_>) -> Read<ProcessInfo> {
    Ok(ProcessInfo {
        id: process(words)?,
        parent_pid: words.parse("a process")?,
        name: words.text("the name of a process")?,
        executable: words.text("an executable")?,
        arguments: words.each(|words| words.text("an argument"))?,
    })
}

fn service(words: &mut Words<'_>) -> Read<ServiceInfo> {
    let word = words.word("a state of a service")?;
    let state = ServiceState::ALL.into_iter().find(|state| state.as_str() == word);
    Ok(ServiceInfo {
        state: state.ok_or("a state of a service")?,
        said: words.text("what the host says")?,
        main: words.maybe(process)?,
    })
}

fn process(words: &mut Words<'_>) -> Read<ProcessId> {
    Ok(ProcessId { pid: words.parse("a process")?, started: words.parse("a start time")? })
}

fn node(words: &mut Words<'_>) -> Read<NodeId> {
    NodeId::new(words.parse("the id of a node")?).ok_or("the id of a node")
}

fn lan(words: &mut Words<'_>) -> Read<LanId> {
    LanId::new(words.parse("the id of a lan")?).ok_or("the id of a lan")
}

fn name(words: &mut Words<'_>) -> Read<ModuleName> {
    let what = "the name of a module";
    ModuleName::new(words.word(what)?).map_err(|_error| what)
}
