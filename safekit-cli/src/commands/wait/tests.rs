use super::*;

fn report(state: FarmState, readiness: Readiness, goal: FarmState) -> ModuleReport {
    ModuleReport {
        name: "web".to_owned(),
        mode: "farm".to_owned(),
        errd: "on".to_owned(),
        classes: Vec::new(),
        state,
        readiness,
        goal,
        reason: "starting".to_owned(),
        why: "4th process fault within 24 h".to_owned(),
        since: String::new(),
        participants: Vec::new(),
        share: 0,
        script: None,
        last_scripts: Vec::new(),
        drain_left_ms: None,
        loop_used: 0,
        loop_max: 3,
        watched: Vec::new(),
        boot: "ignore".to_owned(),
        signature: String::new(),
        faults: Vec::new(),
        script_lines: Vec::new(),
    }
}

#[test]
fn verdicts() {
    use FarmState::{Stop, Up, Wait};
    use Readiness::{NotReady, Ready, Transient};
    let table = [
        // What is waited for, state, readiness, where it goes; the verdict.
        (Awaited::Up, Up, Ready, Up, Verdict::Reached),
        (Awaited::Up, Up, Transient, Up, Verdict::Pending),
        (Awaited::Up, Wait, Transient, Up, Verdict::Pending),
        (Awaited::Up, Wait, NotReady, Up, Verdict::Pending),
        // Stopped until its boot delay has passed.
        (Awaited::Up, Stop, NotReady, Up, Verdict::Pending),
        // Nobody starts it, or maxloop has stopped it.
        (Awaited::Up, Stop, NotReady, Stop, Verdict::Never),
        (Awaited::Up, Wait, Transient, Stop, Verdict::Never),
        // Draining: it serves, but it is being stopped.
        (Awaited::Up, Up, Transient, Stop, Verdict::Never),
        (Awaited::Stop, Stop, NotReady, Stop, Verdict::Reached),
        (Awaited::Stop, Wait, Transient, Stop, Verdict::Pending),
        (Awaited::Stop, Up, Transient, Stop, Verdict::Pending),
        (Awaited::Stop, Up, Ready, Up, Verdict::Never),
        (Awaited::Stop, Wait, NotReady, Up, Verdict::Never),
        (Awaited::Stop, Up, Transient, Up, Verdict::Never),
    ];
    for (awaited, state, readiness, goal, expected) in table {
        let verdict = verdict(awaited, &report(state, readiness, goal));
        assert_eq!(verdict, expected, "{awaited:?} of {state} ({readiness}) to {goal}");
    }
}

#[test]
fn end_of_a_vain_wait_says_why() {
    let stopped = report(FarmState::Stop, Readiness::NotReady, FarmState::Stop);
    let failure = never(Awaited::Up, &stopped);
    assert_eq!(failure.exit, Exit::Refused);
    assert_eq!(failure.message, "module web is STOP (NotReady), and nobody starts it");
    assert_eq!(failure.details, ["why: 4th process fault within 24 h"]);
    let stopping = report(FarmState::Wait, Readiness::Transient, FarmState::Stop);
    assert_eq!(
        never(Awaited::Up, &stopping).message,
        "module web is on its way to STOP, and nobody starts it"
    );
}
