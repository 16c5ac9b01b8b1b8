//! Wiring of a host, on loopback. What a node decides is tested in virtual time.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use safekit_core::control::{Command, Origin, Refusal};
use safekit_core::event::Event;
use safekit_core::ids::ModuleName;
use safekit_core::module::state::ModuleState;
use safekit_core::runtime::clock;

use super::{CommandError, Host, HostConfig, HostError, HostModule, News};

const LIMIT: Duration = Duration::from_secs(60);
const MODULE: &str = r#"<safe><service mode="farm" drain="0" maxloop="1"><farm><lan name="default"/></farm></service></safe>"#;

/// cluster.xml on loopback addresses that only this process uses; each test has a port of its own.
fn cluster(port: u16, nodes: usize) -> String {
    let pid = std::process::id();
    let address = |node| format!("127.{}.{}.{node}", 64 + pid % 128, pid / 128 % 256);
    let node = |node| format!(r#"<node name="node{node}" addr="{}"/>"#, address(node));
    let nodes: String = (1..=nodes).map(node).collect();
    format!(
        r#"<cluster><lans port="{port}" pulse="20"><lan name="default">{nodes}</lan></lans></cluster>"#
    )
}

fn config(port: u16, nodes: usize, me: &str) -> (HostConfig, Receiver<String>) {
    let (tell, heard) = channel();
    let config = HostConfig::read(&cluster(port, nodes), me)
        .unwrap()
        .with_module(HostModule::read("web", MODULE).unwrap())
        .with_health(SocketAddr::from(([127, 0, 0, 1], 0)))
        .with_callback(move |news| drop(tell.send(news.to_string())));
    (config, heard)
}

fn web() -> ModuleName {
    ModuleName::new("web").unwrap()
}

fn user() -> Origin {
    Origin::User("test".to_owned())
}

#[expect(clippy::disallowed_types, reason = "a balancer's probe")]
fn health(host: &Host) -> String {
    let mut probe = std::net::TcpStream::connect(host.health_addrs()[0]).unwrap();
    probe.write_all(b"GET /var/modules/web/ready.txt HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    probe.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Waits until it is so.
fn comes(is_so: impl Fn() -> bool) -> bool {
    let deadline = clock::now() + LIMIT;
    std::iter::repeat_with(is_so).take_while(|_| clock::now() < deadline).any(|so| so)
}

/// Waits for news that fit.
fn hears<T>(heard: &Receiver<T>, fits: impl Fn(&T) -> bool) -> bool {
    std::iter::from_fn(|| heard.recv_timeout(LIMIT).ok()).any(|news| fits(&news))
}

#[test]
fn two_nodes_share_and_one_that_leaves_gives_its_share_away() {
    let (config1, heard) = config(27_621, 2, "node1");
    let (config2, _heard) = config(27_621, 2, "node2");
    let (node1, node2) = (Host::start(config1).unwrap(), Host::start(config2).unwrap());
    assert!(health(&node1).contains("404"));
    for node in [&node1, &node2] {
        node.command(&web(), Command::Start, user()).unwrap();
    }
    for node in [&node1, &node2] {
        assert!(node.wait_for(&web(), ModuleState::UP_READY, LIMIT));
        assert!(comes(|| health(node).contains("200")), "health follows at the loop's next turn");
    }
    assert!(hears(&heard, |news: &String| news == "web: takes 128 of 256 buckets"));
    node2.stop(LIMIT).unwrap();
    assert!(hears(&heard, |news: &String| news == "web: takes 256 of 256 buckets"));
    assert_eq!(node1.module(&web()).unwrap().owned.count(), 256);
}

#[test]
fn a_command_is_answered_and_after_the_end_nobody_waits() {
    let (config, _heard) = config(27_622, 1, "node1");
    let host = Host::start(config).unwrap();
    let refused = host.command(&web(), Command::Restart, user());
    assert!(matches!(refused, Err(CommandError::Refused(Refusal::WrongState { .. }))));
    let other = ModuleName::new("other").unwrap();
    let refused = host.command(&other, Command::Start, user());
    assert!(matches!(refused, Err(CommandError::Refused(Refusal::UnknownModule { .. }))));
    host.command(&web(), Command::Start, user()).unwrap();
    assert!(host.wait_for(&web(), ModuleState::UP_READY, LIMIT));
    let handle = host.handle();
    host.leave();
    assert_eq!(handle.command(&web(), Command::Start, user()), Err(CommandError::Ended));
    assert!(!handle.wait_for(&web(), ModuleState::UP_READY, LIMIT));
}

#[test]
fn nothing_is_started_while_a_host_stops() {
    let (config, heard) = config(27_627, 1, "node1");
    let later = MODULE.replace("drain=\"0\"", "boot=\"on\" boot_delay=\"1h\"");
    let host = Host::start(config.with_module(HostModule::read("later", &later).unwrap())).unwrap();
    let handle = host.handle();
    handle.shared.stopping.store(true, Ordering::Release);
    for command in [Command::Start, Command::Restart, Command::Stopstart] {
        let refused = handle.command(&web(), command, user());
        assert_eq!(refused, Err(CommandError::Refused(Refusal::Ending)));
    }
    host.stop(LIMIT).unwrap();
    // A start that waits is taken back, though its module is stopped.
    let news: Vec<String> = heard.try_iter().collect();
    assert!(news.iter().any(|news| news.starts_with("later: Action shutdown called")), "{news:?}");
    assert_eq!(handle.command(&web(), Command::Start, user()), Err(CommandError::Ended));
}

#[test]
fn a_callback_that_panics_hears_the_next_news() {
    let (tell, heard) = channel();
    let (config, _) = config(27_623, 1, "node1");
    let mut first = true;
    let host = Host::start(config.with_callback(move |news: &News| {
        assert!(!std::mem::take(&mut first), "this panic is wanted");
        let is_state = matches!(news, News::Event { event: Event::StateChanged { .. }, .. });
        assert_eq!(tell.send(is_state), Ok(()));
    }))
    .unwrap();
    host.command(&web(), Command::Start, user()).unwrap();
    assert!(hears(&heard, |is_state| *is_state));
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let faults = HostConfig::read("<cluster><lans pulse=\"1\"/></cluster>", "node1").unwrap_err();
    assert!(faults.to_string().contains("cluster.xml:1:"), "{faults}");
    let name = HostConfig::read(&cluster(27_624, 2), "a b").unwrap_err();
    assert!(matches!(name, HostError::Name { .. }));
    let unknown = HostConfig::read(&cluster(27_624, 2), "node7").unwrap();
    assert!(matches!(Host::start(unknown), Err(HostError::UnknownNode { .. })));
    let elsewhere = MODULE.replace("default", "backup");
    let lost = HostConfig::read(&cluster(27_624, 2), "node1").unwrap();
    let lost = lost.with_module(HostModule::read("web", &elsewhere).unwrap());
    let error = Host::start(lost).unwrap_err();
    assert_eq!(error.to_string(), "module web names lan backup, which cluster.xml does not have");
    let named = cluster(27_624, 2).replacen("addr=\"127", "addr=\"host.example\" laddr=\"127", 1);
    let error = Host::start(HostConfig::read(&named, "node1").unwrap()).unwrap_err();
    assert!(error.to_string().contains("host.example"), "{error}");
    let (taken, _) = config(27_625, 1, "node1");
    let (again, _) = config(27_625, 1, "node1");
    let _host = Host::start(taken).unwrap();
    assert!(matches!(Host::start(again), Err(HostError::Lans(_))));
}

#[cfg(unix)]
#[test]
fn a_module_in_a_folder_runs_its_scripts() {
    use std::os::unix::fs::PermissionsExt;

    let folder = std::env::temp_dir().join(format!("safekit-host-{}", std::process::id()));
    for part in ["conf", "bin"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    let text = MODULE.replace("</service>", "<user/></service>");
    std::fs::write(folder.join("conf/userconfig.xml"), text).unwrap();
    for script in ["start_both", "stop_both"] {
        let path = folder.join("bin").join(script);
        let text = "#!/bin/sh\necho \"$SAFEMODULE $0\" >> \"$SAFEUSERVAR/ran\"\n";
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (mut config, _heard) = config(27_626, 1, "node1");
    config.modules = vec![HostModule::in_folder("web", &folder).unwrap()];
    let host = Host::start(config).unwrap();
    host.command(&web(), Command::Start, user()).unwrap();
    assert!(host.wait_for(&web(), ModuleState::UP_READY, LIMIT));
    host.stop(LIMIT).unwrap();
    let ran = std::fs::read_to_string(folder.join("var/ran")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let (start, stop) = (ran.find("start_both"), ran.find("stop_both"));
    assert!(start.is_some() && start < stop && ran.starts_with("web "), "{ran}");
}
