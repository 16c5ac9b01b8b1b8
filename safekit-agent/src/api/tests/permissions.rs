//! The table of `permissions.rs`, peer by peer.

use super::*;
use safekit_core::control::ErrorCode;

const CONTROL: [(Method, &str); 6] = [
    (Method::Get, "/api/v1/state"),
    (Method::Get, "/api/v1/cluster/export"),
    (Method::Post, "/api/v1/module/web/stop"),
    (Method::Delete, "/api/v1/module/web"),
    (Method::Get, "/api/v1/nothing"),
    (Method::Get, "/api"),
];

fn local(uid: u32, gid: u32, pid: u32) -> Peer {
    Peer::Local { uid, gid, pid }
}

#[test]
fn operators_may_do_everything() {
    for (peer, name) in [
        (local(0, 0, 1), "root"),
        (local(990, 990, 2), "agent"),
        // By its first group, by the group's list, by the groups of the process.
        (local(1009, 900, 3), "uid 1009"),
        (local(1002, 1002, 4), "olga"),
        (local(1003, 1003, 4242), "supp"),
    ] {
        let operations = Arc::new(FakeOperations::default());
        let stop = request(Method::Post, "/api/v1/module/web/stop", "", peer);
        assert_eq!(api(&operations).handle(&stop).status, 200, "{name}");
        assert_eq!(operations.asked(), [format!("stop web by User({name:?})")]);
        assert!(api(&operations).admit(&stop).is_ok());
    }
}

#[test]
fn nobody_else_reaches_the_control_api() {
    let peers = [
        Peer::Tcp("127.0.0.1:40000".parse().unwrap()),
        Peer::Tcp("[::1]:40000".parse().unwrap()),
        local(1001, 1001, 5),
        // The process is another user's by now.
        local(1001, 1001, 4242),
        local(1009, 1009, 6),
    ];
    for peer in peers {
        for (method, path) in CONTROL {
            let operations = Arc::new(FakeOperations::default());
            let request = request(method, path, "", peer);
            let answer = api(&operations).handle(&request);
            assert_eq!(answer.status, 403, "{peer:?} {path}");
            assert_eq!(error_of(&answer).code, ErrorCode::Forbidden);
            assert_eq!(operations.asked(), [""; 0], "{peer:?} {path}");
            if matches!(peer, Peer::Tcp(_)) {
                assert_eq!(api(&operations).admit(&request), Err(answer), "{peer:?} {path}");
            }
        }
    }
}

/// The front asks it on its only thread, which answers health, too.
#[test]
fn bodies_are_refused_without_looking_at_users() {
    #[derive(Debug)]
    struct Forbidden;
    impl crate::api::Users for Forbidden {
        fn name(&self, _: u32) -> Option<String> {
            panic!("looked up")
        }
        fn group(&self, _: &str) -> Option<u32> {
            panic!("looked up")
        }
        fn group_has(&self, _: u32, _: u32) -> bool {
            panic!("looked up")
        }
        fn groups_of_process(&self, _: u32, _: u32) -> Vec<u32> {
            panic!("looked up")
        }
    }
    let operations = Arc::new(FakeOperations::default());
    let permissions = Permissions::new(990, Arc::new(Forbidden));
    let api = Api::new(operations, permissions, StatusPage::On);
    let status = |path: &str, peer| {
        api.admit(&request(Method::Post, path, "", peer)).map_err(|answer| answer.status)
    };
    let stranger = local(1001, 1001, 5);
    assert_eq!(status("/api/v1/module/web/stop", stranger), Ok(()));
    assert_eq!(status("/api/v1/nothing", stranger), Err(404));
    assert_eq!(status("/api/v1/state", stranger), Err(405));
    assert_eq!(status("/", stranger), Err(405));
    assert_eq!(status("/api/v1/shutdown", Peer::Tcp("192.0.2.1:1".parse().unwrap())), Err(403));
}

#[test]
fn stranger_is_told_what_to_do() {
    let operations = Arc::new(FakeOperations::default());
    let state = request(Method::Get, "/api/v1/state", "", local(1001, 1001, 5));
    let message = error_of(&api(&operations).handle(&state)).message;
    assert!(message.starts_with("alice may not control the agent"), "{message}");
    assert!(message.contains("usermod -aG safekit"), "{message}");
}

#[test]
fn status_page_is_for_everybody_unless_switched_off() {
    for peer in [Peer::Tcp("192.0.2.1:1".parse().unwrap()), local(1001, 1001, 5), ROOT] {
        for path in ["/", "/status.json"] {
            let operations = Arc::new(FakeOperations::default());
            let page = request(Method::Get, path, "", peer);
            assert_eq!(api(&operations).handle(&page).status, 200, "{peer:?} {path}");
            let mut off = api(&operations);
            off.status_page = StatusPage::Off;
            assert_eq!(off.handle(&page).status, 404, "{peer:?} {path}");
        }
    }
}

#[test]
fn status_page_tells_states_only() {
    for path in ["/", "/status.json"] {
        let (answer, _) = ask(Method::Get, path, "");
        let text = text_of(&answer);
        for word in ["node1", "node2", "web", "WAIT (Transient)", "lost", "not known"] {
            assert!(text.contains(word), "{path} does not tell {word}: {text}");
        }
        for word in ["SECRET", "5EC12E70", "77777"] {
            assert!(!text.contains(word), "{path} tells {word}: {text}");
        }
    }
}
