//! What is right by itself and wrong, or doubtful, together: the service itself, what is watched, checkers, failover rules. Reads values,
//! tells faults; builds nothing.
//!
//! Work grows with the number of elements times its logarithm. Not here: what other files have to say (`module`).

mod proc;
mod vip;

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::Checked;
use super::diagnostic::{Code, Named, Place, Report, Said};
use super::duration::{self, Unit};
use super::module::once;
use super::rules;
pub(super) use proc::check_proc;
pub(super) use vip::check_vip;

/// How long HAProxy needs by default to notice a negative health answer: three checks, two seconds apart.
const DEFAULT_PROBER: Duration = Duration::from_secs(6);

/// Looks at what the attributes of `<service>` have to do with each other, and with balancers.
pub(super) fn check_service(service: &Checked, report: &mut Report<'_>) {
    let drain = service.duration("drain").unwrap_or_default();
    if !drain.is_zero() && drain < DEFAULT_PROBER {
        report.warning(service.value_at("drain"), Code::Doubtful, || {
            let drain = duration::text(drain, Unit::Second);
            let message = format!(
                "drain {drain} is shorter than the 6s that HAProxy needs by default to notice that a node is going"
            );
            Said::new(message).hint(
                "make it longer than the interval of the balancer times its failures, plus one time-out; 0: no drain; see docs/reference/userconfig.md",
            )
        });
    }
    let delayed = service.duration("boot_delay").is_some_and(|delay| !delay.is_zero());
    if delayed && service.word("boot") == Some("off") {
        report.warning(service.value_at("boot_delay"), Code::Doubtful, || {
            Said::new("boot_delay has nothing to delay: with boot=\"off\" the module never starts with the host")
                .hint("leave it out, or write another boot")
        });
    }
}

/// Looks at `<check>` and `<failover>`. Returns the programs that are named.
pub(super) fn check_checkers(service: &Checked, report: &mut Report<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for check in service.children("check") {
        for element in ["tcp", "ping", "intf", "ip", "custom"] {
            let mut seen = BTreeMap::new();
            for checker in check.children(element) {
                if let Some(ident) = checker.text("ident") {
                    once(&mut seen, element, ident, checker.value_at("ident"), report);
                }
                check_action(checker, report);
                if let Some(file) = checker.text("exec") {
                    places.push(report.place(checker.value_at("exec"), Named::Program, file));
                }
            }
        }
        check_modules(check, report);
    }
    if let Some(failover) = service.child("failover") {
        check_times(failover, report);
        rules::check(&failover.text, &known_resources(service), report);
    }
    places
}

/// Returns the names that resources have by the checkers and the process monitor of the file. Interfaces, addresses and other modules
/// get names that follow from elsewhere.
fn known_resources(service: &Checked) -> rules::Known<'_> {
    let checkers = ["tcp", "ping", "custom"].into_iter().map(|class| {
        let checkers = service.children("check").flat_map(move |check| check.children(class));
        (class, checkers.filter_map(|checker| checker.text("ident")).collect())
    });
    let procs = service.children("errd").flat_map(|errd| errd.children("proc"));
    let procs = ("proc", procs.filter_map(|proc| proc.text("name")).collect());
    checkers.chain([procs]).collect()
}

/// Refuses an action that cannot follow at the time of the check.
fn check_action(checker: &Checked, report: &mut Report<'_>) {
    let (Some(when), Some(action)) = (checker.word("when"), checker.word("action")) else { return };
    let (allowed, fits) = match (when, action) {
        (_, "noaction") => return,
        ("pre", "wait") => return,
        ("pre", _) => ("wait, noaction", false),
        (_, action) => ("restart, stopstart, stop, noaction", action != "wait"),
    };
    if !fits {
        report.error(checker.value_at("action"), Code::Contradiction, || {
            Said::new(format!("action '{action}' does not go with when=\"{when}\""))
                .hint(format!("allowed: {allowed}"))
        });
    }
}

/// Looks at checkers of other modules, whose name may follow from what they check.
fn check_modules(check: &Checked, report: &mut Report<'_>) {
    let named = |checker: &Checked| {
        let address = checker.child("to").and_then(|to| to.host("addr")).map(ToString::to_string);
        let address = address.unwrap_or_else(|| "127.0.0.1".to_owned());
        match checker.text("ident") {
            Some(ident) => Some((ident.to_owned(), checker.value_at("ident"))),
            None => Some((format!("{}_{address}", checker.text("name")?), checker.at)),
        }
    };
    let idents: Vec<(String, usize)> = check.children("module").filter_map(named).collect();
    let mut seen = BTreeMap::new();
    for (ident, at) in &idents {
        once(&mut seen, "module", ident, *at, report);
    }
}

/// Refuses a time that no number of evaluations makes up.
fn check_times(failover: &Checked, report: &mut Report<'_>) {
    let (Some(period), Some(handle)) =
        (failover.duration("period"), failover.duration("handle_time"))
    else {
        return;
    };
    let rest = handle.as_micros().checked_rem(period.as_micros());
    if rest.is_some_and(|rest| rest > 0) {
        report.error(failover.value_at("handle_time"), Code::Contradiction, || {
            let text = |time| duration::text(time, Unit::Millisecond);
            let (period, handle) = (text(period), text(handle));
            Said::new(format!("handle_time {handle} is not a multiple of period {period}"))
        });
    }
}
