//! How often each system acts although nobody is gone: ours and the peers side by side, in networks of their own, one after
//! the other, under the same strain. The other side of every detection time.

use std::time::{Duration, Instant};

use safekit_benches::lab::Lab;
use safekit_benches::picture::{Picture, Watch};
use safekit_benches::strain::{Frozen, Spinners};
use safekit_benches::{Trouble, Try, usage};
use safekit_core::runtime::clock;
use serde_json::json;

use super::contest::WHOLE_MAX;
use super::running::Running;
use super::systems::System;
use crate::{Bench, say};

const NODES: u8 = 3;
/// Between two freezes.
const BREATH: Duration = Duration::from_millis(2_300);

const COLUMNS: [&str; 7] =
    ["false alarms", "setting", "strain", "time", "strained", "acted without a fault", "a minute"];

/// What strains the hosts.
#[derive(Clone, Copy)]
enum Strain {
    Nothing,
    /// Endless loops, eight on each processor.
    Busy,
    /// This share of a hundred packets is lost.
    Loss(u32),
    /// One node after the other stands still for so many milliseconds.
    Freezes(u64),
}

const STRAINS: [Strain; 5] =
    [Strain::Nothing, Strain::Busy, Strain::Loss(1), Strain::Freezes(200), Strain::Freezes(500)];

impl Strain {
    fn name(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Busy => "8 times the CPU load".to_owned(),
            Self::Loss(percent) => format!("{percent} % random loss"),
            Self::Freezes(millis) => format!("freezes of {millis} ms"),
        }
    }
}

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    if let Some(missing) = Lab::missing() {
        say(&format!("quiet: left out: {missing}"));
        return Ok(());
    }
    let lasts = bench.part.unwrap_or_else(|| Duration::from_secs(bench.size.of(2, 20, 60)));
    let only = std::env::var("SAFEKIT_BENCH_ONLY").unwrap_or_default();
    for (_, system) in super::present(bench, &only)? {
        for strain in STRAINS {
            let name = strain.name();
            say(&format!("quiet: {} {}: {name}, {lasts:?}", system.name, system.setting));
            let fields = |seconds: f64, strained: u32, acted: Option<u32>| {
                json!({
                    "system": system.name, "setting": system.setting, "strain": name,
                    "seconds": seconds, "strained": strained, "acted": acted,
                })
            };
            let names = [system.name.to_owned(), system.setting.to_owned(), name.clone()];
            match Strained::begin(bench, &system).and_then(|mut it| it.run(strain, lasts)) {
                Ok(Seen { time, strained, acted }) => {
                    let seconds = time.as_secs_f64();
                    bench.record.line("quiet", fields(seconds, strained, Some(acted)))?;
                    let cells = [
                        format!("{seconds:.0} s"),
                        strained.to_string(),
                        acted.to_string(),
                        format!("{:.1}", f64::from(acted) * 60.0 / seconds),
                    ];
                    bench.row(&COLUMNS, names.into_iter().chain(cells));
                }
                Err(error) => {
                    say(&format!("quiet: {} {}: {name}: {error}", system.name, system.setting));
                    bench.record.line("quiet", fields(0.0, 0, None))?;
                    let cells = ["-", "-", &error.to_string(), "-"].map(str::to_owned);
                    bench.row(&COLUMNS, names.into_iter().chain(cells));
                }
            }
        }
    }
    Ok(())
}

/// What was seen under one strain.
struct Seen {
    time: Duration,
    strained: u32,
    acted: u32,
}

/// A system in a lab of its own.
struct Strained {
    watch: Watch,
    running: Running,
    /// They have acted, and have not been whole since.
    apart: bool,
    // Last: it takes the network away from the others.
    lab: Lab,
}

impl Strained {
    fn begin(bench: &Bench, system: &System) -> Try<Self> {
        let lab = Lab::new(NODES)?;
        let mut watch = Watch::default();
        let running = Running::start(system, &bench.agent, &lab, &mut watch)?;
        let mut strained = Self { watch, running, apart: false, lab };
        strained.wait_whole()?;
        // Whatever is done only after a start is done then.
        std::thread::park_timeout(Duration::from_secs(3));
        strained.wait_whole()?;
        Ok(strained)
    }

    fn run(&mut self, strain: Strain, lasts: Duration) -> Try<Seen> {
        let mut pids = Vec::new();
        for node in self.lab.nodes() {
            pids.push(self.running.pids(node)?);
        }
        let mut spinners = None;
        match strain {
            Strain::Nothing | Strain::Freezes(_) => {}
            Strain::Busy => {
                let cpus = std::thread::available_parallelism().map_or(1, Into::into);
                spinners = Some(Spinners::start(8 * cpus)?);
            }
            Strain::Loss(percent) => self.lab.lose(percent)?,
        }
        let begin = clock::now();
        let end = begin + lasts;
        let mut seen = Seen { time: lasts, strained: 0, acted: 0 };
        let mut places = (0..pids.len()).cycle();
        while clock::now() < end {
            if let (Strain::Freezes(millis), Some(place)) = (strain, places.next()) {
                let frozen = Frozen::stop(pids.get(place).cloned().unwrap_or_default())?;
                std::thread::park_timeout(Duration::from_millis(millis));
                drop(frozen);
                seen.strained += 1;
            }
            seen.acted += self.count(end.min(clock::now() + BREATH));
        }
        seen.time = clock::now().saturating_duration_since(begin);
        drop(spinners);
        // Who is dead raises no alarm.
        for (node, before) in self.lab.nodes().zip(&pids) {
            let pids = self.running.pids(node)?;
            if pids != *before || pids.iter().any(|pid| usage::memory(*pid).0 == 0) {
                return Err(Trouble::failed(format!("node {node} did not live to the end")));
            }
        }
        Ok(seen)
    }

    /// Counts until then how often they act as if somebody was gone, or, with keepalived, another one has the address.
    fn count(&mut self, end: Instant) -> u32 {
        let mut count = 0;
        loop {
            let left = end.saturating_duration_since(clock::now());
            let (running, apart) = (&self.running, self.apart);
            let turned = |picture: &Picture| running.is_whole(picture, NODES) == apart;
            if self.watch.until(left, turned).is_none() {
                return count;
            }
            self.apart = !apart;
            count += u32::from(self.apart);
        }
    }

    fn wait_whole(&mut self) -> Try<()> {
        let running = &self.running;
        match self.watch.until(WHOLE_MAX, |picture| running.is_whole(picture, NODES)) {
            Some(_) => Ok(()),
            None => Err(Trouble::failed("never whole")),
        }
    }
}
