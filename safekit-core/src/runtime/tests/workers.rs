//! Workers, other threads, other descriptors.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::{Bench, FAILS, PANICS, app, clock, start_both, thread};
use crate::ids::ModuleName;
use crate::module::saved::{SavedBudget, SavedModule, SavedPhase};
use crate::module::script::{Script, ScriptEnd};
use crate::node::{Action, Input, Outcome, Output};
use crate::runtime::{Full, WatchToken};

fn saved(used: u32) -> SavedModule {
    SavedModule {
        phase: SavedPhase::Up,
        started: true,
        watched: Vec::new(),
        budget: SavedBudget { used, age_ms: 0 },
        may_still_run: false,
        errd_off: false,
        classes: std::collections::BTreeSet::new(),
    }
}

fn save(bench: &mut Bench, module: ModuleName, used: u32) -> crate::ids::ActionId {
    bench.act(Action::SaveModule { module, saved: saved(used) })
}

#[test]
fn what_is_to_be_kept_is_kept_in_order() {
    let mut bench = Bench::new();
    let ids: Vec<_> = (0..100).map(|used| save(&mut bench, app(), used)).collect();
    for id in ids {
        assert!(matches!(bench.outcome(id), Outcome::Done));
    }
    let kept: Vec<u32> =
        bench.kept.0.lock().unwrap().iter().map(|(_, saved)| saved.budget.used).collect();
    assert_eq!(kept, (0..100).collect::<Vec<u32>>());
}

#[test]
fn errors_and_panics_of_who_keeps_are_outcomes() {
    let mut bench = Bench::new();
    let [fails, panics, works] = [FAILS, PANICS, 1].map(|used| save(&mut bench, app(), used));
    let failed = |outcome| matches!(outcome, Outcome::Failed { error } if !error.is_empty());
    assert!(failed(bench.outcome(fails)));
    assert!(failed(bench.outcome(panics)));
    assert!(matches!(bench.outcome(works), Outcome::Done));
}

#[test]
fn an_input_of_another_thread_wakes_the_loop() {
    let mut bench = Bench::new();
    let sender = bench.edge.sender();
    let other = thread::spawn("other", move || {
        sender.send(Input::BalancerProbed(app())).unwrap();
    })
    .unwrap();
    // Without a deadline only the input can end this.
    while bench.inputs.is_empty() {
        bench.edge.wait(None, &mut bench.inputs).unwrap();
    }
    assert!(matches!(&bench.inputs[..], [Input::BalancerProbed(_)]));
    other.join().unwrap();
}

#[test]
fn a_full_channel_is_an_error_and_no_wait() {
    let mut bench = Bench::with(|config| config.inputs_max = 2);
    let sender = bench.edge.sender();
    assert_eq!(sender.send(Input::Leave), Ok(()));
    assert_eq!(sender.send(Input::Leave), Ok(()));
    assert_eq!(sender.send(Input::Leave), Err(Full));
    bench.turn(clock::now());
    assert_eq!(bench.inputs.len(), 2);
    assert_eq!(sender.send(Input::Leave), Ok(()));
    drop(bench);
    assert_eq!(sender.send(Input::Leave), Err(Full), "nobody is there any more");
}

#[test]
fn other_descriptors_are_reported_by_their_names() {
    let mut bench = Bench::new();
    let (here, mut there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let here = Arc::new(here);
    let token = WatchToken(7);
    bench.edge.watch(token, Box::new(Arc::clone(&here))).unwrap();
    bench.turn(clock::now());
    assert_eq!(bench.edge.poll_ready(), None);
    for _ in 0..2 {
        there.write_all(b"x").unwrap();
        bench.turn(clock::now() + super::PATIENCE);
        assert_eq!(bench.edge.poll_ready(), Some(token));
        assert_eq!(bench.edge.poll_ready(), None);
        let mut bytes = [0; 8];
        assert_eq!((&*here).read(&mut bytes).unwrap(), 1);
    }
    bench.edge.unwatch(token);
    there.write_all(b"x").unwrap();
    bench.turn(clock::now());
    assert_eq!(bench.edge.poll_ready(), None);
    let file = std::fs::File::open("/proc/self/stat").unwrap();
    assert!(bench.edge.watch(token, Box::new(file)).is_err(), "a file is never waited for");
}

#[test]
fn outputs_for_others_come_back() {
    let mut bench = Bench::new();
    assert!(matches!(bench.edge.perform(Output::Left), Some(Output::Left)));
}

#[test]
fn a_script_waits_until_what_was_kept_before_it_is_on_the_disk() {
    let mut bench = Bench::new();
    bench.script(Script::StartBoth, "#!/bin/sh\ntouch '{}/began'\n");
    let kept = Arc::clone(&bench.kept);
    let disk = kept.0.lock().unwrap();
    let saving = save(&mut bench, app(), 1);
    let run = bench.run(start_both());
    // Lists of processes come back meanwhile: the loop has turned, and the script could have begun.
    for _ in 0..5 {
        let scan = bench.act(Action::ScanProcesses);
        assert!(matches!(bench.outcome(scan), Outcome::Processes(_)));
    }
    assert!(!bench.folder.join("began").exists(), "the script has begun before");
    drop(disk);
    assert!(matches!(bench.outcome(saving), Outcome::Done));
    assert_eq!(bench.end(run).0, ScriptEnd::Exited { code: 0 });
}
