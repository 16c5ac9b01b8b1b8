//! One system in one lab: fault, wait, mend, wait; or nothing at all, and what that costs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use safekit_benches::lab::{Cable, Lab, sent};
use safekit_benches::ours::Looker;
use safekit_benches::picture::{Picture, Watch};
use safekit_benches::samples::{Samples, number};
use safekit_benches::{Trouble, Try, usage};
use safekit_core::runtime::clock;
use serde_json::{Value, json};

use super::running::{FIRST, Running};
use super::systems::{Fault, Kind, Moment, System};

/// Who is hit.
const VICTIM: u8 = FIRST;
/// What is not seen within this time never comes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a cluster may take until it works; corosync's default needs some seconds after it was disturbed.
pub(super) const WHOLE_MAX: Duration = Duration::from_secs(60);

/// What is held.
pub(crate) struct Contest {
    pub(crate) system: System,
    pub(crate) nodes: u8,
    /// The number of the first round: who holds a part of the rounds has the moments of that part.
    pub(crate) first: u32,
    /// How often each fault; 0: what a node costs at rest.
    pub(crate) runs: u32,
    /// How long that is counted.
    pub(crate) rest: Duration,
}

/// Something that was measured.
pub(crate) enum Note {
    Time {
        round: u32,
        fault: Fault,
        moment: Moment,
        time: Option<Duration>,
    },
    /// Before that the others acted otherwise without a fault.
    Disturbed {
        round: u32,
        fault: Fault,
        moment: Moment,
    },
    Noise(Samples),
    Rest(Rest),
    Said(String),
    Failed(String),
}

/// What a node costs at rest.
pub(crate) struct Rest {
    pub(crate) cpu_percent: f64,
    /// Sent each second.
    pub(crate) packets: f64,
    /// With Ethernet, IP and UDP headers.
    pub(crate) bytes: f64,
    /// Without them.
    pub(crate) payload: f64,
    pub(crate) rss_mib: f64,
    node: u8,
}

impl Rest {
    pub(crate) fn line(&self) -> Value {
        json!({
            "node": self.node, "cpu_percent": self.cpu_percent, "packets_per_s": self.packets,
            "bytes_per_s": self.bytes, "payload_per_s": self.payload, "rss_mib": self.rss_mib,
        })
    }
}

struct Arena<'a> {
    contest: &'a Contest,
    watch: Watch,
    running: Running,
    // Last: it takes the network away from the others.
    lab: Lab,
}

impl Contest {
    /// Starts the system in a lab of its own and measures it.
    pub(crate) fn hold(&self, agent: &Path, tell: &impl Fn(Note)) -> Try<()> {
        let lab = Lab::new(self.nodes)?;
        let mut watch = Watch::default();
        let running = Running::start(&self.system, agent, &lab, &mut watch)?;
        let mut arena = Arena { contest: self, watch, running, lab };
        arena.wait_whole()?;
        if self.runs == 0 {
            return arena.rest(tell);
        }
        let noise = Noise::begin()?;
        let measured = arena.rounds(tell);
        tell(Note::Noise(noise.end()));
        measured
    }
}

impl Arena<'_> {
    fn rounds(&mut self, tell: &impl Fn(Note)) -> Try<()> {
        let system = self.contest.system;
        for run in 0..self.contest.runs {
            let round = self.contest.first + run;
            for (place, fault) in (0_u32..).zip(system.faults) {
                self.wait_whole()?;
                std::thread::park_timeout(system.settle + phase(&system, round, [377, 131], place));
                let mending = phase(&system, round, [617, 211], place);
                let Some([gone, back]) = self.one(round, *fault, mending, tell)? else { continue };
                // Who never went cannot come back.
                let back = gone.map(|_| (Moment::Back, back));
                for (moment, time) in std::iter::once((Moment::Gone, gone)).chain(back) {
                    tell(Note::Time { round, fault: *fault, moment, time });
                }
            }
            if (run + 1) % 5 == 0 || run + 1 == self.contest.runs {
                tell(Note::Said(format!("{} of {} rounds", run + 1, self.contest.runs)));
            }
        }
        Ok(())
    }

    /// One fault and its mending; `None`: something else happened just before.
    fn one(
        &mut self,
        round: u32,
        fault: Fault,
        mending: Duration,
        tell: &impl Fn(Note),
    ) -> Try<Option<[Option<Duration>; 2]>> {
        let looker = self.prepare(fault)?;
        // A cluster that has just lost somebody without a fault would seem to act before it.
        if !self.holds_still(fault, Moment::Back)? {
            tell(Note::Disturbed { round, fault, moment: Moment::Gone });
        }
        self.watch.expect_loss(VICTIM);
        let begin = self.strike(fault)?;
        let gone = self.wait_loss(fault);
        if let (Fault::Ordered, Running::Ours(farm)) = (fault, &mut self.running)
            && !farm.is_draining(VICTIM)?
        {
            tell(Note::Said(format!("round {round}: the stop did not drain, or is over already")));
        }
        // Its guardian starts the next one by itself.
        let by_itself = fault == Fault::Killed && matches!(self.running, Running::Ours(_));
        let again = if by_itself {
            begin
        } else {
            // The others have just acted at a moment of theirs: mended at another one each time.
            std::thread::park_timeout(self.contest.system.settle + mending);
            if gone.is_some() && !self.holds_still(fault, Moment::Gone)? {
                tell(Note::Disturbed { round, fault, moment: Moment::Back });
            }
            self.mend(fault)?
        };
        let back = self.wait(fault, Moment::Back);
        drop(looker);
        self.after(fault)?;
        // What was seen before it was done was something else: no time of it.
        if gone.is_some_and(|at| at < begin) {
            tell(Note::Disturbed { round, fault, moment: Moment::Gone });
            return Ok(None);
        }
        let since =
            |at: Option<Instant>, begin: Instant| at.map(|at| at.saturating_duration_since(begin));
        Ok(Some([since(gone, begin), since(back, again)]))
    }

    /// What has to be as it is meant to be before the fault.
    fn prepare(&mut self, fault: Fault) -> Try<Option<Looker>> {
        let Running::Ours(farm) = &mut self.running else { return Ok(None) };
        match fault {
            Fault::Ordered => {
                // Somebody has to have asked for health: otherwise nobody is there to wait for.
                farm.probe(VICTIM, &self.lab)?;
                self.watch.reset_takers();
                let looker = farm.look_at_takers(VICTIM, &self.watch)?;
                let nodes = self.contest.nodes;
                let all = |picture: &Picture| picture.others_share(nodes, VICTIM, true);
                match self.watch.until(PATIENCE, all) {
                    Some(_) => Ok(Some(looker)),
                    None => Err(Trouble::failed("the module is never shared by all")),
                }
            }
            Fault::Ended => {
                farm.order(VICTIM, "forcestop")?;
                farm.wait_module(VICTIM, false).map(|()| None)
            }
            Fault::Killed | Fault::HostKilled | Fault::Cut => Ok(None),
        }
    }

    fn strike(&mut self, fault: Fault) -> Try<Instant> {
        match (&mut self.running, fault) {
            (_, Fault::Cut) => self.lab.cable(VICTIM, Cable::Out),
            (Running::Ours(farm), Fault::Killed) => farm.kill_agent(VICTIM),
            (Running::Ours(farm), Fault::HostKilled) => farm.kill_host(VICTIM),
            (Running::Ours(farm), Fault::Ordered) => farm.order(VICTIM, "stop"),
            (Running::Ours(farm), Fault::Ended) => farm.terminate(VICTIM),
            (Running::Peer(cluster), Fault::Ended | Fault::Ordered) => cluster.stop(VICTIM),
            (Running::Peer(cluster), Fault::Killed | Fault::HostKilled) => cluster.kill(VICTIM),
        }
    }

    /// Takes the fault back; returns the moment before.
    fn mend(&mut self, fault: Fault) -> Try<Instant> {
        let watch = &mut self.watch;
        match (&mut self.running, fault) {
            (_, Fault::Cut) => self.lab.cable(VICTIM, Cable::In),
            (Running::Ours(farm), Fault::Ordered) => {
                farm.wait_module(VICTIM, false)?;
                farm.order(VICTIM, "start")
            }
            (Running::Ours(farm), Fault::Ended) => {
                farm.wait_end(VICTIM)?;
                farm.start_node(VICTIM, watch)
            }
            (Running::Ours(farm), Fault::Killed | Fault::HostKilled) => {
                farm.start_node(VICTIM, watch)
            }
            (Running::Peer(cluster), Fault::Ended | Fault::Ordered) => {
                cluster.wait_end(VICTIM)?;
                cluster.start_node(VICTIM, &self.lab, watch)
            }
            (Running::Peer(cluster), Fault::Killed | Fault::HostKilled) => {
                cluster.start_node(VICTIM, &self.lab, watch)
            }
        }
    }

    /// What has to be as before for the next fault.
    fn after(&mut self, fault: Fault) -> Try<()> {
        self.wait_whole()?;
        let Running::Ours(farm) = &mut self.running else { return Ok(()) };
        if fault == Fault::Ended {
            farm.order(VICTIM, "start")?;
        }
        farm.wait_module(VICTIM, true)
    }

    /// Tells whether the others act as they should before something is done; where not, waits until they do.
    fn holds_still(&mut self, fault: Fault, moment: Moment) -> Try<bool> {
        let begin = clock::now();
        self.watch.catch_up();
        match self.wait(fault, moment) {
            // It was so all the time.
            Some(at) => Ok(at.saturating_duration_since(begin) < Duration::from_millis(1)),
            None => Err(Trouble::failed("the others never act alike")),
        }
    }

    /// Waits until each of the others has acted.
    fn wait_loss(&mut self, fault: Fault) -> Option<Instant> {
        let nodes = self.contest.nodes;
        let (watch, running) = (&mut self.watch, &self.running);
        watch.until(PATIENCE, |picture| match running {
            Running::Ours(_) if fault == Fault::Ordered => {
                picture.others_share(nodes, VICTIM, false)
            }
            Running::Ours(_) => picture.others_have_acted(nodes),
            Running::Peer(cluster) => cluster.others_have_acted(picture, nodes, VICTIM),
        })
    }

    fn wait(&mut self, fault: Fault, moment: Moment) -> Option<Instant> {
        let (nodes, with) = (self.contest.nodes, moment == Moment::Back);
        let (watch, running) = (&mut self.watch, &self.running);
        watch.until(PATIENCE, |picture| match running {
            Running::Ours(_) if fault == Fault::Ordered => {
                picture.others_share(nodes, VICTIM, with)
            }
            Running::Ours(_) => picture.others_act(nodes, VICTIM, with),
            Running::Peer(cluster) => cluster.others_act(picture, nodes, VICTIM, with),
        })
    }

    fn wait_whole(&mut self) -> Try<()> {
        let nodes = self.contest.nodes;
        let (watch, running) = (&mut self.watch, &self.running);
        match watch.until(WHOLE_MAX, |picture| running.is_whole(picture, nodes)) {
            Some(_) => Ok(()),
            None => Err(Trouble::failed(format!("never whole: {:?}", watch.catch_up()))),
        }
    }

    fn rest(&mut self, tell: &impl Fn(Note)) -> Try<()> {
        // Whatever is done only after a start is done then.
        std::thread::park_timeout(Duration::from_secs(3));
        let header_bytes = match self.contest.system.kind {
            Kind::Peer(safekit_benches::peers::Peer::Keepalived { .. }) => 34,
            Kind::Peer(_) | Kind::Ours(_) => 42,
        };
        let mut before = Vec::new();
        for node in self.lab.nodes() {
            let pids = self.running.pids(node)?;
            before.push((node, self.count(&pids), pids));
        }
        let begin = clock::now();
        std::thread::park_timeout(self.contest.rest);
        for (node, (spent, packets, bytes), pids) in before {
            let after = self.count(&pids);
            // Answering this is not rest.
            if self.running.pids(node)? != pids || !pids.iter().copied().all(usage::lives) {
                return Err(Trouble::failed("a process died while its rest was measured"));
            }
            let seconds = clock::now().saturating_duration_since(begin).as_secs_f64();
            let packets = float(after.1.saturating_sub(packets)) / seconds;
            let bytes = float(after.2.saturating_sub(bytes)) / seconds;
            let resident = pids.iter().map(|pid| usage::memory(*pid).0).sum();
            tell(Note::Rest(Rest {
                cpu_percent: 100.0 * after.0.saturating_sub(spent).as_secs_f64() / seconds,
                packets,
                bytes,
                payload: (bytes - packets * f64::from(header_bytes)).max(0.0),
                rss_mib: float(resident) / 1024.0,
                node,
            }));
        }
        self.wait_whole()
    }

    fn count(&self, pids: &[u32]) -> (Duration, u64, u64) {
        let spent = pids.iter().map(|pid| usage::cpu_time(*pid)).sum();
        let (packets, bytes) = pids.first().map(|pid| sent(*pid)).unwrap_or_default();
        (spent, packets, bytes)
    }
}

/// Returns by how much something comes later than the system needs to settle: each time another part of its interval.
fn phase(system: &System, round: u32, [step, other]: [u32; 2], place: u32) -> Duration {
    // Slow systems have intervals of a second, fast ones of a tenth.
    let interval_ms = match system.pace {
        super::Pace::Slow => 1000,
        super::Pace::Fast => 100,
    };
    // A step without a common divisor with the interval goes through all of it.
    let phase_ms = round.wrapping_mul(step).wrapping_add(place.wrapping_mul(other)) % interval_ms;
    Duration::from_millis(u64::from(phase_ms))
}

fn float(count: u64) -> f64 {
    number(usize::try_from(count).unwrap_or(usize::MAX))
}

/// How much later than asked for this machine lets a thread go on.
struct Noise {
    end: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Samples>,
}

impl Noise {
    fn begin() -> Try<Self> {
        let end = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&end);
        let work = move || {
            let mut times = Samples::default();
            while !told.load(Ordering::Acquire) {
                let due = clock::now() + SLEEP;
                // Nobody wakes this thread; early is possible, and no oversleep.
                std::thread::park_timeout(SLEEP);
                times.add(Some(clock::now().saturating_duration_since(due)));
            }
            times
        };
        let thread = std::thread::Builder::new().name("noise".to_owned()).spawn(work);
        Ok(Self { end, thread: thread.map_err(Trouble::io("start a thread"))? })
    }

    fn end(self) -> Samples {
        self.end.store(true, Ordering::Release);
        self.thread.join().unwrap_or_default()
    }
}

const SLEEP: Duration = Duration::from_millis(5);
