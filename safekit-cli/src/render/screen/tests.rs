//! `testdata/screen.txt`: the views of a few scenes at a few sizes, each after a line `== scene columns x lines`.
//!
//! With the variable `SAFEKIT_BLESS` set, what is drawn is written into the file, to be reviewed there.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::*;

const SIZES: [(usize, usize); 3] = [(80, 24), (120, 40), (40, 10)];

fn member(id: u8, name: &str, state: &str, why: &str, modules: &[&str]) -> Value {
    let modules: Vec<Value> = modules
        .iter()
        .map(|it| json!({"name": it, "state": "UP", "readiness": "Ready", "signature": "89abcdef"}))
        .collect();
    json!({"id": id, "name": name, "state": state, "why": why, "silence_ms": 40, "lans": ["default"],
        "cluster": null, "modules": modules})
}

fn module(name: &str, participants: &[&str]) -> Value {
    let share = 256_usize.checked_div(participants.len()).unwrap_or_default();
    json!({"name": name, "mode": "farm", "state": "UP", "readiness": "Ready", "goal": "UP", "reason": "ready",
        "why": "start_both exited with 0 after 1.2 s", "since": "2026-11-22T10:00:03Z",
        "participants": participants, "share": share, "script": null, "last_scripts": [], "drain_left_ms": null,
        "loop_used": 1, "loop_max": 3, "watched": [], "boot": "on", "signature": "0123456789abcdef", "faults": []})
}

fn state(node: &str, nodes: &[Value], modules: &[Value], faults: &[&str]) -> StateReport {
    let names: Vec<&Value> = nodes.iter().map(|node| &node["name"]).collect();
    let report = json!({"version": "0.1.0", "time": "2026-11-22T10:05:00Z", "node": node, "node_id": 1,
        "incarnation": "7.0", "joined": true, "join_why": "all nodes are heard", "guardian_pid": 100,
        "agent_pid": 101, "view": {"epoch": 12, "members": names}, "nodes": nodes, "modules": modules,
        "faults": faults});
    serde_json::from_value(report).unwrap()
}

fn log(count: usize) -> LogBlock<'static> {
    const LINES: [&str; 3] = [
        "| 2026-11-22 10:04:01.123456 | errd | E | Process demo-shop is gone: action restart is called, the first of three",
        "| 2026-11-22 10:04:02.000001 | user | S | Script stop_both UP UP restart",
        "a line of another form",
    ];
    LogBlock { title: "log of shop".into(), lines: LINES.into_iter().cycle().take(count).collect() }
}

/// `safekit top` on a node that sees nodes in every state.
fn one_agent() -> StateReport {
    let mut stopped = module("mail", &[]);
    stopped["state"] = json!("STOP");
    stopped["readiness"] = json!("NotReady");
    stopped["reason"] = json!("stopped");
    stopped["why"] = json!("4th process fault within 24 h: stop called by maxloop");
    stopped["loop_used"] = json!(4);
    stopped["faults"] =
        json!(["the application may still run: look for its processes and end them by hand, \
        or run 'safekit forcestop -m mail' again"]);
    let nodes = [
        member(1, "node1", "self", "", &[]),
        member(2, "node2", "alive", "heard on lan default", &["shop"]),
        member(3, "node3", "lost", "silent for 1.0 s, own lateness 2 ms", &["shop"]),
        member(4, "node4", "left", "it said goodbye", &[]),
    ];
    let fault = "cluster.xml on node3 differs: apply the same one on all nodes";
    state("node1", &nodes, &[stopped, module("shop", &["node1", "node2"])], &[fault])
}

/// The demo: three agents, the second one is frozen.
fn three_agents() -> Vec<StateReport> {
    (1..=3)
        .map(|own| {
            let nodes: Vec<Value> = (1..=3)
                .map(|id| {
                    let state = if id == own {
                        "self"
                    } else if id == 2 {
                        "lost"
                    } else {
                        "alive"
                    };
                    member(id, &format!("node{id}"), state, "silent for 1.0 s", &["shop"])
                })
                .collect();
            state(&format!("node{own}"), &nodes, &[module("shop", &["node1", "node3"])], &[])
        })
        .collect()
}

fn demo(reports: &[StateReport]) -> Scene<'_> {
    let clients = Clients { recent_answered: 83, recent_lost: 1, answered: 12_345, lost: 17 };
    let seats = reports.iter().enumerate().map(|(number, report)| Seat {
        name: &report.node,
        report: Some(report),
        silent_ms: (number == 1).then_some(3_200),
        note: (number == 1).then_some("frozen"),
        clients: Some(clients),
        chosen: number == 1,
    });
    Scene {
        title: "safekit demo",
        right: "12.3 s",
        seats: seats.collect(),
        clients: Some(Clients { recent_answered: 249, recent_lost: 3, answered: 37_035, lost: 51 }),
        logs: vec![
            LogBlock {
                title: "what was done".into(),
                lines: vec!["12.1 s  node2: freeze the agent"],
            },
            log(9),
        ],
        keys: "1-3 node  k kill application  a kill agent  f freeze  x stop  s start  ? help  q quit",
        ..Scene::default()
    }
}

fn top(report: Option<&StateReport>) -> Scene<'_> {
    Scene {
        title: "safekit top",
        right: report.map_or("", |report| &report.time),
        seats: vec![Seat {
            name: report.map_or("", |report| &report.node),
            report,
            silent_ms: report.is_none().then_some(4_000),
            ..Seat::default()
        }],
        logs: vec![log(30)],
        keys: "q quit",
        ..Scene::default()
    }
}

/// A large farm whose names and texts are as bad as can be.
fn hostile() -> StateReport {
    let name = |id: u8| format!("{id:03}{}", "\u{1b}[31m\u{202e}\u{4e16}\n".repeat(8));
    let long = "m".repeat(64);
    let nodes: Vec<Value> = (1..=128)
        .map(|id| {
            member(
                id,
                &name(id),
                if id == 1 { "self" } else { "lost" },
                &"w\u{7} ".repeat(90),
                &[&long],
            )
        })
        .collect();
    let mut other = module("web\u{9b}2J", &[&name(1)]);
    other["faults"] = json!([format!("{} {}", "f".repeat(300), "\r\n\u{1b}]0;title\u{7}")]);
    let faults: Vec<String> = (0..40).map(|number| format!("fault {number} \u{1b}c")).collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    state(&name(1), &nodes, &[module(&long, &[&name(1), &name(2)]), other], &faults)
}

fn assert_fits(frame: &Frame, size: Size) {
    let text = frame.plain();
    assert!(text.lines().count() <= size.lines, "{size:?}:\n{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= size.columns, "{size:?}: {line:?}\n{text}");
        assert!(
            line.chars().all(|c| !c.is_control() && c != '\u{202e}' && c != '\u{4e16}'),
            "{line:?}"
        );
    }
}

#[test]
fn views_are_those_that_were_reviewed() {
    let (one, three) = (one_agent(), three_agents());
    let down = Scene {
        notices: vec![
            "the agent of /opt/safekit is not running".into(),
            "this waits for it".into(),
        ],
        ..top(None)
    };
    let only = Scene { module: Some("shop"), ..top(Some(&one)) };
    let mut drawn = String::new();
    for (name, scene) in [
        ("top", top(Some(&one))),
        ("top -m shop", only),
        ("top, no agent", down),
        ("demo", demo(&three)),
    ] {
        for (columns, lines) in SIZES {
            let size = Size { columns, lines };
            let frame = frame(&scene, size);
            assert_fits(&frame, size);
            writeln!(drawn, "== {name} {columns} x {lines}\n{}", frame.plain()).unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/screen.txt");
    if std::env::var_os("SAFEKIT_BLESS").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    assert_eq!(drawn, std::fs::read_to_string(&path).unwrap());
}

#[test]
fn nothing_overflows_or_steers_at_any_size() {
    let (bad, three) = (hostile(), three_agents());
    for columns in (0..=12).chain([39, 40, 79, 80, 81, 120, 131]) {
        for lines in (0..=12).chain([23, 24, 25, 40]) {
            let size = Size { columns, lines };
            assert_fits(&frame(&top(Some(&bad)), size), size);
            assert_fits(&frame(&demo(&three), size), size);
        }
    }
}

#[test]
fn what_is_left_out_is_said() {
    let bad = hostile();
    let text = frame(&top(Some(&bad)), Size { columns: 80, lines: 24 }).plain();
    assert!(text.contains("more lines: safekit cluster state"), "{text}");
    assert!(text.contains("more lines: safekit state"), "{text}");
    assert!(text.ends_with("q quit\n"), "{text}");
}

#[test]
fn colours_change_no_text() {
    let three = three_agents();
    let frame = frame(&demo(&three), Size { columns: 80, lines: 24 });
    let strip = |text: &str| {
        let mut kept = String::new();
        let mut pieces = text.split('\u{1b}');
        kept.push_str(pieces.next().unwrap());
        for piece in pieces {
            let end = piece.find(|c: char| c.is_ascii_alphabetic()).unwrap();
            kept.push_str(if piece[..=end].ends_with('H') { "\n" } else { "" });
            kept.push_str(&piece[end + 1..]);
        }
        kept.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
    };
    assert_eq!(strip(&frame.drawing(Colours::On, 24)), frame.plain().trim());
    let off = frame.drawing(Colours::Off, 24);
    assert_eq!(strip(&off), frame.plain().trim());
    let sequence = |piece: &str| piece.chars().find(char::is_ascii_alphabetic);
    let ends: String = off.split('\u{1b}').skip(1).filter_map(sequence).collect();
    assert!(!ends.contains('m'), "colours although they are not wanted: {off:?}");
}
