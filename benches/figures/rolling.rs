//! What clients of a real HAProxy lose while each node in turn is updated, upgraded, stopped and started.
//!
//! Three agents with a small web program that closes its socket on SIGTERM. A round does with each node what an
//! administrator does: `safekit update` with a changed configuration; another file in the place of the program and
//! SIGHUP; then a stop of the whole service with its drain, another file again, and a start. Rounds go on until enough was
//! asked. `SAFEKIT_RELEASE_AGENT` names the agent that the farm begins with: that of an earlier release.

use std::net::SocketAddr;
use std::path::PathBuf;

use safekit_benches::clients::{Clients, Tally};
use safekit_benches::farm::{self, Farm, MODULE, Module};
use safekit_benches::haproxy::{Haproxy, Server};
use safekit_benches::record::micros;
use safekit_benches::table::time;
use safekit_benches::{Trouble, Try};
use serde_json::json;

use crate::{Bench, say};

/// The columns of its table.
const COLUMNS: [&str; 7] =
    ["rolling update behind HAProxy", "rounds", "requests", "lost", "p50", "p99", "max"];

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let Some(version) = Haproxy::version() else {
        say("rolling: haproxy is not installed: left out");
        return Ok(());
    };
    let requests: u64 = bench.size.of(2_000, 20_000, 100_000);
    let rate = bench.size.of(200, 600, 800);
    // As it is by default: every 2 s, out after 3 failures. Quickly only where nothing is measured.
    let (drain, options) = bench.size.of(("2s", "inter 200ms"), ("10s", ""), ("10s", ""));
    say(&format!("rolling: {requests} requests at least; {version}"));
    let from = std::env::var_os("SAFEKIT_RELEASE_AGENT").map(PathBuf::from);
    let from = from.unwrap_or_else(|| bench.agent.clone());
    let mut farm = Farm::start_with_own_programs(&from, 3, 3)?;
    farm.start_module_of(&module(drain, 3))?;
    let servers: Vec<Server> = farm.agents.iter().map(server).collect();
    let balancer = SocketAddr::new(farm::ip(100), BALANCER_PORT);
    let path = farm::HEALTH_PATH;
    let haproxy = Haproxy::start(farm.folder(), balancer, path, &servers, options)?;
    for server in &servers {
        haproxy.wait_up(&server.name)?;
    }
    let clients = Clients::start(balancer, rate)?;
    clients.wait_asked(u64::from(rate))?;
    let mut rounds = 0_u32;
    while rounds == 0 || clients.asked() < requests {
        rounds += 1;
        for (place, server) in servers.iter().enumerate() {
            say(&format!("  round {rounds}, {}; {} asked", server.name, clients.asked()));
            // Another configuration each time.
            update(bench, &mut farm, place, &module(drain, 3 + rounds % 2))?;
            haproxy.wait_up(&server.name)?;
        }
    }
    clients.wait_asked(requests)?;
    let (tally, elapsed) = clients.stop();
    for (at, why) in tally.lost.iter().take(5) {
        say(&format!("  lost after {:.3} s: {why}", at.as_secs_f64()));
    }
    let times = [tally.times.percentile(50), tally.times.percentile(99), tally.times.max()];
    let [p50, p99, max] = times;
    bench.record.line(
        "rolling",
        json!({
            "rounds": rounds, "requests": tally.times.len(), "lost": tally.lost_count,
            "by_node": tally.by_node, "elapsed_us": micros(Some(elapsed)), "p50_us": micros(p50),
            "p99_us": micros(p99), "max_us": micros(max), "drain": drain, "haproxy": version,
            "losses": tally.lost.iter().map(|(at, why)| json!([micros(Some(*at)), why])).collect::<Vec<_>>(),
        }),
    )?;
    let asked =
        u64::try_from(tally.times.len()).unwrap_or(u64::MAX).saturating_add(tally.lost_count);
    let what = "each node updated, upgraded, stopped, started".to_owned();
    let cells = [what, rounds.to_string(), asked.to_string(), tally.lost_count.to_string()];
    bench.row(&COLUMNS, cells.into_iter().chain(times.map(time)));
    all_took_part(&tally, &servers)
}

/// A node that never answered was not in rotation: then nothing was shown.
fn all_took_part(tally: &Tally, servers: &[Server]) -> Try<()> {
    match servers.iter().find(|server| !tally.by_node.contains_key(&server.name)) {
        None => Ok(()),
        Some(server) => Err(Trouble::failed(format!("{} never answered", server.name))),
    }
}

/// Does with one node all that an administrator does.
fn update(bench: &Bench, farm: &mut Farm, place: usize, module: &Module) -> Try<()> {
    let agent = farm.agent(place)?;
    agent.write_module(module)?;
    agent.safekit(&["update", "-m", MODULE])?;
    agent.replace_program(&bench.agent)?;
    agent.reload()?;
    agent.wait("the module is ready under the next agent", farm::is_ready)?;
    agent.stop()?;
    agent.replace_program(&bench.agent)?;
    agent.start()?;
    agent.safekit(&["config", "-m", MODULE])?;
    agent.safekit(&["start", "-m", MODULE])?;
    agent.wait("the module is ready", farm::is_ready)?;
    Ok(())
}

fn server(agent: &farm::Agent) -> Server {
    let health = agent.health_address();
    let application = SocketAddr::new(health.ip(), APPLICATION_PORT);
    Server { name: agent.name().to_owned(), application, health }
}

/// The module: the agent under another name is a small web program.
fn module(drain: &str, maxloop: u32) -> Module {
    let userconfig =
        USERCONFIG.replace("@DRAIN@", drain).replace("@MAXLOOP@", &maxloop.to_string());
    Module { userconfig, start: START_BOTH.to_owned(), stop: STOP_BOTH.to_owned() }
}

const APPLICATION_PORT: u16 = 8080;
const BALANCER_PORT: u16 = 8000;
const USERCONFIG: &str = r#"<!DOCTYPE safe>
<safe>
  <service mode="farm" maxloop="@MAXLOOP@" loop_interval="24" drain="@DRAIN@">
    <farm>
      <lan name="default"/>
    </farm>
    <errd polltimer="10">
      <proc name="demo-shop" atleast="1" action="restart" class="both"/>
    </errd>
    <user/>
  </service>
</safe>
"#;

/// The program is copied: another one takes the place of the agent's file while the application runs on.
const START_BOTH: &str = r#"#!/bin/sh
cp -L "$SAFE/safekit" "$SAFEUSERVAR/demo-shop.new" && mv "$SAFEUSERVAR/demo-shop.new" "$SAFEUSERVAR/demo-shop"
"$SAFEUSERVAR/demo-shop" --address "$(cat "$SAFE/address"):8080" --name "$(basename "$SAFE")" &
echo $! >"$SAFEUSERVAR/pid"
"#;

const STOP_BOTH: &str = r#"#!/bin/sh
signal=TERM; [ "$1" = force ] && signal=KILL
pid=$(cat "$SAFEUSERVAR/pid" 2>/dev/null) || exit 0
kill -$signal "$pid" 2>/dev/null
while [ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status"; do sleep 0.02; done
rm -f "$SAFEUSERVAR/pid"
"#;
