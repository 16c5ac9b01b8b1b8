//! Real agents behind a real load balancer: what clients lose, and what they do not.

use std::time::{Duration, Instant};

use crate::farm::{self, APPLICATION, APPLICATION_PORT, HEALTH_PORT};
use crate::lab::{self, CLIENT, Lab};
use crate::load::Load;
use rustix::process::Signal;

/// How HAProxy takes the health answer.
#[derive(Clone, Copy, Debug)]
enum Check {
    /// As it comes: every 2 s, out after 3 failures.
    Default,
    /// A 404 means: no new clients, at once.
    DisableOn404,
}

fn haproxy_config(check: Check, nodes: usize) -> String {
    let option = match check {
        Check::Default => "option httpchk GET /var/modules/shop/ready.txt",
        Check::DisableOn404 => {
            "option httpchk GET /var/modules/shop/ready.txt\n  http-check disable-on-404"
        }
    };
    let servers: Vec<String> = (1..=nodes)
        .map(|n| {
            format!("  server node{n} 10.77.0.{n}:{APPLICATION_PORT} check port {HEALTH_PORT}\n")
        })
        .collect();
    format!(
        "global\n  maxconn 500\n  stats socket {{STATS}} mode 600\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n  \
         retries 0\nfrontend shop\n  bind {CLIENT}:8000\n  default_backend nodes\nbackend nodes\n  balance roundrobin\n  \
         {option}\n{}",
        servers.concat()
    )
}

fn userconfig(drain: &str) -> String {
    format!(
        "<!DOCTYPE safe>\n<safe>\n<service mode=\"farm\" maxloop=\"3\" loop_interval=\"24\" drain=\"{drain}\">\n<farm><lan name=\"default\"/></farm>\n\
         <errd polltimer=\"10\"><proc name=\"{APPLICATION}\" atleast=\"1\" action=\"restart\" class=\"both\"/></errd>\n<user/>\n</service>\n</safe>\n"
    )
}

/// Starts three nodes with the module, and HAProxy in front of them; returns once all three are in rotation.
fn farm_behind_haproxy(check: Check, drain: &str) -> Lab {
    let mut lab = Lab::new(3);
    bring_up(&mut lab, check, drain);
    lab
}

/// Brings the module up on the nodes of a network, and HAProxy in front of them.
fn bring_up(lab: &mut Lab, check: Check, drain: &str) {
    farm::configure_cluster(&lab.dir.0, &lab.nodes);
    let module = farm::write_module(&lab.dir.0, &userconfig(drain));
    for node in &lab.nodes {
        farm::start_module(node, "shop", &module);
    }
    let stats = lab.dir.0.join("haproxy.sock");
    lab.start_haproxy(&haproxy_config(check, 3).replace("{STATS}", stats.to_str().unwrap()));
    for node in 1..=3 {
        wait_server(lab, node, "UP");
    }
}

/// Waits until HAProxy has a server in a state.
fn wait_server(lab: &Lab, node: usize, wanted: &str) {
    let deadline = Instant::now() + farm::PATIENCE;
    loop {
        let state = server_state(lab, node);
        if state.as_deref().is_some_and(|state| state == wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "HAProxy has node{node} as {state:?}, never {wanted}");
        farm::pause();
    }
}

fn server_state(lab: &Lab, node: usize) -> Option<String> {
    use std::io::{Read, Write};
    let mut stats = std::os::unix::net::UnixStream::connect(lab.dir.0.join("haproxy.sock")).ok()?;
    stats.write_all(b"show stat\n").ok()?;
    let mut text = String::new();
    stats.read_to_string(&mut text).ok()?;
    let line = text.lines().find(|line| line.starts_with(&format!("nodes,node{node},")))?;
    line.split(',').nth(17).map(str::to_owned)
}

/// Asks 20,000 times at least, while each node in turn is stopped by its administrator and started again.
fn planned_stops(lab: &Lab) -> crate::load::Tally {
    let load =
        Load::start(format!("{CLIENT}:8000").parse().unwrap(), 600, Some(lab.client_namespace()));
    load.wait_asked(500);
    for (index, node) in lab.nodes.iter().enumerate() {
        node.safekit(&["stop", "-m", "shop"]);
        node.safekit(&["waitstop", "-m", "shop", "--timeout", "60s"]);
        load.wait_asked(load.asked() + 500);
        node.safekit(&["start", "-m", "shop"]);
        node.safekit(&["waitstate", "-m", "shop", "UP", "--timeout", "60s"]);
        wait_server(lab, index + 1, "UP");
    }
    load.wait_asked(20_000);
    load.stop()
}

/// Updates each node in turn in the ways that there are: its module's configuration and its agent under the running
/// application, then all of it by a stop and a start.
fn rolling_update(lab: &mut Lab, load: &Load) {
    for index in 0..lab.nodes.len() {
        let program = lab.dir.0.join(format!("program{}", index + 1)).join("safekit-agent");
        let node = &mut lab.nodes[index];
        let path = node.root.join("modules/shop/conf/userconfig.xml");
        let (agent, application) = (node.agent_pid(), node.application_pids());
        std::fs::write(&path, userconfig("10s").replace("maxloop=\"3\"", "maxloop=\"5\"")).unwrap();
        node.safekit(&["update", "-m", "shop"]);
        assert_eq!(node.report()["modules"][0]["loop_max"], 5);
        crate::crash::upgrade_to(farm::AGENT.as_ref(), &program);
        farm::signal(i32::try_from(node.guardian_pid()).unwrap(), Signal::HUP);
        crate::crash::wait_adopted(node, agent, &application);
        assert_eq!(node.report()["version"], env!("CARGO_PKG_VERSION"));

        // And a stop that comes in the middle of the next one, as a script of an administrator may do it.
        farm::signal(i32::try_from(node.guardian_pid()).unwrap(), Signal::HUP);
        node.terminate();
        assert!(!farm::lives(application[0]), "a stopped service has stopped the application");
        std::fs::write(&path, userconfig("10s")).unwrap();
        load.wait_asked(load.asked() + 500);
        node.start_agent_with(lab::in_namespace(
            node.namespace.as_deref().unwrap(),
            program.to_str().unwrap(),
        ));
        node.safekit(&["config", "-m", "shop"]);
        node.safekit(&["start", "-m", "shop"]);
        node.safekit(&["waitstart", "-m", "shop", "--timeout", "60s"]);
        wait_server(lab, index + 1, "UP");
    }
}

/// The bounded part of `cargo bench -p safekit-benches -- rolling --full`, which asks 100,000 times; here it begins with
/// agents of the last release.
#[test]
fn haproxy_loses_nothing_while_each_node_is_updated_upgraded_stopped_and_started() {
    if !lab::wanted() {
        return;
    }
    let from = crate::release::agent().unwrap_or_else(|| farm::AGENT.into());
    let mut lab = Lab::of_programs(3, &from);
    bring_up(&mut lab, Check::Default, "10s");
    let load =
        Load::start(format!("{CLIENT}:8000").parse().unwrap(), 400, Some(lab.client_namespace()));
    load.wait_asked(500);
    rolling_update(&mut lab, &load);
    load.wait_asked(20_000);
    let tally = load.stop();
    print("update, upgrade, stop and start of each node, Default, drain 10s", &tally);
    assert!(tally.lost.is_empty(), "{:?}", tally.lost.first());
}

fn print(what: &str, tally: &crate::load::Tally) {
    println!(
        "{what}: {} answered, {} lost within {:.2} s",
        tally.answered,
        tally.lost.len(),
        tally.lost_for().as_secs_f64()
    );
    for (at, why) in tally.lost.iter().take(5) {
        println!("  {:.3} s {why}", at.as_secs_f64());
    }
}

#[test]
fn haproxy_loses_nothing_through_planned_stops_and_does_without_a_drain() {
    if !lab::wanted() {
        return;
    }
    for (check, drain) in [(Check::Default, "10s"), (Check::DisableOn404, "5s")] {
        let lab = farm_behind_haproxy(check, drain);
        let tally = planned_stops(&lab);
        print(&format!("planned stop of each node, {check:?}, drain {drain}"), &tally);
        assert!(tally.lost.is_empty(), "{:?}", tally.lost.first());
        assert!(tally.answered >= 20_000);
    }
    let lab = farm_behind_haproxy(Check::Default, "0");
    let tally = planned_stops(&lab);
    print("planned stop of each node, Default, drain 0", &tally);
    assert!(
        !tally.lost.is_empty(),
        "without a drain something has to be lost, or this test shows nothing"
    );
}

#[test]
fn what_clients_lose_through_failures_is_bounded_and_printed() {
    if !lab::wanted() {
        return;
    }
    let lab = farm_behind_haproxy(Check::Default, "10s");
    let balancer = format!("{CLIENT}:8000").parse().unwrap();
    let load = || Load::start(balancer, 300, Some(lab.client_namespace()));
    let [node1, node2, node3] = lab.nodes.as_slice() else { panic!("three nodes") };

    // The application is killed: errd starts it again. HAProxy may never notice.
    let run = load();
    run.wait_asked(300);
    let old = node1.application_pids();
    let begin = Instant::now();
    old.iter().for_each(|pid| farm::signal(*pid, Signal::KILL));
    node1.wait_for("the application runs again", |report| {
        let module = &report["modules"][0];
        module["readiness"] == "Ready"
            && !module["watched"][0]["pids"].as_array().unwrap().is_empty()
            && module["watched"][0]["pids"] != serde_json::json!(old)
    });
    println!("killed application: UP (Ready) again after {:.3} s", begin.elapsed().as_secs_f64());
    run.wait_asked(run.asked() + 600);
    print("killed application", &run.stop());

    // The agent is killed: the application is not touched, and serves on.
    let run = load();
    run.wait_asked(300);
    let (agent, application) = (node2.agent_pid(), node2.application_pids());
    farm::signal(agent, Signal::KILL);
    node2.wait_for("another agent answers", |report| {
        report["agent_pid"].as_i64() != Some(agent.into())
            && report["modules"][0]["readiness"] == "Ready"
    });
    assert_eq!(node2.application_pids(), application, "the application was touched");
    run.wait_asked(run.asked() + 600);
    let tally = run.stop();
    print("killed agent", &tally);
    assert!(tally.lost.is_empty(), "{:?}", tally.lost.first());

    // The agent is frozen: its health answer is not given, HAProxy takes the node out; the application serves on meanwhile.
    let run = load();
    run.wait_asked(300);
    let agent = node2.agent_pid();
    farm::signal(agent, Signal::STOP);
    wait_server(&lab, 2, "DOWN");
    farm::signal(agent, Signal::CONT);
    wait_server(&lab, 2, "UP");
    let tally = run.stop();
    print("frozen agent", &tally);
    assert!(tally.lost.is_empty(), "{:?}", tally.lost.first());
    assert_eq!(node2.application_pids(), application, "the application was touched");

    // The cable of node3 is out: its clients' requests are lost until HAProxy takes it out.
    let run = load();
    run.wait_asked(300);
    lab.cable(2, "down");
    wait_server(&lab, 3, "DOWN");
    run.wait_asked(run.asked() + 300);
    node1.wait_for("node3 is lost", |report| report["nodes"][2]["state"] == "lost");
    lab.cable(2, "up");
    wait_server(&lab, 3, "UP");
    node3.wait_for("all three are in one view again", |report| {
        report["view"]["members"].as_array().is_some_and(|members| members.len() == 3)
    });
    let tally = run.stop();
    print("cut link", &tally);
    assert!(tally.lost_for() < Duration::from_secs(30), "lost for {:?}", tally.lost_for());
}
