//! Our agents in a lab, as the peers stand there: release build, guardian, root, one farm module.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use safekit_core::control::StateReport;
use safekit_core::module::state::FarmState;
use safekit_core::runtime::clock;

use crate::control::Control;
use crate::farm::{
    Agent, HEALTH_PATH, MODULE, Module, PATIENCE, cluster_xml, configure, is_ready, signal,
    start_module,
};
use crate::lab::{Lab, address};
use crate::picture::{Seen, Sign, Watch, named_nodes, read_lines, thread};
use crate::probe::Probe;
use crate::{Trouble, Try};

/// How our agents are set.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    /// Attributes of `<lans>` in cluster.xml; none: the default settings.
    pub lans: &'static str,
    /// Further arguments of `safekit-agent run`.
    pub arguments: &'static [&'static str],
}

/// A running farm of ours.
#[derive(Debug)]
pub struct OurFarm {
    agents: Vec<Agent>,
}

impl OurFarm {
    /// Starts it on all nodes of a lab, and its module.
    ///
    /// # Errors
    /// When it does not get ready.
    pub fn start(ours: Ours, program: &Path, lab: &Lab, watch: &mut Watch) -> Try<Self> {
        let mut farm = Self { agents: Vec::new() };
        let mut arguments = vec!["--events"];
        arguments.extend(ours.arguments);
        for node in lab.nodes() {
            let agent = Agent::new(lab.folder(), program, node, address(node))?;
            farm.agents.push(agent.run_by(lab.inside(node), &arguments));
            farm.start_node(node, watch)?;
        }
        for agent in &farm.agents {
            agent.wait("the agent answers", |_| true)?;
        }
        let nodes = u8::try_from(farm.agents.len()).unwrap_or(u8::MAX);
        configure(lab.folder(), &farm.agents, &cluster_xml(ours.lans, nodes, address))?;
        start_module(lab.folder(), &farm.agents, &Module::plain("1s"))?;
        Ok(farm)
    }

    /// Starts guardian and agent of a node; returns the moment before.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn start_node(&mut self, node: u8, watch: &mut Watch) -> Try<Instant> {
        watch.reset(node);
        let agent = self.agent(node)?;
        let begin = clock::now();
        let output = agent.spawn(Stdio::piped())?;
        let output = output.ok_or_else(|| Trouble::failed("no output of the agent"))?;
        read_lines(node, output, watch.sender(), view)?;
        Ok(begin)
    }

    /// Kills a node's agent, not its guardian; returns the moment before.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_agent(&mut self, node: u8) -> Try<Instant> {
        let pid = self.state(node)?.agent_pid;
        let begin = clock::now();
        signal(pid, Signal::KILL);
        Ok(begin)
    }

    /// Kills a node's guardian, then its agent; returns the moment before.
    ///
    /// # Errors
    /// When they do not run.
    pub fn kill_host(&mut self, node: u8) -> Try<Instant> {
        let pid = self.state(node)?.agent_pid;
        self.agent(node)?.kill_host(pid)
    }

    /// Ends a node's agent as a service manager does; returns the moment before.
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&mut self, node: u8) -> Try<Instant> {
        self.agent(node)?.terminate()
    }

    /// Waits for the end of a node that was told to end.
    ///
    /// # Errors
    /// When it did not run.
    pub fn wait_end(&mut self, node: u8) -> Try<()> {
        self.agent(node)?.wait_end()
    }

    /// Gives an order to a node's module; returns the moment before, and the connection that gets the answer.
    ///
    /// # Errors
    /// When nobody takes it.
    pub fn order(&mut self, node: u8, word: &str) -> Try<Instant> {
        let mut control = Control::connect(self.agent(node)?.root())?;
        // One question before: the connection is there, and its worker is awake.
        control.state()?;
        let begin = control.order(&format!("module/{MODULE}/{word}"))?;
        control.answer()?;
        Ok(begin)
    }

    /// Waits until a node's module is ready, or stopped.
    ///
    /// # Errors
    /// When it never is.
    pub fn wait_module(&mut self, node: u8, ready: bool) -> Try<()> {
        let stopped =
            |state: &StateReport| state.modules.iter().all(|it| it.state == FarmState::Stop);
        let end = clock::now() + PATIENCE;
        loop {
            let state = self.state(node);
            if state.is_ok_and(|state| if ready { is_ready(&state) } else { stopped(&state) }) {
                return Ok(());
            }
            if clock::now() > end {
                return Err(Trouble::failed("the module does not change its state"));
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Tells whether a node's module drains.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn is_draining(&mut self, node: u8) -> Try<bool> {
        Ok(self.state(node)?.modules.iter().any(|module| module.reason == "draining"))
    }

    /// Asks a node's health answer once, as a balancer does.
    ///
    /// # Errors
    /// When it is not positive.
    pub fn probe(&mut self, node: u8, lab: &Lab) -> Try<()> {
        let health = self.agent(node)?.health_address();
        match lab.visit(node, || Probe::connect(health, HEALTH_PATH)?.ask())? {
            200 => Ok(()),
            status => Err(Trouble::failed(format!("the health answer is {status}"))),
        }
    }

    /// Looks again and again who shares the load, on all nodes but one, until the looker is dropped.
    ///
    /// # Errors
    /// When an agent does not answer.
    pub fn look_at_takers(&self, victim: u8, watch: &Watch) -> Try<Looker> {
        let mut others = Vec::new();
        for (node, agent) in (1_u8..).zip(&self.agents) {
            if node != victim {
                let mut control = Control::connect(agent.root())?;
                control.state()?;
                others.push((node, control));
            }
        }
        let end = Arc::new(AtomicBool::new(false));
        let (told, sender) = (Arc::clone(&end), watch.sender());
        let thread = thread("looker", move || look(others, &told, &sender))?;
        Ok(Looker { end, thread: Some(thread) })
    }

    /// Returns a node's processes: agent and guardian.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn pids(&mut self, node: u8) -> Try<Vec<u32>> {
        let state = self.state(node)?;
        Ok(vec![state.agent_pid, state.guardian_pid])
    }

    fn state(&mut self, node: u8) -> Try<StateReport> {
        Control::connect(self.agent(node)?.root())?.state()
    }

    fn agent(&mut self, node: u8) -> Try<&mut Agent> {
        let place = usize::from(node).checked_sub(1);
        let agent = place.and_then(|place| self.agents.get_mut(place));
        agent.ok_or_else(|| Trouble::failed("no such agent"))
    }
}

/// Looks until it is dropped.
#[derive(Debug)]
pub struct Looker {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn look(mut others: Vec<(u8, Control)>, end: &AtomicBool, sender: &Sender<Seen>) {
    while !end.load(Ordering::Acquire) {
        for (node, control) in &mut others {
            let Ok(state) = control.state() else { return };
            let takers = state.modules.iter().flat_map(|module| &module.participants);
            let takers: BTreeSet<u8> = takers.flat_map(|name| named_nodes(name)).collect();
            drop(sender.send(Seen { at: clock::now(), node: *node, sign: Sign::Takers(takers) }));
        }
        std::thread::park_timeout(LOOK_AFTER);
    }
}

/// Reads the line of `--events` about the view in force.
fn view(line: &str) -> Option<Sign> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    // The module's logs have it too.
    let text = event.get("text")?.as_str()?.strip_prefix("farm membership: ")?;
    Some(Sign::View(named_nodes(text)))
}

const LOOK_AFTER: Duration = Duration::from_micros(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_read() {
        let line = |text: &str| {
            format!(
                r#"{{"time":"x","module":null,"origin":"membership","level":"E","text":"{text}"}}"#
            )
        };
        let sign = view(&line("farm membership: node1 node3 (view 7)"));
        assert_eq!(sign, Some(Sign::View([1, 3].into())));
        let none = "farm membership: none, this node is in no view any more";
        assert_eq!(view(&line(none)), Some(Sign::View([].into())));
        assert_eq!(view(&line("This node has joined")), None);
    }
}
