//! What comes from outside is checked once, and refused rather than guessed.

use super::*;
use crate::store::StoreError;
use safekit_core::control::{ErrorCode, LogReport};

#[test]
fn wrong_bodies_and_queries_are_refused_before_anything_is_done() {
    use Method::{Get, Post};
    let long = format!(r#"{{"identity":"{}"}}"#, "x".repeat(129));
    for (method, route, body) in [
        (Post, "module/web/start", "not JSON"),
        (Post, "module/web/start", "[]"),
        (Post, "module/web/start", r#"{"identiy":"x"}"#),
        (Post, "module/web/start", r#"{"identity":""}"#),
        (Post, "module/web/start", r#"{"identity":"two\nlines"}"#),
        (Post, "module/web/start", long.as_str()),
        (Post, "module/web/start", "{} {}"),
        (Post, "module/web/install", ""),
        (Post, "module/web/install", r#"["/x",true]"#),
        (Post, "module/web/install", r#"{"path":"relative"}"#),
        (Post, "module/web/install", r#"{"path":"/x","forced":true}"#),
        (Post, "module/web/config", r#"{"force":true}"#),
        (Post, "module/web/uninstall", r#"{"force":true}"#),
        (Post, "module/web/print", r#"{"level":"critical","text":"x"}"#),
        (Post, "cluster/config", ""),
        (Post, "cluster/config", r#"{"current":false}"#),
        (Post, "cluster/config", r#"{"path":"/c.xml","current":true}"#),
        (Post, "cluster/config", r#"{"path":"c.xml"}"#),
        (Post, "shutdown", r#"{"now":true}"#),
        (Get, "log?lines=0", ""),
        (Get, "log?lines=10001", ""),
        (Get, "log?lines=-1", ""),
        (Get, "log?lines=", ""),
        (Get, "log?all=yes", ""),
        (Get, "log?module=..", ""),
        (Get, "log?lines=1&lines=2", ""),
        (Get, "log?nb=1", ""),
        (Get, "log?from=", ""),
        (Get, "log?from=7", ""),
        (Get, "log?from=begin&lines=1", ""),
        (Get, "module/web/state?script=yes", ""),
        (Get, "module/web/state?scripts=1", ""),
        (Get, "level?modul=web", ""),
    ] {
        let (answer, asked) = ask(method, &format!("/api/v1/{route}"), body);
        assert_eq!((answer.status, asked.len()), (400, 0), "{route} {body}");
        assert_eq!(error_of(&answer).code, ErrorCode::Usage, "{route} {body}");
    }
}

#[test]
fn line_for_a_log_stays_one_line_of_bounded_length() {
    let path = "/api/v1/module/web/print";
    let body = r#"{"level":"info","text":"one\ntwo\u001b[2J\r\n"}"#;
    assert_eq!(ask(Method::Post, path, body).1, [r#"print web Info "one two [2J" by root"#]);
    let body = format!(r#"{{"level":"info","text":"{}"}}"#, "ä".repeat(100_000));
    let (answer, asked) = ask(Method::Post, path, &body);
    assert_eq!(answer.status, 200);
    assert_eq!(asked, [format!("print web Info \"{}…\" by root", "ä".repeat(2048))]);
}

#[test]
fn log_fits_into_an_answer_and_its_newest_lines_stay() {
    let lines = |count: usize| -> Vec<String> {
        (0..count).map(|number| format!("{number:01000}")).collect()
    };
    let operations = Arc::new(FakeOperations::with_log(lines(10_000)));
    let all = request(Method::Get, "/api/v1/log?lines=10000", "", ROOT);
    let answer = api(&operations).handle(&all);
    let report: LogReport = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(report.lines.len(), 2097);
    assert_eq!(report.lines.last().unwrap(), &format!("{:01000}", 9_999));
    let operations = Arc::new(FakeOperations::with_log(lines(2)));
    let answer = api(&operations).handle(&all);
    let report: LogReport = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(report.lines, lines(2));
}

#[test]
fn warnings_beside_errors_are_not_counted_as_errors() {
    let lines = |lines: &[&str]| StoreError::Configuration {
        diagnostics: lines.iter().map(|line| (*line).to_owned()).collect(),
    };
    for (diagnostics, message) in [
        (
            &["a.xml:1:1: warning: x", "a.xml:2:2: error: y"][..],
            "the configuration has 1 error, nothing was changed",
        ),
        (
            &["a.xml:1:1: error: x", "a.xml:2:2: error: y"],
            "the configuration has 2 errors, nothing was changed",
        ),
    ] {
        assert_eq!(OperationError::from(lines(diagnostics)).to_string(), message);
    }
}
