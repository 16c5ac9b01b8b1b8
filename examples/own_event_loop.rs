//! How do I run the pure core under my own event loop?
//!
//! Nothing of the edge is used here: two nodes, each with a UDP socket of the standard library and this file's loop,
//! six steps long ([`safekit_core::Machine`]). What the node orders, this program does itself: it starts and stops
//! its application with a function instead of a script. `cargo run -p safekit-examples --example own_event_loop`

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use safekit_core::Machine;
use safekit_core::config::module;
use safekit_core::control::{Command, ModuleCommand, Origin};
use safekit_core::ids::{CommandId, LanId, LanSet, ModuleName, NodeId, NodeName};
use safekit_core::membership::{MembershipConfig, NodeConfig};
use safekit_core::module::script::{Script, ScriptEnd};
use safekit_core::module::state::ModuleState;
use safekit_core::node::{Action, AgentStart, Input, ModuleSetup, Node, Outcome, Output, Start};
use safekit_farm::FarmNode;

#[expect(clippy::disallowed_types, reason = "this example's own socket, instead of the edge's")]
type Socket = std::net::UdpSocket;

const WEB: &[u8] =
    br#"<safe><service mode="farm"><farm><lan name="lan"/></farm><user/></service></safe>"#;

fn main() -> Result<(), Box<dyn Error>> {
    let lan = LanId::new(0).ok_or("the first lan")?;
    let sockets = [Socket::bind("127.0.0.1:0")?, Socket::bind("127.0.0.1:0")?];
    let mut nodes = BTreeMap::new();
    for (place, socket) in (1..).zip(&sockets) {
        let name = NodeName::new(&format!("node{place}"))?;
        let addresses = [(lan, socket.local_addr()?)].into();
        nodes.insert(NodeId::new(place).ok_or("a node's place")?, NodeConfig { name, addresses });
    }
    let ids: Vec<NodeId> = nodes.keys().copied().collect();
    std::thread::scope(|scope| {
        let runs = ids.into_iter().zip(sockets).map(|(me, socket)| {
            let config = MembershipConfig::new(me, nodes.clone());
            scope.spawn(move || drive(config, lan, &socket).map_err(|error| error.to_string()))
        });
        let runs: Vec<_> = runs.collect();
        runs.into_iter().try_for_each(|run| run.join().map_err(|_panic| "a loop has panicked")?)
    })?;
    Ok(())
}

/// Turns the loop of one node until it has its half of the load, and the other one has heard so.
fn drive(cluster: MembershipConfig, lan: LanId, socket: &Socket) -> Result<(), Box<dyn Error>> {
    let (me, web) = (cluster.me, ModuleName::new("web")?);
    // A product keeps the counter, and draws the random number; see `Start`.
    let start = Start { counter: 1, random: u32::from(me.number()) };
    let mut node = FarmNode::new(Node::new(now(), start));
    let mut inputs = begin(cluster, &web)?;
    let mut bytes = [0; 65_536];
    let mut until: Option<Instant> = None;
    let limit = now() + Duration::from_secs(60);
    while until.is_none_or(|until| now() < until) {
        // 1. Wait until the node's deadline, or until something arrives; 2. then read the clock once.
        let deadline = node.poll_timeout().unwrap_or_else(now);
        let wait = deadline.saturating_duration_since(now()).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(if inputs.is_empty() { wait } else { MINIMUM }))?;
        receive(socket, lan, &mut bytes, &mut inputs)?;
        let now = now();
        if now > limit {
            return Err("the load was not shared in time".into());
        }
        // 3. Everything that waits; 4. then the time, on every turn; 5. then do what is wanted.
        for input in inputs.drain(..) {
            node.handle_input(now, input);
        }
        node.handle_timeout(now);
        while let Some(output) = node.poll_output() {
            if let safekit_farm::node::Output::Node(output) = output {
                perform(me, socket, output, &mut inputs)?;
            }
        }
        let share = node.farm(&web).map_or(0, |farm| farm.owned().count());
        if share == 128 && until.is_none() {
            say(&format!("{me} takes {share} of 256 buckets"));
            until = Some(now + Duration::from_millis(500));
        }
    } // 6. Go on at 1.
    Ok(())
}

/// What the node is told first.
fn begin(cluster: MembershipConfig, web: &ModuleName) -> Result<Vec<Input>, Box<dyn Error>> {
    let parsed = module::parse(web, "userconfig.xml", WEB, &|_| None);
    let setup = ModuleSetup {
        config: Arc::new(parsed.model.ok_or("a fault in userconfig.xml")?),
        scripts: [Script::StartBoth, Script::StopBoth].into(),
        lans: LanSet::ALL,
        sharing: 0,
        saved: None,
        start: AgentStart::HostBooted,
    };
    let origin = Origin::User("my program".to_owned());
    let command = ModuleCommand { module: web.clone(), command: Command::Start, origin };
    Ok(vec![
        Input::ClusterConfigured(Box::new(cluster)),
        Input::ModuleConfigured(Box::new(setup)),
        Input::CommandReceived { id: CommandId(1), command },
    ])
}

/// Takes all that waits in the socket; only for the first datagram it waits.
fn receive(
    socket: &Socket,
    lan: LanId,
    bytes: &mut [u8],
    inputs: &mut Vec<Input>,
) -> io::Result<()> {
    loop {
        match socket.recv_from(bytes) {
            Ok((count, from)) => inputs.push(datagram(lan, from, bytes.get(..count))),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        socket.set_read_timeout(Some(MINIMUM))?;
    }
}

fn datagram(lan: LanId, from: SocketAddr, bytes: Option<&[u8]>) -> Input {
    Input::DatagramReceived { lan, from, bytes: bytes.unwrap_or_default().to_vec() }
}

/// Does what the node wants. Each order is answered once; what takes long belongs on a thread of its own.
fn perform(me: NodeId, socket: &Socket, output: Output, inputs: &mut Vec<Input>) -> io::Result<()> {
    match output {
        Output::Transmit(transmit) => drop(socket.send_to(&transmit.bytes, transmit.to)?),
        Output::Action { id, action } => {
            let outcome = match action {
                Action::RunScript(run) => {
                    say(&format!("{me} does {} with a function of its own", run.script.as_str()));
                    let (end, duration) = (ScriptEnd::Exited { code: 0 }, Duration::ZERO);
                    Outcome::Script { end, duration, userlog: None }
                }
                // No disk and no processes here: a product keeps what is to be kept before it says so.
                Action::ScanProcesses => Outcome::Processes([].into()),
                Action::AskServices { .. } => {
                    Outcome::Failed { error: "nobody here knows of services".to_owned() }
                }
                Action::EndScript { .. }
                | Action::WatchProcesses { .. }
                | Action::SaveModule { .. }
                | _ => Outcome::Done,
            };
            inputs.push(Input::ActionFinished { id, outcome });
        }
        Output::StateChanged { module, state, reason } => {
            say(&format!("{me}: {module} is {state}: {reason}"));
            if state == ModuleState::UP_READY {
                say(&format!("{me}: here health would be answered with 200"));
            }
        }
        // For logs, callers and packet filters.
        Output::Event(_)
        | Output::CommandAnswered { .. }
        | Output::ViewProposed { .. }
        | Output::ViewInstalled { .. }
        | Output::CounterTaken { .. }
        | Output::Left
        | _ => {}
    }
    Ok(())
}

const MINIMUM: Duration = Duration::from_micros(100);

#[expect(clippy::disallowed_methods, reason = "a loop of one's own reads the clock itself")]
fn now() -> Instant {
    Instant::now()
}

fn say(line: &str) {
    // Nobody reads any more: the farm goes on.
    drop(writeln!(io::stdout(), "{line}"));
}
