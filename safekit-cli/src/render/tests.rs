use safekit_core::control::{ClusterConfinfoReport, NodeConfinfoReport};

use super::*;
use crate::exit::Exit;

#[test]
fn nothing_steers_a_terminal() {
    assert_eq!(plain("a\x1b[31mb\r\nc\u{9b}d"), "a?[31mb??c?d");
    let failed = Failure::usage("bad \x1b name").detail("line\x07");
    assert_eq!(failure(&failed), "error: bad ? name\nline?\n");
    assert_eq!(failed.exit, Exit::Usage);
}

#[test]
fn sentences_are_fitted_into_a_terminal() {
    assert_eq!(item("short"), "  - short\n");
    let path = "/a".repeat(50);
    let text = item(&format!("{} {path} {}", "word ".repeat(20).trim_end(), "end"));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().all(|line| line.len() <= COLUMNS || line.contains(&path)), "{text}");
    assert!(lines[0].starts_with("  - word") && lines[1].starts_with("    word"), "{text}");
    let words: Vec<&str> = text.split_whitespace().skip(1).collect();
    assert_eq!(words.len(), 22, "{text}");
}

#[test]
fn durations_are_short() {
    let told: Vec<String> =
        [0, 999, 1_000, 1_250, 119_999, 120_000, 7_199_999, 7_200_000].map(duration).to_vec();
    assert_eq!(told, ["0 ms", "999 ms", "1.0 s", "1.2 s", "119.9 s", "2 min", "119 min", "2 h"]);
}

#[test]
fn the_verdict_on_the_cluster_says_no_more_than_is_known() {
    let verdict = |signatures: [Option<&str>; 3]| {
        let nodes = (1..).zip(signatures).map(|(number, signature)| NodeConfinfoReport {
            node: format!("node{number}"),
            signature: signature.map(str::to_owned),
            date: None,
            lock: false,
        });
        let text = cluster_confinfo(&ClusterConfinfoReport { nodes: nodes.collect() });
        text.lines().last().unwrap().to_owned()
    };
    let (one, other) = (Some("0000000000000001"), Some("0000000000000002"));
    assert_eq!(verdict([one, one, one]), "all nodes have the same configuration");
    let differ = "the configurations differ: apply the same one on all nodes";
    assert_eq!(verdict([one, other, one]), differ);
    assert_eq!(verdict([one, None, other]), differ);
    let unknown = verdict([one, None, None]);
    assert!(unknown.starts_with("not known of node2, node3: not heard"), "{unknown}");
}
