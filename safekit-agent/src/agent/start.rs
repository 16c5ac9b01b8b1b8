//! How the agent comes to be: files, log, edge, cluster, modules, fronts, in this order.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::Resource;
use safekit_core::ids::ModuleName;
use safekit_core::module::saved::SavedModule;
use safekit_core::node::{AgentStart, Start};
use safekit_core::runtime::front::{Board, FrontError, reserve_file_descriptors};
use safekit_core::runtime::{Edge, EdgeConfig, EdgeError, Keep, clock, host};

use super::answers::Answers;
use super::desk::{Bell, desk};
use super::events::Events;
use super::modules::{self, ModuleFiles};
use super::operations::Office;
use super::own::OwnEvent;
use super::record::Observed;
use super::shutdown::{Ending, Signals};
use super::{Agent, BELL, SIGNALS};
use crate::RunArguments;
use crate::guardian::{Parent, Started};
use crate::log::{Level, LogThread, SystemLog};
use crate::store::{self, Layout, StoreError, saved};

/// Descriptors that the process's table gets room for at once: growing it later stops every thread for milliseconds.
const DESCRIPTORS: usize = 4096;
/// Open files that an agent may need, with clients on both fronts and processes to watch; what most hosts allow.
const FILES_MIN: u64 = 1024;

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// The operating system refuses something.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What it says.
        #[source]
        source: io::Error,
    },
    /// The event loop cannot be made.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The control socket cannot listen.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// The files of the root.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration does not fit this host.
    #[error("{0}")]
    Configuration(String),
}

fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Io { what, source }
}

/// Says why the agent ends. The guardian starts the next one, later each time.
pub(super) fn fail(text: &str) -> ExitCode {
    say(text);
    ExitCode::FAILURE
}

/// Says something to whoever started the agent. Not for the event loop: whoever reads it may have stopped.
fn say(text: &str) {
    // Nobody to tell where even that fails.
    drop(writeln!(io::stderr(), "safekit-agent: {text}"));
}

/// Keeps the modules' states in their files.
struct Saver {
    layout: Layout,
    boot_id: String,
}

impl Keep for Saver {
    fn save(&self, module: &ModuleName, state: &SavedModule) -> io::Result<()> {
        saved::save(&self.layout, module, state, &modules::boot(&self.boot_id))
            .map_err(io::Error::other)
    }
}

/// Makes the agent, ready for its first turn.
pub(super) fn agent(
    arguments: &RunArguments,
    parent: Parent,
    started: &Started,
) -> Result<Agent, StartError> {
    // First of all: whoever ends the agent from now on finds the modules stopped.
    let (signals, signalled) = Signals::register().map_err(io_error("catch signals"))?;
    host::release_signals().map_err(io_error("take signals"))?;
    // This thread is the loop's; the others have none. One that runs late is better than none at all: told below.
    let realtime = arguments.realtime.then(host::take_realtime_priority);
    // Before the first thread; where it fails it only costs time later.
    drop(reserve_file_descriptors(DESCRIPTORS));
    let layout = Layout::new(arguments.root.as_deref());
    let (log, log_thread) = LogThread::start(&layout, system_log(arguments))
        .map_err(io_error("start the thread of the logs"))?;
    let boot_id = host::boot_id().map_err(io_error("read the host's boot id"))?;
    let (bell, heard) = Bell::new().map_err(io_error("make the bell of the event loop"))?;
    let bell_watched = heard.try_clone().map_err(io_error("watch the bell"))?;
    let keep = Saver { layout: layout.clone(), boot_id: boot_id.clone() };
    let mut config = EdgeConfig::new(Arc::new(keep));
    // A root of its own: other agents may share the host, whose applications have the same names.
    config.only_safe = arguments.root.is_some().then(|| layout.safe.clone().into());
    let mut edge = Edge::new(config)?;
    edge.watch(BELL, Box::new(bell_watched)).map_err(io_error("watch the bell"))?;
    edge.watch(SIGNALS, Box::new(signalled)).map_err(io_error("watch the signals"))?;
    let (desk, requests) = desk(bell);
    let events = arguments.events.then(|| Events::start(io::stdout())).transpose();
    let events = events.map_err(io_error("start the thread of the events"))?;
    let now = clock::now();
    let start = Start { counter: started.counter, random: random()? };
    let (node, recorded) = Observed::new(now, start, &layout.records());
    let mut agent = Agent {
        arguments: arguments.clone(),
        layout,
        log,
        log_thread: Some(log_thread),
        events,
        boot_id,
        guardian_pid: started.guardian_pid,
        parent,
        edge,
        node,
        board: Board::new(now),
        api: None,
        control: None,
        network: None,
        network_at: None,
        cluster: None,
        requests,
        bell: heard,
        signals,
        pending: BTreeMap::new(),
        answers: Answers::default(),
        last_command: 0,
        ending: Ending::Running,
        bind_at: None,
        strange: None,
        removal: None,
        stamp_at: now,
        beat_at: now,
        farewell_due: false,
        told_faults: BTreeMap::new(),
    };
    agent.take_configuration(started)?;
    agent.tell_realtime(realtime);
    if let Some(event) = recorded {
        agent.tell_node(&event);
    }
    let office = Office::new(desk, &agent);
    agent.open_control(Arc::new(office))?;
    agent.open_network(now);
    agent.told_faults.values().for_each(|fault| say(fault));
    agent.begin();
    agent.parent.ready().map_err(io_error("tell the guardian that the agent works"))?;
    Ok(agent)
}

/// Returns where main messages are told too. A root of its own keeps everything under its folder.
fn system_log(arguments: &RunArguments) -> SystemLog {
    match (&arguments.system_log, &arguments.root) {
        (Some(path), _) => SystemLog::journal(path.clone()),
        (None, None) => SystemLog::of_host(),
        (None, Some(_)) => SystemLog::none(),
    }
}

/// Draws what tells this process from another one with the same counter.
fn random() -> Result<u32, StartError> {
    getrandom::u32().map_err(|error| StartError::Configuration(format!("no randomness: {error}")))
}

impl Agent {
    /// Tells how the priority was had that was asked for.
    fn tell_realtime(&mut self, taken: Option<io::Result<()>>) {
        match taken {
            Some(Ok(())) => self.tell_node(&OwnEvent::Realtime),
            Some(Err(error)) => {
                let error = error.to_string();
                self.tell_fault("realtime", &OwnEvent::RealtimeRefused { error });
            }
            None => {}
        }
    }

    fn take_configuration(&mut self, started: &Started) -> Result<(), StartError> {
        let now = clock::now();
        self.take_cluster(now);
        let faults: Vec<String> = self.told_faults.values().cloned().collect();
        for name in store::module::configured(&self.layout)? {
            let files = ModuleFiles::read(&self.layout, &name, &self.boot_id);
            let applied =
                files.and_then(|files| self.apply_module(now, files, AgentStart::SameBoot));
            if let Err(error) = applied {
                // One module that cannot be read must not take the others with it.
                self.told_faults.insert(modules::fault(&name), error.clone());
                self.log.line(&name, &OwnEvent::ModuleUnusable { error }.line(Some(&name)));
            }
        }
        // What was told before there were modules is in none of their logs.
        for (module, _) in self.node.node().modules() {
            for fault in &faults {
                self.log.module_too(module, Level::Event, "agent", fault);
            }
        }
        if let Some(files) = rustix::process::getrlimit(Resource::Nofile).current
            && files < FILES_MIN
        {
            self.tell_fault("files", &OwnEvent::FewFiles { files, needed: FILES_MIN });
        }
        if let Some(fault) = &started.counter_fault {
            self.take_counter_fault(Some(fault));
        }
        if let Some(end) = &started.previous_end {
            self.tell_node(&OwnEvent::PreviousEnd { end: end.clone() });
        }
        Ok(())
    }
}
