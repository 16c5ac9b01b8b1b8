//! Those that no balancer stands behind: curl with the requests that providers document.

use std::process::{Command, Stdio};

use super::{HEALTH_PORT, PATH, Prober, node_address};

/// A way to ask.
struct Asker {
    row: &'static str,
    /// curl's arguments; the address is added as often as there are requests.
    arguments: &'static [&'static str],
    /// What curl says for each request that is a yes.
    yes: &'static [&'static str],
}

/// Who decides by the status of an answer alone, and takes 200 only.
const ASKERS: [Asker; 6] = [
    Asker {
        row: "as AWS: new connection each time",
        arguments: &["-A", "ELB-HealthChecker/2.0", "-H", "Connection: close"],
        yes: &["200 1"],
    },
    // The second and third request find the connection of the first one open.
    Asker {
        row: "as Azure: several on one connection",
        arguments: &["-A", "Load Balancer Agent"],
        yes: &["200 1", "200 0", "200 0"],
    },
    Asker {
        row: "as Google: three probers at once",
        arguments: &["-A", "GoogleHC/1.0", "--parallel", "--parallel-immediate"],
        yes: &["200 1", "200 1", "200 1"],
    },
    Asker { row: "HTTP/1.0 without Host", arguments: &["-0", "-H", "Host:"], yes: &["200 1"] },
    Asker { row: "HEAD", arguments: &["--head"], yes: &["200 1"] },
    Asker { row: "OPTIONS", arguments: &["-X", "OPTIONS"], yes: &["200 1"] },
];

pub(super) fn all() -> Vec<Box<dyn Prober>> {
    let mut all: Vec<Box<dyn Prober>> = Vec::new();
    for asker in ASKERS {
        all.push(Box::new(asker));
    }
    all
}

impl Prober for Asker {
    fn row(&self) -> &'static str {
        self.row
    }

    fn sees(&self) -> String {
        let address = format!("http://{}:{HEALTH_PORT}{PATH}", node_address(1));
        let mut command = Command::new("curl");
        command.args(["-s", "--max-time", "2", "-w", "%{http_code} %{num_connects}\n"]);
        command.args(self.arguments);
        for _ in self.yes {
            command.args(["-o", "/dev/null", &address]);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let said: Vec<&str> = said.lines().collect();
        // A no has to be a whole and right answer, or none.
        let no = |line: &&str| ["404 ", "000 "].iter().any(|status| line.starts_with(status));
        match said {
            _ if said == self.yes => "healthy".to_owned(),
            _ if said.len() == self.yes.len() && said.iter().all(no) => "unhealthy".to_owned(),
            _ => said.join(", "),
        }
    }
}
