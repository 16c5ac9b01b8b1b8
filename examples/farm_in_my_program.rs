//! How do I put a farm into my own program?
//!
//! Two nodes, here in one process and on loopback; in your product there is one on each server. Each answers a load
//! balancer's health checks and tells your function what happens; this program orders as an administrator would.
//! `cargo run -p safekit-examples --example farm_in_my_program`

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use safekit_core::control::{Command, Origin};
use safekit_core::ids::ModuleName;
use safekit_core::runtime::host::random_key;
use safekit_core::wire::KeyRing;
use safekit_farm::runtime::{Host, HostConfig, HostError, HostModule, News};

/// No `<user>`, so no scripts: your program is the application, and does its part when it hears the news.
const WEB: &str =
    r#"<safe><service mode="farm" drain="0"><farm><lan name="lan"/></farm></service></safe>"#;
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> Result<(), Box<dyn Error>> {
    let web = ModuleName::new("web")?;
    // Drawn once when the cluster is made, and given to each node as a secret.
    let keys = KeyRing { cluster: 7, keys: vec![random_key()?] };
    let start = |name: &'static str| -> Result<Host, HostError> {
        let config = HostConfig::read(&cluster(), name)?
            .with_keys(keys.clone())
            .with_module(HostModule::read("web", WEB)?)
            .with_health(SocketAddr::from(([127, 0, 0, 1], 0)))
            .with_callback(move |news: &News| say(&format!("{name}: {news}")));
        Host::start(config)
    };
    let (node1, node2) = (start("node1")?, start("node2")?);
    for node in [&node1, &node2] {
        node.command(&web, Command::Start, Origin::User("my program".to_owned()))?;
    }
    for node in [&node1, &node2] {
        if !node.wait_until(&web, LIMIT, |status| status.owned.count() == 128) {
            return Err("the load was not shared in time".into());
        }
        say(&format!("a balancer hears: {}", health(node)?));
    }
    node2.stop(LIMIT)?;
    if !node1.wait_until(&web, LIMIT, |status| status.owned.count() == 256) {
        return Err("node1 did not take over in time".into());
    }
    let left = node1.module(&web).ok_or("node1 has the module")?;
    say(&format!(
        "node2 is gone; node1 is {} and takes {} buckets",
        left.state,
        left.owned.count()
    ));
    Ok(())
}

/// cluster.xml. The addresses are of this run only, so that two runs do not meet.
fn cluster() -> String {
    let pid = std::process::id();
    let address = |node: u32| format!("127.{}.{}.{node}", 64 + pid % 128, pid / 128 % 256);
    let (one, two) = (address(1), address(2));
    format!(
        r#"<cluster><lans port="47631" pulse="50"><lan name="lan">
        <node name="node1" addr="{one}"/><node name="node2" addr="{two}"/></lan></lans></cluster>"#
    )
}

/// Asks as a balancer does.
#[expect(clippy::disallowed_types, reason = "stands for a balancer, which is another program")]
fn health(node: &Host) -> Result<String, Box<dyn Error>> {
    let address = node.health_addrs().first().ok_or("health is answered nowhere")?;
    let mut balancer = std::net::TcpStream::connect(address)?;
    balancer.write_all(b"GET /var/modules/web/ready.txt HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    balancer.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

fn say(line: &str) {
    // Nobody reads any more: the farm goes on.
    drop(writeln!(io::stdout(), "{line}"));
}
