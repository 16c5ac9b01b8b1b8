//! How long the health answer stays positive after the application was killed, and when it is positive again.

use std::time::Duration;

use rustix::process::Signal;
use safekit_benches::farm::{Farm, HEALTH_PATH, application, is_ready, signal};
use safekit_benches::probe::Probe;
use safekit_benches::record::micros;
use safekit_benches::samples::Samples;
use safekit_benches::{Trouble, Try};
use safekit_core::runtime::clock;
use serde_json::json;

use crate::{Bench, say};

const PATIENCE: Duration = Duration::from_secs(30);
/// Answers before the application is killed: the connection is warm.
const WARM: usize = 100;
/// The time in which the answer is to be negative, p99.
const GOAL: Duration = Duration::from_millis(10);

pub(crate) fn measure(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let runs = bench.size.of(2, 50, 100);
    say(&format!("process: {runs} runs"));
    let (mut negative, mut positive) = (Samples::default(), Samples::default());
    for run in 0..runs {
        let killed = kill(farm, run)?;
        let times = json!({
            "run": run, "negative_us": micros(Some(killed.negative)),
            "answers_until": killed.answers, "positive_us": micros(Some(killed.positive)),
        });
        bench.record.line("process_killed", times)?;
        negative.add(Some(killed.negative));
        positive.add(Some(killed.positive));
    }
    bench.times.times("application killed, to the negative health answer", &negative, Some(GOAL));
    bench.times.times("application killed, to the positive health answer", &positive, None);
    Ok(())
}

/// What came of killing the application.
pub(crate) struct Killed {
    /// From before the signal to the first negative answer.
    pub(crate) negative: Duration,
    /// So many answers were read until then.
    pub(crate) answers: usize,
    /// From before the signal to the first positive answer after it.
    pub(crate) positive: Duration,
}

/// Kills the application of the first module on the first node, once it is ready.
pub(crate) fn kill(farm: &mut Farm, run: u64) -> Try<Killed> {
    let agent = farm.agent(0)?;
    let state = agent.wait("the module is ready again", |state| {
        is_ready(state) && !application(state).is_empty()
    })?;
    let pids = application(&state);
    let pid = pids.first().copied().ok_or_else(|| Trouble::failed("no application"))?;
    // Another part of the agent's own rhythm each time.
    std::thread::park_timeout(Duration::from_millis(100 + run * 13 % 50));
    let mut probe = Probe::connect(agent.health_address(), HEALTH_PATH)?;
    for _ in 0..WARM {
        if probe.ask()? != 200 {
            return Err(Trouble::failed("the module was not ready before it was hurt"));
        }
    }
    let begin = clock::now();
    signal(pid, Signal::KILL);
    let answers = probe.ask_until(404, PATIENCE)?;
    let negative = clock::now().saturating_duration_since(begin);
    probe.ask_until(200, PATIENCE)?;
    let positive = clock::now().saturating_duration_since(begin);
    Ok(Killed { negative, answers, positive })
}
