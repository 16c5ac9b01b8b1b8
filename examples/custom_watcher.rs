//! How does a detector of my own order a restart, without a script?
//!
//! A watcher is a thread that measures what it likes and orders a restart in its own name. Such an order counts
//! against the restart budget (`maxloop`): an application that a restart does not heal is stopped in the end, instead
//! of being restarted for ever. `cargo run -p safekit-examples --example custom_watcher`

use std::error::Error;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

use safekit_core::control::{Command, Origin};
use safekit_core::ids::ModuleName;
use safekit_core::module::state::ModuleState;
use safekit_farm::runtime::{Host, HostConfig, HostHandle, HostModule, News};

/// Two automatic restarts within a day; the third one stops the module.
const WEB: &str = r#"<safe><service mode="farm" maxloop="2" loop_interval="24" drain="0">
    <farm><lan name="lan"/></farm></service></safe>"#;
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> Result<(), Box<dyn Error>> {
    let web = ModuleName::new("web")?;
    let config = HostConfig::read(&cluster(), "node1")?
        .with_module(HostModule::read("web", WEB)?)
        .with_callback(|news: &News| say(&format!("{news}")));
    let host = Host::start(config)?;
    host.command(&web, Command::Start, Origin::User("my program".to_owned()))?;
    if !host.wait_for(&web, ModuleState::UP_READY, LIMIT) {
        return Err("not ready in time".into());
    }
    // The measurements: here the queue of orders of a shop, which grows and grows whatever is restarted.
    let (measure, lengths) = channel();
    let (handle, module) = (host.handle(), web.clone());
    let watcher = Builder::new().name("queue-watcher".to_owned());
    let watcher = watcher.spawn(move || watch(&lengths, &handle, &module))?;
    for length in [3, 5, 400, 4, 700, 900] {
        measure.send(length)?;
    }
    if !host.wait_for(&web, ModuleState::STOP, LIMIT) {
        return Err("the budget did not end it".into());
    }
    drop(measure);
    watcher.join().map_err(|_panic| "the watcher has panicked")?;
    host.stop(LIMIT)?;
    Ok(())
}

/// Orders a restart for each measurement that is too high. Waits for the end of one before it measures again: what
/// is measured while the application is restarted says nothing.
fn watch(lengths: &Receiver<u32>, handle: &HostHandle, module: &ModuleName) {
    loop {
        match lengths.recv_timeout(LIMIT) {
            Ok(length) if length > 100 => say(&format!("watcher: {length} orders wait")),
            Ok(_) => continue,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
        let origin = Origin::Detector("queue watcher".to_owned());
        match handle.command(module, Command::Restart, origin) {
            Ok(accepted) => say(&format!("watcher: the node says: {}", accepted.text)),
            // Stopped, or busy with something else: not a matter for a detector.
            Err(refused) => say(&format!("watcher: {refused}")),
        }
        let settled = [ModuleState::UP_READY, ModuleState::STOP];
        if !handle.wait_until(module, LIMIT, |status| settled.contains(&status.state)) {
            return;
        }
    }
}

/// cluster.xml of a farm of one, at an address of this run only.
fn cluster() -> String {
    let pid = std::process::id();
    let address = format!("127.{}.{}.1", 64 + pid % 128, pid / 128 % 256);
    format!(
        r#"<cluster><lans port="47632" pulse="20"><lan name="lan">
        <node name="node1" addr="{address}"/></lan></lans></cluster>"#
    )
}

fn say(line: &str) {
    // Nobody reads any more: the farm goes on.
    drop(writeln!(io::stdout(), "{line}"));
}
