//! Each route asks its operation, and errors have their status.

use super::*;
use safekit_core::control::{ClusterStateReport, ErrorCode, ModuleReport};

#[test]
#[expect(clippy::too_many_lines, reason = "one line for each route")]
fn every_route_asks_its_operation() {
    use Method::{Delete, Get, Post};
    let table = [
        (Get, "state", "", "state"),
        (Get, "modules", "", "modules"),
        (Get, "log", "", "log node 300 Main"),
        (Get, "log?module=web&lines=5&all=1", "", "log web 5 All"),
        (Get, "log?all=0", "", "log node 300 Main"),
        (Get, "log?from=begin&all=1", "", "log node 300 All from begin"),
        (Get, "log?module=web&from=7-512", "", "log web 300 Main from 7-512"),
        (Get, "level", "", "level node"),
        (Get, "level?module=web", "", "level web"),
        (Post, "shutdown", "", "shutdown by root"),
        (Get, "cluster/state", "", "state"),
        (Get, "cluster/confinfo", "", "confinfo cluster"),
        (Get, "cluster/export", "", "export cluster by root"),
        (
            Post,
            "cluster/config",
            r#"{"path":"/c.xml"}"#,
            r#"configure cluster Some(File("/c.xml")) None by root"#,
        ),
        (
            Post,
            "cluster/config",
            r#"{"current":true,"lock":true}"#,
            "configure cluster Some(Current) Some(Locked) by root",
        ),
        (
            Post,
            "cluster/config",
            r#"{"lock":false}"#,
            "configure cluster None Some(Unlocked) by root",
        ),
        (Post, "cluster/confcheck", r#"{"path":"/c.xml"}"#, "check cluster /c.xml"),
        (Post, "cluster/deconfig", "", "deconfigure cluster by root"),
        (Post, "cluster/genkey", "", "keys New Keep by root"),
        (Post, "cluster/delkey", r#"{"force":true}"#, "keys None CutOff by root"),
        (Get, "ports?module=web", "", r#"ports Name(ModuleName("web"))"#),
        (Get, "ports?id=2", "", "ports Id(2)"),
        (Get, "boot", "", "boot of node"),
        (Get, "boot?module=web", "", "boot of web"),
        (Get, "cmdlog?lines=7", "", "command log 7"),
        (Post, "module/web/deconfig", "", "deconfigure web by root"),
        (Post, "module/web/update", "", "update web by root"),
        (Get, "module/web/package", "", "package web"),
        (Post, "module/web/boot", r#"{"start":true}"#, "boot on web by root"),
        (Post, "module/web/incloop", r#"{"identity":"t"}"#, "budget Counted web by t"),
        (Post, "module/web/resetloop", "", "budget Reset web by root"),
        (Get, "module/web/checkloop", "", "budget web"),
        (Get, "module/web/state", "", "state"),
        (Get, "module/web/confcheck", "", "confcheck web"),
        (Get, "module/web/confinfo", "", "confinfo web"),
        (Post, "module/web/start", "{}", r#"start web by User("root")"#),
        (Post, "module/web/stop", "", r#"stop web by User("root")"#),
        (Post, "module/web/restart", r#"{"identity":"t"}"#, r#"restart web by Detector("t")"#),
        (Post, "module/web/stopstart", "", r#"stopstart web by User("root")"#),
        (Post, "module/web/forcestop", "", r#"forcestop web by User("root")"#),
        (Post, "module/web/errd", r#"{"switch":"off"}"#, "errd off web by root"),
        (
            Post,
            "module/web/errd",
            r#"{"switch":{"enable":"batch"}}"#,
            "errd enable batch web by root",
        ),
        (Post, "module/web/install", r#"{"path":"/w"}"#, "install web /w No by root"),
        (Post, "module/web/install", r#"{"path":"/w","force":true}"#, "install web /w Yes by root"),
        (Post, "module/web/uninstall", "", "uninstall web by root"),
        (Delete, "module/web", "", "uninstall web by root"),
        (Post, "module/web/config", "", "configure web by root"),
        (
            Post,
            "module/web/print",
            r#"{"level":"event","text":"hi"}"#,
            r#"print web Event "hi" by root"#,
        ),
    ];
    for (method, route, body, expected) in table {
        let (answer, asked) = ask(method, &format!("/api/v1/{route}"), body);
        assert_eq!(answer.status, 200, "{route}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(asked, [expected], "{route}");
        assert_eq!(header_of(&answer, "Cache-Control"), Some("no-store"), "{route}");
    }
}

#[test]
fn head_asks_what_get_asks() {
    assert_eq!(ask(Method::Head, "/api/v1/modules", "").1, ["modules"]);
}

#[test]
fn export_is_a_zip_file() {
    let (answer, _) = ask(Method::Get, "/api/v1/cluster/export", "");
    assert_eq!(answer.content_type, "application/zip");
    assert_eq!(answer.body, b"PK\x03\x04\xff");
}

#[test]
fn state_of_a_module_is_its_part_of_the_nodes_state() {
    let (answer, _) = ask(Method::Get, "/api/v1/module/web/state", "");
    let report: ModuleReport = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(report, fake::state().modules[0]);
    let (answer, _) = ask(Method::Get, "/api/v1/module/mail/state", "");
    assert_eq!((answer.status, error_of(&answer).code), (400, ErrorCode::Usage));
    assert!(error_of(&answer).message.contains("module mail is not configured"));
}

#[test]
fn state_of_the_cluster_tells_own_and_other_modules() {
    let (answer, _) = ask(Method::Get, "/api/v1/cluster/state", "");
    let report: ClusterStateReport = serde_json::from_slice(&answer.body).unwrap();
    let rows: Vec<String> = report
        .modules
        .iter()
        .map(|row| {
            let (state, signature) = (row.state, &row.signature);
            format!("{} {} {} {state} {signature}", row.node, row.node_state, row.module)
        })
        .collect();
    assert_eq!(rows, ["node1 self web WAIT 89abcdef", "node2 lost web UP 5EC12E70"]);
}

#[test]
fn errors_have_their_status_and_code() {
    let sentence = || "a sentence".to_owned();
    let faults = OperationError::Configuration {
        message: sentence(),
        diagnostics: vec!["file:1:2: fault".to_owned()],
    };
    let table = [
        (OperationError::Usage(sentence()), 400, ErrorCode::Usage),
        (faults.clone(), 422, ErrorCode::Configuration),
        (OperationError::Refused(sentence()), 409, ErrorCode::Refused),
        (OperationError::Internal(sentence()), 500, ErrorCode::Internal),
    ];
    for (error, status, code) in table {
        for (method, path) in [
            (Method::Get, "/api/v1/state"),
            (Method::Get, "/api/v1/module/web/state"),
            (Method::Post, "/api/v1/module/web/start"),
            (Method::Get, "/"),
        ] {
            let answer = refuse(error.clone(), method, path);
            assert_eq!((answer.status, error_of(&answer).code), (status, code), "{path}");
            assert_eq!(error_of(&answer).message, "a sentence");
        }
    }
    let answer = refuse(faults, Method::Post, "/api/v1/module/web/config");
    assert_eq!(error_of(&answer).details, ["file:1:2: fault"]);
}

#[test]
fn what_is_not_there_is_told() {
    for (method, path, status) in [
        (Method::Get, "/api", 404),
        (Method::Get, "/api/v1", 404),
        (Method::Get, "/api/v1/", 404),
        (Method::Get, "/api/v2/state", 404),
        (Method::Get, "/api/v1/state/", 404),
        (Method::Get, "/api/v1//state", 404),
        (Method::Get, "/api/v1/module", 404),
        (Method::Get, "/api/v1/module/web", 405),
        (Method::Get, "/api/v1/module/web/start", 405),
        (Method::Put, "/api/v1/module/web/start", 405),
        (Method::Post, "/api/v1/state", 405),
        (Method::Post, "/", 405),
        (Method::Get, "/api/v1/module/../state", 404),
        (Method::Get, "/api/v1/module/%2e%2e/state", 404),
        (Method::Get, "/api/v1/module/lastconfig/state", 404),
        (Method::Get, "/favicon.ico", 404),
    ] {
        let (answer, asked) = ask(method, path, "");
        assert_eq!((answer.status, asked.len()), (status, 0), "{method:?} {path}");
        assert_eq!(error_of(&answer).code, ErrorCode::Usage, "{method:?} {path}");
        assert_eq!(header_of(&answer, "Allow").is_some(), status == 405, "{method:?} {path}");
    }
}
