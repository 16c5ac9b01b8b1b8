//! What has my application to do, to be started, watched and restarted?
//!
//! Nothing. Here it is a small web program that knows nothing of a cluster, with the two scripts and the `<errd>` that
//! the agent would get too. This file is both: the application (`serve`), and the product that runs a node with it,
//! kills it as a crash would, and sees it come back. `cargo run -p safekit-examples --example my_application`

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use safekit_core::control::{Command, Origin};
use safekit_core::event::Event;
use safekit_core::ids::ModuleName;
use safekit_core::module::state::ModuleState;
use safekit_farm::runtime::{Host, HostConfig, HostModule, News};

/// Ends when the application serves: then the module is Ready, and balancers send clients.
const START_BOTH: &str = r#"#!/bin/sh
cd "$SAFEUSERVAR" && rm -f port
"$MY_APPLICATION" serve "$SAFEUSERVAR" > application.log 2>&1 &
echo $! > pid
until [ -s port ]; do sleep 0.02; done
"#;
const STOP_BOTH: &str = "#!/bin/sh\ncd \"$SAFEUSERVAR\" && kill \"$(cat pid)\" || true\n";
const LIMIT: Duration = Duration::from_secs(60);

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("serve"), Some(folder)) => serve(Path::new(&folder)),
        _ => {
            let folder =
                std::env::temp_dir().join(format!("my-application-{}", std::process::id()));
            let done = product(&folder);
            fs::remove_dir_all(&folder)?;
            done
        }
    }
}

/// The application. It ends when it is told to by a signal, as most programs do.
fn serve(folder: &Path) -> Done {
    let server = tiny_http::Server::http("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = server.server_addr().to_string();
    fs::write(folder.join("new"), address)?;
    fs::rename(folder.join("new"), folder.join("port"))?;
    for request in server.incoming_requests() {
        let text = format!("process {}", std::process::id());
        request.respond(tiny_http::Response::from_string(text))?;
    }
    Ok(())
}

fn product(folder: &Path) -> Done {
    install(folder)?;
    let (tell, ready) = channel();
    let config = HostConfig::read(&cluster(), "node1")?
        .with_module(HostModule::in_folder("shop", folder)?)
        .with_callback(move |news: &News| {
            say(&format!("{news}"));
            if let News::Event { event: Event::StateChanged { to, .. }, .. } = news {
                // Nobody waits for it any more at the end.
                let _ = (*to == ModuleState::UP_READY).then(|| tell.send(()));
            }
        });
    let (host, shop) = (Host::start(config)?, ModuleName::new("shop")?);
    host.command(&shop, Command::Start, Origin::User("my product".to_owned()))?;
    ready.recv_timeout(LIMIT)?;
    say(&format!("client: {} answers", ask(folder)?));
    let pid = fs::read_to_string(folder.join("var/pid"))?;
    std::process::Command::new("kill").args(["-9", pid.trim()]).status()?;
    ready.recv_timeout(LIMIT)?;
    say(&format!("client: {} answers", ask(folder)?));
    host.stop(LIMIT)?;
    Ok(())
}

/// Writes the folder of a module, as it is installed on an agent too.
fn install(folder: &Path) -> Done {
    for part in ["conf", "bin", "var"] {
        fs::create_dir_all(folder.join(part))?;
    }
    // The folder is part of the command line, so that no other run's application is taken for this one.
    let (program, place) = (std::env::current_exe()?, folder.display());
    let program = program.display();
    let text = format!(
        r#"<safe><service mode="farm" drain="0"><farm><lan name="lan"/></farm>
        <user><var name="MY_APPLICATION" value="{program}"/></user>
        <errd polltimer="1"><proc name="my_application" argregex="serve {place}" atleast="1" action="restart"/></errd>
        </service></safe>"#
    );
    fs::write(folder.join("conf/userconfig.xml"), text)?;
    for (script, text) in [("start_both", START_BOTH), ("stop_both", STOP_BOTH)] {
        let path = folder.join("bin").join(script);
        fs::write(&path, text)?;
        std::process::Command::new("chmod").arg("755").arg(&path).status()?;
    }
    Ok(())
}

/// cluster.xml of a farm of one, at an address of this run only.
fn cluster() -> String {
    let pid = std::process::id();
    let address = format!("127.{}.{}.1", 64 + pid % 128, pid / 128 % 256);
    format!(
        r#"<cluster><lans port="47633" pulse="20"><lan name="lan">
        <node name="node1" addr="{address}"/></lan></lans></cluster>"#
    )
}

/// Asks the application as its client does.
#[expect(clippy::disallowed_types, reason = "stands for a client, which is another program")]
fn ask(folder: &Path) -> Result<String, Box<dyn Error>> {
    let address = fs::read_to_string(folder.join("var/port"))?;
    let mut client = std::net::TcpStream::connect(address.trim())?;
    client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    Ok(answer.lines().last().unwrap_or_default().to_owned())
}

fn say(line: &str) {
    // Nobody reads any more: the farm goes on.
    drop(writeln!(io::stdout(), "{line}"));
}
