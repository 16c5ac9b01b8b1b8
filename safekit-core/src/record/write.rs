//! Calls to lines.

use super::words::Line;
use crate::control::{Origin, WatchSwitch};
use crate::ids::ProcessId;
use crate::membership::MembershipConfig;
use crate::module::BudgetChange;
use crate::module::saved::{SavedModule, SavedPhase};
use crate::module::script::ScriptEnd;
use crate::module::watch::{ProcessInfo, ServiceInfo};
use crate::node::{AgentStart, Input, ModuleSetup, Outcome};

/// The line of a call that only tells the time.
pub(super) const TURN: &str = "turn";

/// Writes an input as the words of a line.
pub(super) fn input(input: &Input) -> String {
    let line = match input {
        Input::DatagramReceived { lan, from, bytes } => {
            Line::new("datagram").word(lan.number()).word(from).bytes(bytes)
        }
        Input::ClusterConfigured(config) => cluster(config),
        Input::ClusterRemoved => Line::new("no-cluster"),
        Input::ModuleConfigured(setup) => module(setup),
        Input::ModuleRemoved(module) => Line::new("remove").word(module),
        Input::CommandReceived { id, command } => {
            let line = Line::new("command").word(id.0).word(&command.module);
            origin(line.word(command.command.as_str()), &command.origin)
        }
        Input::BudgetChanged { module, change } => {
            let change = match change {
                BudgetChange::Counted => "counted",
                BudgetChange::Reset => "reset",
            };
            Line::new("budget").word(module).word(change)
        }
        Input::SwitchReceived { id, module, switch, origin: by } => {
            origin(watch_switch(Line::new("switch").word(id.0).word(module), switch), by)
        }
        Input::ActionFinished { id, outcome: how } => {
            outcome(Line::new("finished").word(id.0), how)
        }
        Input::Armed { epoch } => Line::new("armed").word(epoch.0),
        Input::ProcessExited(id) => process(Line::new("exited"), *id),
        Input::BalancerProbed(module) => Line::new("probed").word(module),
        Input::Leave => Line::new("leave"),
    };
    line.end()
}

fn cluster(config: &MembershipConfig) -> Line {
    let line = Line::new("cluster")
        .word(config.me.number())
        .duration(config.pulse)
        .duration(config.lost_after)
        .maybe(config.lost_after_lowest, Line::duration)
        .word(config.keys.cluster)
        .word(config.keys.keys.len())
        .word(config.cluster_signature);
    line.each(config.nodes.iter(), |line, (id, node)| {
        let line = line.word(id.number()).word(&node.name);
        line.each(node.addresses.iter(), |line, (lan, addr)| line.word(lan.number()).word(addr))
    })
}

fn module(setup: &ModuleSetup) -> Line {
    let start = match setup.start {
        AgentStart::HostBooted => "host-booted",
        AgentStart::SameBoot => "same-boot",
        AgentStart::Reconfigured => "reconfigured",
        AgentStart::ClusterChanged => "cluster-changed",
    };
    Line::new("module")
        .word(&setup.config.name)
        .text(&setup.config.to_xml())
        .word(setup.config.signature.0)
        .each(setup.scripts.iter(), |line, script| line.word(script.as_str()))
        .word(setup.lans.0)
        .word(setup.sharing)
        .maybe(setup.saved.as_ref(), saved)
        .word(start)
}

fn saved(line: Line, saved: &SavedModule) -> Line {
    let phase = match saved.phase {
        SavedPhase::Stopped => "stopped",
        SavedPhase::Up => "up",
        SavedPhase::Starting => "starting",
        SavedPhase::Stopping => "stopping",
        SavedPhase::Restarting => "restarting",
    };
    line.word(phase)
        .word(saved.started)
        .each(saved.watched.iter(), |line, id| process(line, *id))
        .word(saved.budget.used)
        .word(saved.budget.age_ms)
        .word(saved.may_still_run)
        .word(saved.errd_off)
        .each(saved.classes.iter(), |line, class| line.text(class))
}

fn origin(line: Line, origin: &Origin) -> Line {
    match origin {
        Origin::User(name) => line.word("user").text(name),
        Origin::Detector(name) => line.word("detector").text(name),
        Origin::Errd => line.word("errd"),
        Origin::Maxloop => line.word("maxloop"),
        Origin::Boot => line.word("boot"),
        Origin::Shutdown => line.word("shutdown"),
        Origin::Automatic => line.word("automatic"),
    }
}

fn watch_switch(line: Line, switch: &WatchSwitch) -> Line {
    match switch {
        WatchSwitch::On => line.word("on"),
        WatchSwitch::Off => line.word("off"),
        WatchSwitch::Enable(class) => line.word("enable").text(class),
        WatchSwitch::Disable(class) => line.word("disable").text(class),
    }
}

fn outcome(line: Line, outcome: &Outcome) -> Line {
    match outcome {
        Outcome::Done => line.word("done"),
        Outcome::Failed { error } => line.word("failed").text(error),
        Outcome::Processes(processes) => line.word("processes").each(processes.iter(), listed),
        Outcome::Services(services) => line
            .word("services")
            .each(services.iter(), |line, (name, info)| service(line, name, info)),
        Outcome::Script { end, duration, userlog } => {
            let line = line.word("script").duration(*duration);
            script_end(line.maybe(userlog.as_deref(), Line::text), end)
        }
    }
}

fn script_end(line: Line, end: &ScriptEnd) -> Line {
    match end {
        ScriptEnd::Exited { code } => line.word("exited").word(code),
        ScriptEnd::Signalled { signal } => line.word("signalled").word(signal),
        ScriptEnd::TimedOut => line.word("timed-out"),
        ScriptEnd::Ended => line.word("ended"),
        ScriptEnd::NotStarted { error } => line.word("not-started").text(error),
    }
}

fn listed(line: Line, info: &ProcessInfo) -> Line {
    process(line, info.id)
        .word(info.parent_pid)
        .text(&info.name)
        .text(&info.executable)
        .each(info.arguments.iter(), |line, argument| line.text(argument))
}

fn service(line: Line, name: &str, info: &ServiceInfo) -> Line {
    let line = line.text(name).word(info.state.as_str()).text(&info.said);
    line.maybe(info.main, process)
}

fn process(line: Line, id: ProcessId) -> Line {
    line.word(id.pid).word(id.started)
}
