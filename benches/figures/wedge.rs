//! How long the health answer stays positive when the event loop stands still, and what becomes of an agent that does.
//!
//! Held in one thread: its fronts answer on, from a stamp that gets old. Stopped as a whole: nobody answers; the others lose
//! it as a dead host. The guardian ends it in both cases, and the next agent finds the application running.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use safekit_benches::farm::{Farm, HEALTH_PATH, application, is_ready, signal};
use safekit_benches::probe::Probe;
use safekit_benches::record::micros;
use safekit_benches::samples::Samples;
use safekit_benches::wedge::{Wedge, lives};
use safekit_benches::{Trouble, Try};
use safekit_core::runtime::clock;
use serde_json::json;

use crate::{Bench, say};

const PATIENCE: Duration = Duration::from_secs(60);
/// The age at which a stamp turns the answer negative, and what answering takes on a busy machine.
const GOAL: Duration = Duration::from_millis(300);
/// Answers before: the connection is warm.
const WARM: usize = 100;

pub(crate) fn measure(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let runs = bench.size.of(2, 30, 100);
    say(&format!("wedge: {runs} runs"));
    let (mut negative, mut positive) = (Samples::default(), Samples::default());
    for run in 0..runs {
        let (pid, _) = ready(farm)?;
        let mut probe = warm(farm)?;
        // Another part of the time between two stamps.
        std::thread::park_timeout(Duration::from_millis(100 + run * 7 % 50));
        let begin = clock::now();
        let held = Wedge::hold(pid, pid)?;
        probe.ask_until(404, PATIENCE)?;
        let down = since(begin);
        let begin = clock::now();
        drop(held);
        probe.ask_until(200, PATIENCE)?;
        let up = since(begin);
        let times = json!({
            "run": run, "negative_us": micros(Some(down)), "positive_us": micros(Some(up)),
        });
        bench.record.line("loop_held", times)?;
        negative.add(Some(down));
        positive.add(Some(up));
    }
    bench.times.times("event loop held, to the negative health answer", &negative, Some(GOAL));
    bench.times.times("event loop goes on, to the positive health answer", &positive, None);
    frozen(bench, farm)
}

/// The agent does not come back by itself.
fn frozen(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let runs = bench.size.of(1, 3, 10);
    say(&format!("wedge: {runs} agents are frozen for good, twice"));
    let (mut held, mut stopped) = (Frozen::default(), Frozen::default());
    for run in 0..runs {
        held.round(bench, farm, run, How::Held)?;
        stopped.round(bench, farm, run, How::Stopped)?;
    }
    for (what, frozen) in [("event loop held", held), ("agent stopped", stopped)] {
        let rows = [
            ("for good, to the end of that agent", frozen.ended),
            ("for good, to the positive answer of the next one", frozen.positive),
        ];
        for (until, times) in rows {
            bench.times.times(&format!("{what} {until}"), &times, None);
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Held,
    Stopped,
}

#[derive(Default)]
struct Frozen {
    ended: Samples,
    positive: Samples,
}

impl Frozen {
    fn round(&mut self, bench: &mut Bench, farm: &mut Farm, run: u32, how: How) -> Try<()> {
        // A guardian whose agents die one after the other waits longer and longer.
        let (pid, _) = ready(farm)?;
        let agent = farm.agent(0)?;
        agent.kill_host(pid)?;
        agent.start()?;
        let (pid, before) = ready(farm)?;
        let begin = clock::now();
        let held = match how {
            How::Held => Some(Wedge::hold(pid, pid)?),
            How::Stopped => {
                signal(pid, Signal::STOP);
                None
            }
        };
        while lives(pid) {
            if since(begin) > PATIENCE {
                return Err(Trouble::failed("nobody ends an agent that stands still"));
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let ended = since(begin);
        drop(held);
        let (next, after) = ready(farm)?;
        if next == pid || after != before {
            return Err(Trouble::failed("the application was not left alone"));
        }
        let mut probe = Probe::connect(farm.agent(0)?.health_address(), HEALTH_PATH)?;
        probe.ask_until(200, PATIENCE)?;
        let positive = since(begin);
        let figure = if how == How::Held { "loop_held_for_good" } else { "agent_stopped_for_good" };
        let times = json!({
            "run": run, "ended_us": micros(Some(ended)), "positive_us": micros(Some(positive)),
        });
        bench.record.line(figure, times)?;
        self.ended.add(Some(ended));
        self.positive.add(Some(positive));
        Ok(())
    }
}

/// Waits until the first node is ready; gives its agent and the processes of its application.
fn ready(farm: &mut Farm) -> Try<(u32, Vec<u32>)> {
    let state = farm
        .agent(0)?
        .wait("the module is ready", |state| is_ready(state) && !application(state).is_empty())?;
    Ok((state.agent_pid, application(&state)))
}

fn warm(farm: &mut Farm) -> Try<Probe> {
    let mut probe = Probe::connect(farm.agent(0)?.health_address(), HEALTH_PATH)?;
    for _ in 0..WARM {
        if probe.ask()? != 200 {
            return Err(Trouble::failed("the module was not ready before it was hurt"));
        }
    }
    Ok(probe)
}

fn since(begin: Instant) -> Duration {
    clock::now().saturating_duration_since(begin)
}
