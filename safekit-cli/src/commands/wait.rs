//! waitstart, waitstop and waitstate: ask again until the state is there, or can no longer come.

use std::time::Duration;

use safekit_core::control::ModuleReport;
use safekit_core::ids::ModuleName;
use safekit_core::module::state::{FarmState, Readiness};

use super::Context;
use crate::args::{Awaited, Output};
use crate::clock;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;

/// Time between two questions.
const POLL: Duration = Duration::from_millis(200);

/// What a report says about the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The state is there.
    Reached,
    /// The module is on its way.
    Pending,
    /// The module goes elsewhere: nobody brings the state.
    Never,
}

impl Awaited {
    fn state(self) -> FarmState {
        match self {
            Self::Stop => FarmState::Stop,
            Self::Up => FarmState::Up,
        }
    }

    fn readiness(self) -> Readiness {
        match self {
            Self::Stop => Readiness::NotReady,
            Self::Up => Readiness::Ready,
        }
    }
}

/// Waits.
///
/// # Errors
/// [`Exit::Refused`] where the state can no longer come or did not come in time; no agent, an unknown module.
pub(super) fn wait(
    context: &mut Context<'_>,
    module: &ModuleName,
    awaited: Awaited,
    timeout: Option<Duration>,
) -> Result<Exit, Failure> {
    let route = format!("module/{module}/state");
    // A time-out beyond what the clock can count is none.
    let deadline = timeout.and_then(|timeout| clock::now().checked_add(timeout));
    loop {
        let told = context.client.get::<ModuleReport>(&route)?;
        match verdict(awaited, &told.report) {
            Verdict::Reached if context.output == Output::Json => {
                return context.show(&told, |_| String::new());
            }
            Verdict::Reached => return Ok(Exit::Done),
            Verdict::Never => return Err(never(awaited, &told.report)),
            Verdict::Pending => {}
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(clock::now()));
        match left {
            Some(Duration::ZERO) => return Err(late(awaited, &told.report)),
            Some(left) => clock::sleep(left.min(POLL)),
            None => clock::sleep(POLL),
        }
    }
}

fn verdict(awaited: Awaited, report: &ModuleReport) -> Verdict {
    if report.state == awaited.state() && report.readiness == awaited.readiness() {
        Verdict::Reached
    } else if report.goal == awaited.state() {
        Verdict::Pending
    } else {
        Verdict::Never
    }
}

fn never(awaited: Awaited, report: &ModuleReport) -> Failure {
    let who = match awaited {
        Awaited::Up => "nobody starts it",
        Awaited::Stop => "nobody stops it",
    };
    let way = if report.readiness == Readiness::Transient {
        format!("is on its way to {}", report.goal)
    } else {
        format!("is {} ({})", report.state, report.readiness)
    };
    failure(format!("module {} {way}, and {who}", report.name), report)
}

fn late(awaited: Awaited, report: &ModuleReport) -> Failure {
    failure(
        format!(
            "module {} did not become {} ({}) in time: it is {} ({})",
            report.name,
            awaited.state(),
            awaited.readiness(),
            report.state,
            report.readiness
        ),
        report,
    )
}

fn failure(message: String, report: &ModuleReport) -> Failure {
    Failure::new(Exit::Refused, message).detail(format!("why: {}", render::plain(&report.why)))
}

#[cfg(test)]
mod tests;
