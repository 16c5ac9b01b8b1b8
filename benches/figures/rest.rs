//! What a node costs while nothing happens.
//!
//! Processor time and memory of guardian and agent in a farm of three agents. Then the observer takes the third node's
//! place and counts what the other two send it: each sends the same to both of the others.

use std::time::Duration;

use safekit_benches::farm::Farm;
use safekit_benches::observer::{Observer, Sight};
use safekit_benches::samples::{median, number};
use safekit_benches::{Trouble, Try, usage};
use safekit_core::runtime::clock;
use serde_json::json;

use crate::{Bench, say};

const PATIENCE: Duration = Duration::from_secs(30);

const COLUMNS: [&str; 3] = ["at rest, per node", "measured", "goal"];

pub(crate) fn measure(bench: &mut Bench, farm: &mut Farm) -> Try<()> {
    let time = Duration::from_secs(bench.size.of(2, 30, 120));
    say(&format!("rest: twice {time:?}"));
    std::thread::park_timeout(Duration::from_secs(2));
    processor_and_memory(bench, farm, time)?;
    let third = farm.agent(2)?;
    let pid = third.state()?.agent_pid;
    third.kill_host(pid)?;
    let mut observer = Observer::join(&farm.agent(0)?.cluster_folder(), 3)?;
    observer.wait_members(3, PATIENCE)?;
    std::thread::park_timeout(Duration::from_secs(2));
    observer.forget();
    let seen = observer.until(time, |_| false);
    let mut sizes = Vec::new();
    for sighting in seen {
        if let Sight::Datagram { size_bytes, .. } = sighting.sight {
            sizes.push(size_bytes);
        }
    }
    let packets = number(sizes.len()) / time.as_secs_f64();
    let bytes = number(sizes.iter().sum()) / time.as_secs_f64();
    bench.record.line("rest_sent", json!({ "packets_per_s": packets, "bytes_per_s": bytes }))?;
    // Two nodes send to the observer, and each of them as much to one other node.
    if sizes.is_empty() {
        return Err(Trouble::failed("no datagram was heard: the nodes are not at rest but dead"));
    }
    row(bench, "UDP packets sent", format!("{packets:.1}/s"), "25/s", packets < 25.0);
    row(bench, "UDP payload sent", format!("{bytes:.0} B/s"), "4000 B/s", bytes < 4000.0);
    Ok(())
}

fn processor_and_memory(bench: &mut Bench, farm: &Farm, time: Duration) -> Try<()> {
    let mut pids = Vec::new();
    for agent in &farm.agents {
        let state = agent.state()?;
        pids.push((state.agent_pid, state.guardian_pid));
    }
    let spent = || -> Vec<Duration> {
        let time = |(agent, guardian): &(u32, u32)| {
            usage::cpu_time(*agent).saturating_add(usage::cpu_time(*guardian))
        };
        pids.iter().map(time).collect()
    };
    let (begin, before) = (clock::now(), spent());
    std::thread::park_timeout(time);
    let after = spent();
    let elapsed = clock::now().saturating_duration_since(begin).as_secs_f64();
    let (mut percents, mut resident, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for (((agent, guardian), before), after) in pids.iter().zip(before).zip(after) {
        let percent = 100.0 * after.saturating_sub(before).as_secs_f64() / elapsed;
        let (of_agent, of_guardian) = (usage::memory(*agent), usage::memory(*guardian));
        bench.record.line(
            "rest",
            json!({
                "cpu_percent": percent, "agent_rss_kib": of_agent.0, "agent_pss_kib": of_agent.1,
                "guardian_rss_kib": of_guardian.0, "guardian_pss_kib": of_guardian.1,
            }),
        )?;
        if of_agent.0 == 0 || of_guardian.0 == 0 {
            return Err(Trouble::failed("an agent has ended meanwhile"));
        }
        percents.push(percent);
        resident.push(mebibytes(of_agent.0 + of_guardian.0));
        shares.push(mebibytes(of_agent.1 + of_guardian.1));
    }
    let percent = median(percents);
    row(bench, "CPU of one core", format!("{percent:.2} %"), "0.3 %", percent < 0.3);
    let (resident, share) = (median(resident), median(shares));
    let text = format!("{resident:.1} MiB resident, {share:.1} MiB proportional");
    row(bench, "memory with the guardian", text, "16 MiB", resident < 16.0);
    Ok(())
}

fn row(bench: &mut Bench, what: &str, measured: String, goal: &str, met: bool) {
    let verdict = if met { "met" } else { "missed" };
    bench.row(&COLUMNS, [what.to_owned(), measured, format!("{goal}: {verdict}")]);
}

fn mebibytes(kibibytes: u64) -> f64 {
    f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)) / 1024.0
}
