//! What the demo shows, in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use safekit_core::module::state::{FarmState, Readiness};

use super::balancer::{self, Balancer, BalancerConfig};
use super::client::Client;
use super::counts::{Count, Counts};
use super::farm::{self, Farm, Node, PATIENCE};
use super::{APPLICATION_PORT, BALANCER_PORT, DemoError, HEALTH_PORT, MODULE, Network, Stage};

/// Time given to the client between two scenes, so that there is something to count.
const SCENE: Duration = Duration::from_millis(1500);

/// A farm that serves clients.
pub(crate) struct Running {
    _balancer: Balancer,
    _client: Client,
}

/// Starts the agents, the module, the balancer and the client.
pub(crate) fn open(
    stage: &Stage,
    farm: &mut Farm,
    network: Network,
    counts: &Arc<Counts>,
) -> Result<Running, DemoError> {
    build(stage, farm)?;
    let listen = SocketAddr::new(network.address(1), BALANCER_PORT);
    let config = BalancerConfig {
        listen,
        module: MODULE.to_owned(),
        nodes: farm.nodes.iter().map(|node| node.address).collect(),
        health_port: HEALTH_PORT,
        application_port: APPLICATION_PORT,
    };
    let balancer = Balancer::start(&config, counts).map_err(|source| {
        farm::io_error(&format!("listen on {listen} for the balancer"), source)
    })?;
    stage.say(&format!(
        "a load balancer on http://{listen}/ probes each node's ready.txt every {} ms, as a cloud's does every 5 to 30 s",
        balancer::PROBE_INTERVAL.as_millis()
    ));
    stage.pass(balancer::PROBE_INTERVAL * 3)?;
    let client = Client::start(listen, counts)
        .map_err(|source| farm::io_error("start the client", source))?;
    stage.say("a client asks it 50 times a second, each request once");
    stage.pass(SCENE)?;
    Ok(Running { _balancer: balancer, _client: client })
}

/// Breaks one thing after the other, and tells what clients lose. All nodes are to be UP (Ready).
pub(crate) fn tour(stage: &Stage, farm: &Farm, counts: &Counts) -> Result<(), DemoError> {
    let before = counts.snapshot().client;
    if let [first, second, rest @ ..] = farm.nodes.as_slice() {
        kill_application(stage, first, counts)?;
        kill_agent(stage, second, first, counts)?;
        stop_node(stage, rest.last().unwrap_or(second), first, counts)?;
    }
    let all = counts.snapshot().client.since(before);
    stage.say(&format!("all in all: {} requests answered, {} lost", all.answered, all.lost));
    Ok(())
}

/// Starts the agents, configures the cluster and the module, and waits until all serve.
fn build(stage: &Stage, farm: &mut Farm) -> Result<(), DemoError> {
    let (cluster, module) = farm.write_configuration()?;
    let exported = farm.folder.join("cluster.zip");
    let (cluster, exported) = (cluster.to_string_lossy(), exported.to_string_lossy());
    let folder = module.to_string_lossy();
    for node in &mut farm.nodes {
        node.start_agent(stage)?;
        stage.say(&format!(
            "{}: agent runs, health answer on {}:{HEALTH_PORT}",
            node.name, node.address
        ));
    }
    for (index, node) in farm.nodes.iter().enumerate() {
        if index == 0 {
            node.safekit(stage, &["cluster", "config", &cluster])?;
            node.safekit(stage, &["cluster", "export", &exported])?;
        } else {
            node.safekit(stage, &["cluster", "config", &exported])?;
        }
        stage.say(&format!("{}: safekit cluster config", node.name));
    }
    let begin = Instant::now();
    for node in &farm.nodes {
        node.safekit(stage, &["module", "install", "-m", MODULE, &folder])?;
        node.safekit(stage, &["config", "-m", MODULE])?;
        node.safekit(stage, &["start", "-m", MODULE])?;
        stage.say(&format!("{}: safekit module install, config, start", node.name));
    }
    for node in &farm.nodes {
        node.wait(stage, "the module is UP (Ready) and all nodes share", |report| {
            farm::module(report).is_some_and(|module| {
                module.readiness == Readiness::Ready
                    && module.participants.len() == farm.nodes.len()
            })
        })?;
    }
    stage.say(&format!(
        "module {MODULE} is UP (Ready) on all nodes, {:.2} s after the first command",
        begin.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// The application dies, and errd starts it again.
fn kill_application(stage: &Stage, node: &Node, counts: &Counts) -> Result<(), DemoError> {
    let before = counts.snapshot().client;
    let old = node.state().map(|report| farm::application(&report)).unwrap_or_default();
    stage.say("");
    stage.say(&format!("{}: KILL the application (process {})", node.name, list(&old)));
    let begin = Instant::now();
    for pid in &old {
        farm::signal(*pid, Signal::KILL);
    }
    let negative = wait_health(stage, node, false, begin)?;
    stage.say(&format!("{}: health answer is 404 after {}", node.name, millis(negative)));
    let positive = wait_health(stage, node, true, begin)?;
    let (report, _) = node.wait(stage, "the application runs again", |report| {
        let pids = farm::application(report);
        !pids.is_empty() && pids.iter().all(|pid| !old.contains(pid))
    })?;
    stage.say(&format!(
        "{}: errd has run stop_both and start_both: process {}, health answer is 200 after {}",
        node.name,
        list(&farm::application(&report)),
        millis(positive)
    ));
    stage.pass(SCENE)?;
    tell(stage, counts.snapshot().client.since(before));
    Ok(())
}

/// The agent dies: its guardian tells the others and starts the next one, which finds the application running.
fn kill_agent(stage: &Stage, node: &Node, other: &Node, counts: &Counts) -> Result<(), DemoError> {
    let before = counts.snapshot().client;
    let report = node.wait(stage, "the agent answers", |_| true)?.0;
    let application = farm::application(&report);
    stage.say("");
    stage.say(&format!("{}: KILL the agent (process {})", node.name, report.agent_pid));
    let begin = Instant::now();
    farm::signal(report.agent_pid, Signal::KILL);
    let (next, _) = node.wait(stage, "another agent has adopted the application", |next| {
        next.agent_pid != report.agent_pid
            && farm::module(next).is_some_and(|module| module.readiness == Readiness::Ready)
    })?;
    let back = begin.elapsed();
    stage.say(&format!(
        "{}: the guardian has announced it and started the next one (process {}): UP (Ready) after {}; \
         the application was not touched: process {}",
        node.name,
        next.agent_pid,
        millis(back),
        list(&farm::application(&next))
    ));
    if farm::application(&next) != application {
        return Err(DemoError::Failed(format!("{}: the application is another one", node.name)));
    }
    let (seen, _) = other.wait(stage, "the farm is whole again", |report| {
        let whole = report.nodes.len();
        farm::module(report).is_some_and(|module| module.participants.len() == whole)
    })?;
    if let Some(member) = seen.nodes.iter().find(|member| member.name == node.name) {
        stage
            .say(&format!("{}: sees {} {}: {}", other.name, member.name, member.state, member.why));
    }
    stage.pass(SCENE)?;
    tell(stage, counts.snapshot().client.since(before));
    Ok(())
}

/// An administrator stops a node: nothing is lost. And starts it again.
fn stop_node(stage: &Stage, node: &Node, other: &Node, counts: &Counts) -> Result<(), DemoError> {
    let before = counts.snapshot().client;
    stage.say("");
    stage.say(&format!("{}: safekit stop -m {MODULE}", node.name));
    let begin = Instant::now();
    node.safekit(stage, &["stop", "-m", MODULE])?;
    let negative = wait_health(stage, node, false, begin)?;
    stage.say(&format!(
        "{}: health answer is 404 after {}; the application serves on while the balancer learns it",
        node.name,
        millis(negative)
    ));
    node.wait(stage, "the module is stopped", |report| {
        farm::module(report).is_some_and(|module| module.state == FarmState::Stop)
    })?;
    stage.say(&format!("{}: STOP (NotReady) after {}", node.name, millis(begin.elapsed())));
    let (seen, _) = other.wait(stage, "the others share the load", |report| {
        let whole = report.nodes.len();
        farm::module(report).is_some_and(|module| module.participants.len() + 1 == whole)
    })?;
    if let Some(module) = farm::module(&seen) {
        stage.say(&format!(
            "{}: load is shared by {}",
            other.name,
            module.participants.join(" and ")
        ));
    }
    stage.pass(SCENE)?;
    node.safekit(stage, &["start", "-m", MODULE])?;
    let begin = Instant::now();
    let positive = wait_health(stage, node, true, begin)?;
    stage.say(&format!(
        "{}: safekit start: health answer is 200 after {}",
        node.name,
        millis(positive)
    ));
    stage.pass(SCENE)?;
    tell(stage, counts.snapshot().client.since(before));
    Ok(())
}

/// Waits until the health answer of a node is as wanted; the time since `begin`.
fn wait_health(
    stage: &Stage,
    node: &Node,
    wanted: bool,
    begin: Instant,
) -> Result<Duration, DemoError> {
    let client = balancer::client(Duration::from_secs(1));
    let url = format!("http://{}:{HEALTH_PORT}/var/modules/{MODULE}/ready.txt", node.address);
    let limit = Instant::now() + PATIENCE;
    while Instant::now() < limit {
        let answer = client.get(&url).call().map(|answer| answer.status().as_u16());
        if answer.is_ok_and(|status| (status == 200) == wanted) {
            return Ok(begin.elapsed());
        }
        stage.pass(Duration::from_millis(1))?;
    }
    let word = if wanted { "200" } else { "404" };
    Err(DemoError::Failed(format!("{}: the health answer never was {word}", node.name)))
}

fn tell(stage: &Stage, count: Count) {
    stage.say(&format!(
        "the client meanwhile: {} requests answered, {} lost",
        count.answered, count.lost
    ));
}

/// Says what may be tried, in another terminal.
pub(crate) fn invite(stage: &Stage, farm: &Farm) {
    let Some(first) = farm.nodes.first() else { return };
    stage.say("");
    stage.say("the farm goes on until Ctrl-C. Try, in another terminal:");
    stage.say(&format!("  {}/node1/safekit state", farm.folder.display()));
    stage.say(&format!("  {}/node1/safekit log -m {MODULE}", farm.folder.display()));
    stage.say(&format!("  {}/node2/safekit stop -m {MODULE}", farm.folder.display()));
    stage.say(&format!(
        "  curl -i http://{}:{HEALTH_PORT}/var/modules/{MODULE}/ready.txt",
        first.address
    ));
    stage.say(&format!("  a browser on http://{}:{HEALTH_PORT}/", first.address));
}

pub(super) fn list(pids: &[u32]) -> String {
    pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
