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

pub(crate) fn measure(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let runs = bench.size.of(2, 50, 200);
    say(&format!("process: {runs} runs"));
    let (mut negative, mut positive) = (Samples::default(), Samples::default());
    let agent = farm.agent(0)?;
    for run in 0..runs {
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
        let asked = probe.ask_until(404, PATIENCE)?;
        let down = clock::now().saturating_duration_since(begin);
        probe.ask_until(200, PATIENCE)?;
        let up = clock::now().saturating_duration_since(begin);
        let times = json!({
            "run": run, "negative_us": micros(Some(down)), "answers_until": asked,
            "positive_us": micros(Some(up)),
        });
        bench.record.line("process_killed", times)?;
        negative.add(Some(down));
        positive.add(Some(up));
    }
    bench.times.times("application killed, to the negative health answer", &negative, None);
    bench.times.times("application killed, to the positive health answer", &positive, None);
    Ok(())
}
