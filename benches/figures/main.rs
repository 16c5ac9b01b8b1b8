//! The figures of the product, measured from outside. `docs/benchmarks.md` says what each one means.
//!
//! `cargo bench -p safekit-benches -- [--quick|--full] [FIGURE...]` prints tables, and keeps the raw numbers in
//! `target/benchmarks/`.

mod alarms;
mod attacks;
mod config;
mod curve;
mod detection;
mod flood;
mod front;
mod health;
mod heartbeat;
mod host;
mod hours;
mod loss;
mod nodes;
mod pauses;
mod process;
mod rest;
mod rolling;
mod scale;
mod siege;
mod wedge;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use safekit_benches::farm::{Farm, MODULE};
use safekit_benches::record::Record;
use safekit_benches::table::Table;
use safekit_benches::{Options, Size, Trouble, Try, place, program, servers, usage};
use serde_json::json;

/// What `-- NAME` asks for.
struct Figure {
    name: &'static str,
    measure: Measure,
}

/// How a figure is taken.
#[derive(Clone, Copy)]
enum Measure {
    /// With what it makes itself.
    Alone(fn(&mut Bench) -> Try<()>),
    /// On the farm of three agents with a module that such figures share.
    OnFarm(fn(&mut Bench, &mut Farm) -> Try<()>),
}

const fn alone(name: &'static str, measure: fn(&mut Bench) -> Try<()>) -> Figure {
    Figure { name, measure: Measure::Alone(measure) }
}

const fn on_farm(name: &'static str, measure: fn(&mut Bench, &mut Farm) -> Try<()>) -> Figure {
    Figure { name, measure: Measure::OnFarm(measure) }
}

/// All figures, in the order in which they are taken.
const FIGURES: &[Figure] = &[
    alone("config", config::measure),
    alone("heartbeat", heartbeat::measure),
    alone("loss", loss::measure),
    alone("detection", detection::measure),
    alone("curve", curve::measure),
    alone("hours", hours::measure),
    alone("nodes", nodes::measure),
    alone("quiet", detection::quiet::measure),
    alone("alarms", alarms::measure),
    alone("pauses", pauses::measure),
    alone("rolling", rolling::measure),
    alone("flood", flood::measure),
    alone("attacks", attacks::measure),
    alone("modules", scale::modules),
    alone("agents", scale::agents),
    on_farm("process", process::measure),
    on_farm("wedge", wedge::measure),
    on_farm("host", host::measure),
    on_farm("health", health::measure),
    on_farm("rest", rest::measure),
];

/// What a figure works with.
struct Bench {
    size: Size,
    /// How long each part lasts of a figure that has parts, where it was said.
    part: Option<Duration>,
    agent: PathBuf,
    record: Record,
    /// Times, whatever the figure.
    times: Table,
    /// What has other columns.
    tables: Vec<Table>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    // What it starts itself, as further processes.
    match arguments.next().as_deref() {
        Some(servers::SERVE) => {
            let served = front::serve(&arguments.next().unwrap_or_default(), MODULE);
            return if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Some(nodes::GROW) => {
            let grown = nodes::grow_here(arguments).inspect_err(|error| say(&error.to_string()));
            print(&grown.unwrap_or_default());
            return ExitCode::SUCCESS;
        }
        Some(_) | None => {}
    }
    usage::raise_files();
    let names: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
    let options = Options::read(std::env::args().skip(1), &names);
    match options.and_then(|options| measure(options, &names)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("figures: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: Option<Options>, names: &[&str]) -> Try<()> {
    let Some(options) = options else {
        let names = names.join(", ");
        print(&format!(
            "figures [--quick | --full] [--part=SECONDS] [FIGURE...]\nfigures: {names}\n"
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
        tables: Vec::new(),
    };
    let begin = place::describe();
    let version = program::version(&bench.agent.to_string_lossy(), "--version");
    let version = version.ok_or_else(|| Trouble::failed("the agent does not say its version"))?;
    let named = options.agent.as_ref().map(|agent| format!(" ({})", agent.display()));
    let version = version + &named.unwrap_or_default();
    let place = json!({ "place": begin, "size": format!("{:?}", options.size), "agent": version });
    bench.record.line("place", place)?;
    let begin = format!("{begin}\n{version}");
    say(&begin);
    // A figure that fails leaves the others their tables.
    let end = bench.run(&options);
    bench.print(&begin, options.size);
    end
}

impl Bench {
    fn run(&mut self, options: &Options) -> Try<()> {
        let mut farm = None;
        for figure in FIGURES.iter().filter(|figure| options.wants(figure.name)) {
            match figure.measure {
                Measure::Alone(measure) => {
                    // Nothing else runs then: what follows with the farm starts it again.
                    farm = None;
                    measure(self)?;
                }
                Measure::OnFarm(measure) => {
                    let mut shared: Farm = match farm.take() {
                        Some(shared) => shared,
                        None => self.start_farm()?,
                    };
                    measure(self, &mut shared)?;
                    farm = Some(shared);
                }
            }
        }
        Ok(())
    }

    fn start_farm(&self) -> Try<Farm> {
        say("a farm of three agents with a module");
        let farm = Farm::start(&self.agent, 3, 3)?;
        farm.start_module()?;
        Ok(farm)
    }

    /// Adds a row to the table with these columns.
    fn row(&mut self, columns: &[&str], cells: impl IntoIterator<Item = String>) {
        if let Some(table) = self.tables.iter_mut().find(|table| table.has_columns(columns)) {
            return table.row(cells);
        }
        let mut table = Table::new(columns);
        table.row(cells);
        self.tables.push(table);
    }

    fn print(&self, begin: &str, size: Size) {
        let build =
            if cfg!(debug_assertions) { "debug build: no figures at all" } else { "release build" };
        print(&format!(
            "\n{begin}\nload at the end {}; {size:?}; {build}\n",
            place::load_average()
        ));
        for table in std::iter::once(&self.times).chain(&self.tables) {
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
