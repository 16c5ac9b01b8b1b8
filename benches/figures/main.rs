//! The figures of the product, measured from outside. `docs/benchmarks.md` says what each one means.
//!
//! `cargo bench -p safekit-benches -- [--quick|--full] [FIGURE...]` prints tables, and keeps the raw numbers in
//! `target/benchmarks/`.

mod alarms;
mod config;
mod curve;
mod health;
mod heartbeat;
mod hours;
mod loss;
mod nodes;
mod pauses;
mod process;
mod rest;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use safekit_benches::farm::Farm;
use safekit_benches::record::Record;
use safekit_benches::table::Table;
use safekit_benches::{Options, Size, Trouble, Try, place};
use serde_json::json;

/// The figures by name.
const FIGURES: [&str; 11] = [
    "config",
    "heartbeat",
    "loss",
    "process",
    "health",
    "rest",
    "curve",
    "hours",
    "nodes",
    "alarms",
    "pauses",
];

/// What a figure works with.
struct Bench {
    size: Size,
    /// How long each part of `alarms` lasts, where it was said.
    part: Option<std::time::Duration>,
    agent: PathBuf,
    record: Record,
    times: Table,
    health: Table,
    rest: Table,
    curve: Table,
    hours: Table,
    nodes: Table,
    alarms: Table,
    pauses: Table,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(nodes::GROW) {
        let grown = nodes::grow_here(arguments).inspect_err(|error| say(&error.to_string()));
        print(&grown.unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    match Options::read(std::env::args().skip(1), &FIGURES).and_then(measure) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("figures: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: Option<Options>) -> Try<()> {
    let Some(options) = options else {
        print(&format!(
            "figures [--quick | --full] [--part=SECONDS] [FIGURE...]\nfigures: {}\n",
            FIGURES.join(", ")
        ));
        return Ok(());
    };
    let folder = target_folder()?;
    let agent = match options.agent.clone() {
        Some(agent) => agent,
        None => build_agent(&folder)?,
    };
    let record = Record::create(&folder.join("../benchmarks"), &place::stamp())?;
    let mut bench = Bench {
        size: options.size,
        part: options.part,
        agent,
        record,
        times: Table::for_times(),
        health: Table::new(&health::COLUMNS),
        rest: Table::new(&["at rest, per node", "measured", "goal"]),
        curve: curve::table(),
        hours: hours::table(),
        nodes: nodes::table(),
        alarms: alarms::table(),
        pauses: pauses::table(),
    };
    let begin = place::describe();
    bench.record.line("place", json!({ "place": begin, "size": format!("{:?}", options.size) }))?;
    say(&begin);
    // A figure that fails leaves the others their tables.
    let end = bench.run(&options);
    bench.print(&begin, options.size);
    end
}

impl Bench {
    fn run(&mut self, options: &Options) -> Try<()> {
        if options.wants("config") {
            config::measure(self)?;
        }
        if options.wants("heartbeat") {
            heartbeat::measure(self)?;
        }
        if options.wants("loss") {
            loss::measure(self)?;
        }
        if options.wants("curve") {
            curve::measure(self)?;
        }
        if options.wants("hours") {
            hours::measure(self)?;
        }
        if options.wants("nodes") {
            nodes::measure(self)?;
        }
        if options.wants("alarms") {
            alarms::measure(self)?;
        }
        if options.wants("pauses") {
            pauses::measure(self)?;
        }
        if !["process", "health", "rest"].iter().any(|figure| options.wants(figure)) {
            return Ok(());
        }
        say("a farm of three agents with a module");
        let mut farm = Farm::start(&self.agent, 3, 3)?;
        farm.start_module()?;
        if options.wants("process") {
            process::measure(self, &mut farm)?;
        }
        if options.wants("health") {
            health::measure(self, &mut farm)?;
        }
        if options.wants("rest") {
            rest::measure(self, &mut farm)?;
        }
        Ok(())
    }

    fn print(&self, begin: &str, size: Size) {
        let build =
            if cfg!(debug_assertions) { "debug build: no figures at all" } else { "release build" };
        print(&format!(
            "\n{begin}\nload at the end {}; {size:?}; {build}\n",
            place::load_average()
        ));
        for table in [
            &self.times,
            &self.health,
            &self.rest,
            &self.curve,
            &self.hours,
            &self.nodes,
            &self.alarms,
            &self.pauses,
        ] {
            if !table.is_empty() {
                print(&format!("\n{table}"));
            }
        }
        print(&format!("\nraw numbers: {}\n", self.record.path().display()));
    }
}

/// Returns where cargo puts programs of this profile: this one lies in its `deps`.
fn target_folder() -> Try<PathBuf> {
    let own = std::env::current_exe().map_err(Trouble::io("find this program's file"))?;
    let folder = own.ancestors().nth(2).map(Path::to_owned);
    folder.ok_or_else(|| Trouble::failed("this program lies in no folder of cargo's"))
}

/// Builds the agent with this program's profile: what is measured is what the sources say.
fn build_agent(folder: &Path) -> Try<PathBuf> {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "-p", "safekit-agent", "--bin", "safekit-agent"]);
    let status = command.args(["--profile", profile]).status();
    let status = status.map_err(Trouble::io("run cargo to build the agent"))?;
    let agent = folder.join("safekit-agent");
    if status.success() && agent.exists() {
        return Ok(agent);
    }
    Err(Trouble::failed("the agent was not built: build it, and name it in SAFEKIT_AGENT"))
}

fn print(text: &str) {
    // Nobody reads it then.
    drop(io::stdout().write_all(text.as_bytes()));
}

/// Tells how far it is.
fn say(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
