use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::config::module;
use crate::control::{Command, ModuleCommand, Origin, WatchSwitch};
use crate::ids::{
    ActionId, CommandId, Epoch, LanId, LanSet, ModuleName, NodeId, NodeName, ProcessId,
};
use crate::membership::{MembershipConfig, NodeConfig};
use crate::module::BudgetChange;
use crate::module::saved::{SavedBudget, SavedModule, SavedPhase};
use crate::module::script::{Script, ScriptEnd};
use crate::module::watch::{ProcessInfo, ServiceInfo, ServiceState, Services};
use crate::node::{AgentStart, ModuleSetup, Node, Outcome};
use crate::wire::{Key, KeyRing};

const START: Start = Start { counter: 3, random: 9 };

fn web() -> ModuleName {
    ModuleName::new("web").unwrap()
}

fn cluster() -> MembershipConfig {
    let node = |number| {
        let name = NodeName::new(&format!("node{number}")).unwrap();
        let address = format!("[::1]:{}", 4800 + number).parse().unwrap();
        let addresses = [(LanId::new(0).unwrap(), address)].into();
        (NodeId::new(number).unwrap(), NodeConfig { name, addresses })
    };
    let mut config = MembershipConfig::new(NodeId::new(1).unwrap(), (1..=2).map(node).collect());
    config.keys = KeyRing { cluster: 5, keys: vec![Key::new([0xab; 32])] };
    config.lost_after_lowest = Some(Duration::from_millis(700));
    config
}

fn setup(saved: Option<SavedModule>) -> ModuleSetup {
    let text = br#"<safe><service mode="farm"><farm><lan name="default"/></farm>
        <user><var name="GREETING" value="a &lt;b&gt; 100%"/></user>
        <errd><proc name="web" argregex="a b" class="pre"/></errd></service></safe>"#;
    let config = module::parse(&web(), "userconfig.xml", text, &|_| None).model.unwrap();
    ModuleSetup {
        config: Arc::new(config),
        scripts: [Script::StartBoth, Script::Transition].into(),
        lans: LanSet(3),
        sharing: 8,
        saved,
        start: AgentStart::SameBoot,
    }
}

fn ended(end: ScriptEnd) -> Outcome {
    Outcome::Script {
        end,
        duration: Duration::from_nanos(1_500_000_001),
        userlog: Some(String::new()),
    }
}

fn switches() -> [Input; 4] {
    let class = || "my class".to_owned();
    let switches = [
        WatchSwitch::On,
        WatchSwitch::Off,
        WatchSwitch::Enable(class()),
        WatchSwitch::Disable(class()),
    ];
    switches.map(|switch| {
        let origin = Origin::User("x".to_owned());
        Input::SwitchReceived { id: CommandId(7), module: web(), switch, origin }
    })
}

/// Every input there is, with whatever is hard to write.
fn services(id: ProcessId) -> Services {
    let services = ServiceState::ALL.into_iter().zip([Some(id), None].into_iter().cycle());
    let services = services.map(|(state, main)| {
        (format!("{state:?} @"), ServiceInfo { state, said: "a (b)\n".to_owned(), main })
    });
    services.collect::<BTreeMap<_, _>>().into()
}

fn inputs() -> Vec<Input> {
    let id = ProcessId { pid: 77, started: u64::MAX };
    let info = ProcessInfo {
        id,
        parent_pid: 1,
        name: "a b".to_owned(),
        executable: "é%".to_owned(),
        arguments: vec![String::new(), "-".to_owned(), "line\nline".to_owned()],
    };
    let saved = SavedModule {
        phase: SavedPhase::Restarting,
        started: true,
        watched: vec![id],
        budget: SavedBudget { used: 2, age_ms: 4 },
        may_still_run: true,
        errd_off: true,
        classes: ["a b".to_owned(), String::new()].into(),
    };
    let mut moved = setup(None);
    moved.start = AgentStart::ClusterChanged;
    let mut inputs = vec![
        Input::ClusterConfigured(Box::new(cluster())),
        Input::ModuleConfigured(Box::new(setup(None))),
        Input::ModuleConfigured(Box::new(setup(Some(saved)))),
        Input::ModuleConfigured(Box::new(moved)),
        Input::DatagramReceived {
            lan: LanId::new(1).unwrap(),
            from: "127.0.0.1:9".parse().unwrap(),
            bytes: vec![0, 255],
        },
        Input::ClusterRemoved,
        Input::ModuleRemoved(web()),
        Input::BudgetChanged { module: web(), change: BudgetChange::Counted },
        Input::BudgetChanged { module: web(), change: BudgetChange::Reset },
        Input::Armed { epoch: Epoch(4) },
        Input::ProcessExited(id),
        Input::BalancerProbed(web()),
        Input::Leave,
    ];
    let origins = [
        Origin::User("x y".to_owned()),
        Origin::Detector("-".to_owned()),
        Origin::Errd,
        Origin::Maxloop,
        Origin::Boot,
        Origin::Shutdown,
        Origin::Automatic,
    ];
    let commands =
        [Command::Start, Command::Stop, Command::Restart, Command::Stopstart, Command::Forcestop];
    for (origin, command) in origins.into_iter().zip(commands.into_iter().cycle()) {
        let command = ModuleCommand { module: web(), command, origin };
        inputs.push(Input::CommandReceived { id: CommandId(6), command });
    }
    inputs.extend(switches());
    let outcomes = [
        Outcome::Done,
        Outcome::Failed { error: "no\tspace".to_owned() },
        Outcome::Processes([info].into()),
        Outcome::Services(services(id)),
        ended(ScriptEnd::Exited { code: -1 }),
        ended(ScriptEnd::Signalled { signal: 9 }),
        ended(ScriptEnd::TimedOut),
        ended(ScriptEnd::Ended),
        ended(ScriptEnd::NotStarted { error: "gone".to_owned() }),
    ];
    let finished = |outcome| Input::ActionFinished { id: ActionId(u64::MAX), outcome };
    inputs.extend(outcomes.map(finished));
    inputs
}

fn recorded() -> (Recorder<Node>, Instant) {
    let base = crate::sim_clock_base();
    (Recorder::new(Node::new(base, START), START), base)
}

#[test]
fn every_input_is_read_as_it_was_written() {
    let (mut recorder, base) = recorded();
    for (number, input) in (0..).zip(inputs()) {
        recorder.handle_input(base + Duration::from_nanos(number), input);
    }
    let text = recorder.take_text();
    assert!(!text.contains("abab"), "no key is in a recording:\n{text}");
    let recording = Recording::read(&text, &[Key::new([0xab; 32])]).unwrap();
    assert!(recording.is_complete());
    assert_eq!(recording.start(), START);
    let read = recording.calls().iter().map(|call| (call.at, call.input.clone()));
    let told = (0..).zip(inputs()).map(|(at, input)| (Duration::from_nanos(at), Some(input)));
    let (read, told): (Vec<_>, Vec<_>) = (read.collect(), told.collect());
    assert_eq!(format!("{read:#?}"), format!("{told:#?}"));
}

#[test]
fn a_replay_gives_what_the_first_run_gave() {
    let (mut recorder, base) = recorded();
    let mut given = Vec::new();
    for (number, input) in (0..).zip(inputs()) {
        let now = base + Duration::from_millis(number * 40);
        recorder.handle_input(now, input);
        recorder.handle_timeout(now);
        while let Some(output) = recorder.poll_output() {
            given.push(format!("{output:?}"));
        }
    }
    assert!(given.len() > 5, "{given:#?}");
    let recording = Recording::read(recorder.text(), &[Key::new([0xab; 32])]).unwrap();
    let mut node = Node::new(base, recording.start());
    // Another base: the same all the same.
    let again = recording.replay(base + Duration::from_secs(77), &mut node);
    let again: Vec<String> = again.into_iter().map(|(_, output)| format!("{output:?}")).collect();
    assert_eq!(again, given);
}

#[test]
fn a_full_recorder_says_so_and_goes_on_without() {
    let (mut recorder, base) = recorded();
    recorder.text_bytes_max = recorder.text.len() + 20;
    for _ in 0..10 {
        recorder.handle_timeout(base);
    }
    let text = recorder.take_text();
    assert_eq!(text.lines().last(), Some("0 full"));
    let recording = Recording::read(&text, &[]).unwrap();
    assert!(!recording.is_complete());
    assert!(recording.calls().len() > 1);
}

#[test]
fn what_no_recorder_wrote_is_refused_with_its_line() {
    let line = |line, what| RecordError::Line { line, what };
    for (text, error) in [
        ("", RecordError::NotARecording),
        ("something\n", RecordError::NotARecording),
        ("safekit-record x 1 2\n", RecordError::NotARecording),
        ("safekit-record 2 1 2\n", RecordError::OtherVersion { version: 2 }),
        ("safekit-record 1 1\n", line(1, "the random number of the start")),
        ("safekit-record 1 1 2\n5 turn\n4 turn\n", line(3, "a time that does not go back")),
        ("safekit-record 1 1 2\n5 dance\n", line(2, "a kind of call")),
        ("safekit-record 1 1 2\n5 turn again\n", line(2, "the end of the line")),
        ("safekit-record 1 1 2\n5 armed -1\n", line(2, "an epoch")),
        ("safekit-record 1 1 2\n5 finished 1 failed =%4\n", line(2, "an error")),
        (
            "safekit-record 1 1 2\n5 datagram 0 1.2.3.4:5 =abc\n",
            line(2, "bytes in hexadecimal digits"),
        ),
        ("safekit-record 1 1 2\n5 finished 1 processes 9999999999\n", line(2, "a process")),
        (
            "safekit-record 1 1 2\n5 cluster 1 1 1 - 5 1 0 0\n",
            line(2, "as many keys as the cluster had"),
        ),
    ] {
        assert_eq!(Recording::read(text, &[]).unwrap_err(), error, "{text}");
    }
    let cut = Recording::read("safekit-record 1 1 2\n5 turn\n6 tu", &[]).unwrap();
    assert!(!cut.is_complete());
    assert_eq!(cut.calls().len(), 1);
}
