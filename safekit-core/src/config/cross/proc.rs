//! A `<proc>` that is a service of the host: it has no command line, and there is one of it or none.

use crate::config::check::Checked;
use crate::config::diagnostic::{Code, Report, Said, quoted};
use crate::config::value::service_name;

/// Looks at what the attributes of a `<proc>` have to do with `service`.
pub(in crate::config) fn check_proc(proc: &Checked, report: &mut Report<'_>) {
    match proc.word("service") {
        Some("yes") => check_service(proc, report),
        Some(_) if proc.text("restart_services").is_some() => {
            report.error(proc.value_at("restart_services"), Code::Contradiction, || {
                Said::new("restart_services is about a service, and this is a process")
                    .hint("write service=\"yes\", or leave it out")
            });
        }
        Some(_) | None => {}
    }
}

fn check_service(proc: &Checked, report: &mut Report<'_>) {
    let name = proc.text("name").unwrap_or_default();
    if let (false, Err(why)) = (name.is_empty(), service_name(name)) {
        report.error(proc.value_at("name"), Code::BadValue, || {
            Said::new(format!("name {} {why}", quoted(name)))
                .hint("service=\"yes\" asks for that of a service")
        });
    }
    for attribute in ["nameregex", "argregex"] {
        if proc.text(attribute).is_some() {
            report.error(proc.value_at(attribute), Code::Contradiction, || {
                Said::new(format!("{attribute} is about processes, and this is a service"))
                    .hint("leave it out, or write service=\"no\"")
            });
        }
    }
    if proc.number("atleast").is_some_and(|least| least > 1) {
        report.error(proc.value_at("atleast"), Code::Contradiction, || {
            Said::new("of a service one is running or none: atleast is always missed")
                .hint("write 1, or -1 where it need not run")
        });
    }
    if proc.number("atmax").is_some_and(|most| most > 1) {
        report.warning(proc.value_at("atmax"), Code::NoEffect, || {
            Said::new("of a service one is running or none: atmax is never reached")
                .hint("0: it must not run; -1: not tested")
        });
    }
    let services = proc.text("restart_services").is_some();
    if let Some(action) = proc.text("action").filter(|action| services && *action != "restart") {
        report.error(proc.value_at("restart_services"), Code::Contradiction, || {
            Said::new(format!("restart_services goes with action=\"restart\", not with '{action}'"))
                .hint("leave it out, or write action=\"restart\"")
        });
    }
}
