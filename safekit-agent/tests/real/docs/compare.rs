//! Whether a command prints what the page shows, but for what differs from run to run.

use regex_lite::Regex;

/// What differs from run to run, and what stands for it.
const MASKS: [(&str, &str); 12] = [
    (r"\d{4}-\d\d-\d\d([T ]\d\d:?\d\d:?\d\d(\.\d+)?Z?)?", "DATE"),
    (r"\d\d:\d\d:\d\d(\.\d+)?", "TIME"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .{6,7} (TIME )?\d{4}\b", "DATE"),
    (r"^ *\d{3,}\b", "PID"),
    (r"\b\d+(\.\d+)? (ms|s)\b", "DURATION"),
    (r"\b[0-9a-f]{8}([0-9a-f]{8})?\b", "SIGNATURE"),
    (r"\bpid[ =]\d+", "PID"),
    (r"\| \d{2,} \|", "| PID |"),
    (r"\bview \d+", "VIEW"),
    (r"new\.\d+\.\d+\.", "new."),
    (r"\.\d+\.ulog", ".ulog"),
    (r"\s+", " "),
];

/// What marks a line of a log about the other nodes.
const OTHERS: &str = "| membership |";

/// Tells where they differ first; `None` where they do not. A line `...` stands for any lines, `...` at the end of a line
/// for the rest of it. Lines of a log about the other nodes count only where the page shows such lines: on a busy machine
/// a node can be lost for a moment at any time.
pub(super) fn difference(shown: &str, seen: &str) -> Option<String> {
    let masks: Vec<(Regex, &str)> =
        MASKS.iter().map(|(regex, word)| (Regex::new(regex).unwrap(), *word)).collect();
    let mask = |text: &str| -> Vec<String> {
        let line = |line: &str| {
            let masked = masks.iter().fold(line.to_owned(), |line, (regex, word)| {
                regex.replace_all(&line, *word).into_owned()
            });
            masked.trim().to_owned()
        };
        text.lines().map(line).filter(|line| !line.is_empty()).collect()
    };
    let (shown, mut seen) = (mask(shown), mask(seen));
    if !shown.iter().any(|line| line.contains(OTHERS)) {
        seen.retain(|line| !line.contains(OTHERS));
    }
    match furthest(&shown, &seen, 0) {
        Ok(()) => None,
        Err(at) => {
            let line = shown.get(at).map_or("the end", String::as_str);
            Some(format!("not there: {line}"))
        }
    }
}

/// Holds the lines against each other; `Err` is the shown line up to which they are the same.
fn furthest(shown: &[String], seen: &[String], at: usize) -> Result<(), usize> {
    let Some(wanted) = shown.get(at) else {
        return if seen.is_empty() { Ok(()) } else { Err(at) };
    };
    if wanted == "..." {
        let mut best = at + 1;
        for skipped in 0..=seen.len() {
            match furthest(shown, &seen[skipped..], at + 1) {
                Ok(()) => return Ok(()),
                Err(reached) => best = best.max(reached),
            }
        }
        return Err(best);
    }
    let Some((first, rest)) = seen.split_first() else { return Err(at) };
    let same = match wanted.strip_suffix("...") {
        Some(begin) => first.starts_with(begin.trim_end()),
        None => first == wanted,
    };
    if same { furthest(shown, rest, at + 1) } else { Err(at) }
}

#[test]
fn what_differs_from_run_to_run_is_not_compared_and_all_else_is() {
    let shown =
        "| 2026-11-22 21:49:33.7 | module | E | Local state UP\n...\ntook 12 ms, pid 7\nabc ...";
    let same =
        "| 2027-01-02 01:02:03.4 | module | E | Local state UP\nx\ny\ntook 9 ms, pid 8\nabc def";
    assert_eq!(difference(shown, same), None);
    assert!(difference(shown, &same.replace("UP", "WAIT")).unwrap().contains("Local state UP"));
    assert!(difference(shown, &same.replace("took", "takes")).unwrap().contains("took"));
    assert!(difference(shown, &format!("{same}\nmore")).unwrap().contains("the end"));
    assert_eq!(difference("a", "| DATE | membership | E | b\na"), None);
    assert!(difference("a\nb", "a").unwrap().contains('b'));
    assert_eq!(difference("a  1 of 3", "a 1 of 3\n\n"), None);
    assert!(difference("a 1 of 3", "a 2 of 3").is_some());
}
