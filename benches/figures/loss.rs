//! How long the others need when a node dies: its agent alone, or the whole host.
//!
//! Two agents, and the observer as the third member. Each round kills the second agent, waits until its guardian has
//! started it again and it shares again, then kills guardian and agent, and starts both again.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use safekit_benches::farm::{Farm, signal};
use safekit_benches::observer::{Observer, Sight, Sighting};
use safekit_benches::record::{joined, micros};
use safekit_benches::samples::Samples;
use safekit_benches::{Trouble, Try};
use safekit_core::ids::NodeId;
use safekit_core::membership::MemberState;
use safekit_core::runtime::clock;
use serde_json::{Value, json};

use crate::{Bench, say};

/// What is never seen within this time never comes.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a planned run of a farm has: nodes have been there for a while.
const SETTLE: Duration = Duration::from_millis(300);

pub(crate) fn measure(bench: &mut Bench) -> Try<()> {
    let rounds = bench.size.of(2, 30, 100);
    say(&format!("loss: {rounds} rounds"));
    let mut farm = Farm::start(&bench.agent, 2, 3)?;
    farm.start_module()?;
    let observer = Observer::join(&farm.agent(0)?.cluster_folder(), 3)?;
    let victim = NodeId::new(2).ok_or_else(|| Trouble::failed("no such node"))?;
    let mut rounds_of = Loss { observer, victim, figures: Figures::default() };
    for round in 0..rounds {
        rounds_of.round(bench, &mut farm, round)?;
    }
    let Figures { letter, left, view, shared, dead, dead_view } = rounds_of.figures;
    let millis = |millis| Some(Duration::from_millis(millis));
    bench.times.times("agent killed, to its letter", &letter, None);
    bench.times.times("agent killed, to 'member left'", &left, None);
    bench.times.times("agent killed, to the view without it", &view, millis(10));
    bench.times.times("agent heard again, to the view with it", &shared, millis(150));
    bench.times.times("guardian and agent killed, to 'member lost'", &dead, None);
    bench.times.times(
        "guardian and agent killed, to the view without it",
        &dead_view,
        millis(1100),
    );
    Ok(())
}

#[derive(Default)]
struct Figures {
    letter: Samples,
    left: Samples,
    view: Samples,
    shared: Samples,
    dead: Samples,
    dead_view: Samples,
}

struct Loss {
    observer: Observer,
    victim: NodeId,
    figures: Figures,
}

impl Loss {
    fn round(&mut self, bench: &mut Bench, farm: &mut Farm, round: u32) -> Try<()> {
        self.settle(round)?;
        let pid = farm.agent(1)?.state()?.agent_pid;
        let death = Death::of(&mut self.observer, pid, self.victim, PATIENCE);
        bench.record.line("agent_killed", joined(json!({ "round": round }), death.fields()))?;
        self.figures.letter.add(death.letter);
        self.figures.left.add(death.left);
        self.figures.view.add(death.view);
        self.figures.shared.add(death.again);
        self.dead_host(bench, farm, round)
    }

    fn dead_host(&mut self, bench: &mut Bench, farm: &mut Farm, round: u32) -> Try<()> {
        self.settle(round.wrapping_add(7))?;
        let agent = farm.agent(1)?;
        let pid = agent.state()?.agent_pid;
        self.observer.forget();
        let begin = clock::now();
        agent.kill_host(pid)?;
        let victim = self.victim;
        let seen = self.observer.until(PATIENCE, |sight| without(victim, sight));
        let dead = since(&seen, begin, |sight| {
            stands(sight, victim, MemberState::Lost) || stands(sight, victim, MemberState::Left)
        });
        let view = since(&seen, begin, |sight| without(victim, sight));
        let times = json!({ "round": round, "lost_us": micros(dead), "view_us": micros(view) });
        bench.record.line("host_killed", times)?;
        self.figures.dead.add(dead);
        self.figures.dead_view.add(view);
        // A new guardian: the next agent that dies is started again at once.
        agent.start()
    }

    /// Waits until all are there, and for another part of a pulse each time.
    fn settle(&mut self, round: u32) -> Try<()> {
        self.observer.wait_members(3, PATIENCE)?;
        let phase = Duration::from_millis(u64::from(round.wrapping_mul(37) % 100));
        std::thread::park_timeout(SETTLE + phase);
        self.observer.wait_members(3, PATIENCE)
    }
}

/// How long the observer needed to see that an agent was killed, and that the next one was there; `None`: it never did.
pub(crate) struct Death {
    /// To the letter of its guardian.
    pub(crate) letter: Option<Duration>,
    /// To the word that it has left.
    pub(crate) left: Option<Duration>,
    /// To the view without it.
    pub(crate) view: Option<Duration>,
    /// From the first word of the next agent to the view with it.
    pub(crate) again: Option<Duration>,
}

impl Death {
    /// Kills an agent.
    pub(crate) fn of(
        observer: &mut Observer,
        pid: u32,
        victim: NodeId,
        patience: Duration,
    ) -> Self {
        observer.forget();
        let begin = clock::now();
        signal(pid, Signal::KILL);
        let mut lost = false;
        let seen = observer.until(patience, |sight| {
            lost |= without(victim, sight);
            lost && with(victim, sight)
        });
        // Another member may tell of the end before the letter itself is here: each is looked for by itself.
        let letter = |sight: &Sight| matches!(sight, Sight::Datagram { letter: Some(node), .. } if *node == victim);
        Self {
            letter: since(&seen, begin, letter),
            left: since(&seen, begin, |sight| stands(sight, victim, MemberState::Left)),
            view: since(&seen, begin, |sight| without(victim, sight)),
            again: shared_again(&seen, victim),
        }
    }

    /// Returns it as raw numbers.
    pub(crate) fn fields(&self) -> Value {
        json!({
            "letter_us": micros(self.letter), "left_us": micros(self.left),
            "view_us": micros(self.view), "shared_again_us": micros(self.again),
        })
    }
}

/// Returns how long it took from the first word of the next agent to the view with it, the last that was seen.
fn shared_again(seen: &[Sighting], victim: NodeId) -> Option<Duration> {
    let heard = seen.iter().find(|sighting| {
        stands(&sighting.sight, victim, MemberState::Joining)
            || stands(&sighting.sight, victim, MemberState::Alive)
    })?;
    let last = seen.last().filter(|last| with(victim, &last.sight))?;
    Some(last.at.saturating_duration_since(heard.at))
}

fn since(seen: &[Sighting], begin: Instant, wanted: impl Fn(&Sight) -> bool) -> Option<Duration> {
    let first = seen.iter().find(|sighting| wanted(&sighting.sight))?;
    Some(first.at.saturating_duration_since(begin))
}

fn stands(sight: &Sight, victim: NodeId, wanted: MemberState) -> bool {
    matches!(sight, Sight::Member { member, state } if *member == victim && *state == wanted)
}

fn without(victim: NodeId, sight: &Sight) -> bool {
    matches!(sight, Sight::View(members) if !members.contains(&victim))
}

fn with(victim: NodeId, sight: &Sight) -> bool {
    matches!(sight, Sight::View(members) if members.contains(&victim))
}
