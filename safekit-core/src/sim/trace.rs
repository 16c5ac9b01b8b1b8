//! What happened last, and how a failure is told.

use std::collections::VecDeque;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use crate::ids::NodeId;

/// How many inputs and outputs a failure shows.
pub(super) const TRACE_MAX: usize = 50;

/// The last inputs and outputs.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    lines: VecDeque<Line>,
    keep: usize,
}

#[derive(Clone, Debug)]
struct Line {
    at: Duration,
    node: Option<NodeId>,
    what: What,
}

/// What is remembered. Datagrams are many: their sentence is made only when somebody reads it.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A datagram came in.
    Received { from: std::net::SocketAddr, size: usize },
    /// A datagram went out.
    Sent { to: std::net::SocketAddr, size: usize },
    /// Anything else.
    Said(String),
}

impl Trace {
    pub(super) fn new(keep: usize) -> Self {
        Self { lines: VecDeque::new(), keep }
    }

    pub(super) fn note(&mut self, at: Duration, node: Option<NodeId>, what: What) {
        if self.lines.len() >= self.keep {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { at, node, what });
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let node =
                line.node.map_or_else(|| "world".to_owned(), |id| format!("node {}", id.number()));
            let _: fmt::Result = match &line.what {
                What::Received { from, size } => {
                    writeln!(text, "{:>12.6?} {node} <- {size} bytes from {from}", line.at)
                }
                What::Sent { to, size } => {
                    writeln!(text, "{:>12.6?} {node} -> {size} bytes to {to}", line.at)
                }
                What::Said(words) => writeln!(text, "{:>12.6?} {node} {words}", line.at),
            };
        }
        text
    }
}

/// What did not hold in a simulated run, and how to see it again.
///
/// ```
/// use safekit_core::node::{Node, Start};
/// use safekit_core::sim::{Cast, Failure, World};
///
/// let mut world = World::new(0x1f3a, Cast::new(1), |birth| {
///     Node::new(birth.now, Start { counter: birth.counter, random: birth.random })
/// });
/// let ended: Result<(), Failure> = world.fail("nobody serves");
/// let told = ended.err().map(|failure| failure.to_string()).unwrap_or_default();
/// assert!(told.starts_with("seed 0x1f3a, step 0, after 0.000000ns: nobody serves"), "{told}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What fixes the run.
    pub seed: u64,
    /// After how many steps it failed.
    pub step: u64,
    /// After how much virtual time.
    pub at: Duration,
    /// What does not hold.
    pub what: String,
    /// The last inputs and outputs, one in each line.
    pub trace: String,
}

impl Failure {
    /// Makes the failure of a run that has told nothing but this, as one that panicked.
    #[must_use]
    pub fn of_seed(seed: u64, what: String) -> Self {
        Self { seed, step: 0, at: Duration::ZERO, what, trace: String::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {:#x}, step {}, after {:.6?}: {}",
            self.seed, self.step, self.at, self.what
        )?;
        f.write_str(&self.trace)?;
        write!(
            f,
            "replay: SAFEKIT_SEED={:#x} cargo test --profile sim -p safekit-farm --all-features --test sim -- --nocapture",
            self.seed
        )
    }
}

impl std::error::Error for Failure {}
