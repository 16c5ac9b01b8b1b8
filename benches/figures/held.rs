//! From the moment at which an agent's event loop stands still to the first negative health answer.

use std::time::Duration;

use safekit_benches::Try;
use safekit_benches::farm::{Farm, HEALTH_PATH};
use safekit_benches::hold::Holder;
use safekit_benches::probe::Probe;
use safekit_benches::record::micros;
use safekit_benches::samples::Samples;
use safekit_core::runtime::clock;
use serde_json::json;

use crate::{Bench, say};

/// A positive answer is given for so long after the loop has last said that it lives.
const GOAL: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);
/// How far apart in the loop's own period two runs begin.
const STEP: u64 = 7;
const PERIOD: u64 = 50;

pub(crate) fn measure(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let Some(mut holder) = Holder::new() else {
        say("python3 not installed: no loop is held");
        return Ok(());
    };
    let runs = bench.size.of(2_u64, 20, 100);
    say(&format!("event loop held: {runs} runs"));
    let agent = farm.agent(0)?;
    let pid = agent.state()?.agent_pid;
    let mut probe = Probe::connect(agent.health_address(), HEALTH_PATH)?;
    let mut samples = Samples::default();
    for run in 0..runs {
        probe.ask_until(200, PATIENCE)?;
        std::thread::park_timeout(Duration::from_millis(PERIOD + run * STEP % PERIOD));
        let begun = clock::now();
        holder.hold(pid)?;
        let answered = probe.ask_until(404, PATIENCE);
        let took = clock::now().saturating_duration_since(begun);
        holder.free(pid)?;
        answered?;
        samples.add(Some(took));
        bench.record.line("held", json!({ "run": run, "negative_us": micros(Some(took)) }))?;
    }
    bench.times.times("event loop held, to the negative health answer", &samples, Some(GOAL));
    probe.ask_until(200, PATIENCE)?;
    Ok(())
}
