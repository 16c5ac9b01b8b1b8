//! One node with the modules of a case.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::farm::{self, Node, PATIENCE, TempDir};

/// A node, and the folder of its case. The node ends before its folder goes.
pub(super) struct Place {
    pub(super) node: Node,
    pub(super) dir: TempDir,
}

impl Place {
    /// A node alone in its cluster, at 127.`net`.`octet`.1: each file of tests has a net of its own.
    pub(super) fn new(net: u8, octet: u8) -> Self {
        Self::with(net, octet, |_dir| Command::new(farm::AGENT))
    }

    /// The same, its agent started by a command that is given the folder of the case.
    pub(super) fn with(net: u8, octet: u8, command: impl FnOnce(&Path) -> Command) -> Self {
        let dir = TempDir::new();
        let mut node = Node::new(&dir.0, "node1", &format!("127.{net}.{octet}.1"), None);
        node.start_agent_with(command(&dir.0));
        farm::configure_cluster(&dir.0, std::slice::from_ref(&node));
        Self { node, dir }
    }

    /// Installs and configures a module.
    pub(super) fn install(&self, name: &str, userconfig: &str, scripts: &[(&str, &str)]) {
        let folder = write_module(&self.dir, name, userconfig, scripts);
        self.node.safekit(&["module", "install", "-m", name, folder.to_str().unwrap()]);
        self.node.safekit(&["config", "-m", name]);
    }

    /// Starts a module, and waits until it is UP.
    pub(super) fn up(&self, name: &str) {
        self.node.safekit(&["start", "-m", name]);
        self.node.safekit(&["waitstart", "-m", name, "--timeout", "60s"]);
    }

    /// Stops a module, and waits until it has stopped.
    pub(super) fn down(&self, name: &str) {
        self.node.safekit(&["stop", "-m", name]);
        self.node.safekit(&["waitstop", "-m", name, "--timeout", "60s"]);
    }

    /// Gives a module another configuration.
    pub(super) fn reconfigure(&self, name: &str, userconfig: &str) {
        let path = self.node.root.join("modules").join(name).join("conf/userconfig.xml");
        fs::write(path, userconfig).unwrap();
        self.node.safekit(&["config", "-m", name]);
    }

    /// A file in a module's SAFEUSERVAR.
    pub(super) fn file(&self, module: &str, name: &str) -> PathBuf {
        self.node.root.join("var/modules").join(module).join(name)
    }

    /// What a script of a module wrote into a file of SAFEUSERVAR; empty where it has not.
    pub(super) fn text(&self, module: &str, name: &str) -> String {
        fs::read_to_string(self.file(module, name)).unwrap_or_default()
    }

    /// The userlogs of a script.
    pub(super) fn userlogs(&self, module: &str, script: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.file(module, "")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let ours = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("userlog_") && name.contains(script)
        };
        let mut paths: Vec<PathBuf> = paths.filter(ours).collect();
        paths.sort();
        paths
    }

    /// The report of a module.
    pub(super) fn report(&self, module: &str) -> Value {
        json(&self.node, &["state", "-m", module])
    }

    /// Waits until the report of a module says so.
    pub(super) fn wait_for(
        &self,
        module: &str,
        what: &str,
        says: impl Fn(&Value) -> bool,
    ) -> Value {
        wait_for(&self.node, module, what, says)
    }

    /// The whole log of a module.
    pub(super) fn log(&self, module: &str) -> String {
        self.node.safekit(&["log", "-m", module, "-A", "-s", "10000"])
    }
}

/// Runs a command with `--json`, which must succeed.
pub(super) fn json(node: &Node, arguments: &[&str]) -> Value {
    serde_json::from_str(&node.safekit(&[arguments, &["--json"]].concat())).unwrap()
}

/// Waits until the report of a module says so.
pub(super) fn wait_for(
    node: &Node,
    module: &str,
    what: &str,
    says: impl Fn(&Value) -> bool,
) -> Value {
    let find = |report: &Value| {
        let modules = report["modules"].as_array()?;
        modules.iter().find(|report| report["name"] == module).cloned()
    };
    let report = node.wait_for(&format!("module {module}: {what}"), |report| {
        find(report).is_some_and(|report| says(&report))
    });
    find(&report).unwrap()
}

/// Waits until something else than a report says so.
pub(super) fn wait_until(what: &str, says: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !says() {
        assert!(Instant::now() < deadline, "never: {what}");
        farm::pause();
    }
}

/// A userconfig.xml with the lan `default` and without drain.
pub(super) fn userconfig(service: &str, body: &str) -> String {
    format!(
        "<safe>\n<service mode=\"farm\" drain=\"0\" {service}>\n<farm><lan name=\"default\"/></farm>\n{body}\n</service>\n</safe>\n"
    )
}

/// Writes the folder of a module.
pub(super) fn write_module(
    dir: &TempDir,
    name: &str,
    userconfig: &str,
    scripts: &[(&str, &str)],
) -> PathBuf {
    let folder = dir.0.join("modules").join(name);
    fs::create_dir_all(folder.join("conf")).unwrap();
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::write(folder.join("conf/userconfig.xml"), userconfig).unwrap();
    for (script, text) in scripts {
        fs::write(folder.join("bin").join(script), format!("#!/bin/sh\n{text}\n")).unwrap();
    }
    folder
}

/// Lines of a script that start a process of that name, which ends by itself in ten minutes and so many seconds.
pub(super) fn process(name: &str, seconds: u32) -> String {
    format!(
        "ln -sf \"$(command -v sleep)\" \"$SAFEUSERVAR/{name}\"\n\"$SAFEUSERVAR/{name}\" {} &\necho $! >>\"$SAFEUSERVAR/pids\"\n",
        600 + seconds
    )
}

/// A script that ends all these processes.
pub(super) const END_PROCESSES: &str = "for pid in $(cat \"$SAFEUSERVAR/pids\"); do kill -KILL $pid; done 2>/dev/null\nrm -f \"$SAFEUSERVAR/pids\"";

/// The processes of a resource.
pub(super) fn pids(report: &Value, resource: &str) -> Vec<i32> {
    let watched = report["watched"].as_array().unwrap();
    let watch = watched.iter().find(|watch| watch["resource"] == resource).unwrap();
    let pids = watch["pids"].as_array().unwrap();
    pids.iter().map(|pid| i32::try_from(pid.as_i64().unwrap()).unwrap()).collect()
}

/// The state of a resource.
pub(super) fn resource(report: &Value, resource: &str) -> String {
    let watched = report["watched"].as_array().unwrap();
    let watch = watched.iter().find(|watch| watch["resource"] == resource).unwrap();
    watch["state"].as_str().unwrap().to_owned()
}

/// The last run of a script.
pub(super) fn last_script(report: &Value, script: &str) -> Value {
    let runs = report["last_scripts"].as_array().unwrap();
    runs.iter().find(|run| run["name"] == script).cloned().unwrap_or(Value::Null)
}
