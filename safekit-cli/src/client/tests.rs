use std::io::Cursor;

use super::*;
use answer::{BODY_BYTES_MAX, HEAD_BYTES_MAX};

/// Gives its bytes one by one, as a slow or hostile end would.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
        buffer[0] = *first;
        self.0 = rest;
        Ok(1)
    }
}

fn read(bytes: &[u8]) -> Result<Answer, AnswerError> {
    let whole = answer::read(&mut Cursor::new(bytes));
    let dripping = answer::read(&mut Dripping(bytes));
    assert_eq!(format!("{whole:?}"), format!("{dripping:?}"), "cutting changes the answer");
    whole
}

#[test]
fn good_answers_are_read_whole() {
    let answer = read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").unwrap();
    assert_eq!(answer, Answer { status: 200, body: b"abc".to_vec() });
    let answer = read(b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\nbeyond").unwrap();
    assert_eq!(answer, Answer { status: 409, body: Vec::new() });
    assert_eq!(read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().status, 204);
}

#[test]
fn cut_answers_are_never_half_answers() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    for length in 0..whole.len() {
        let result = read(&whole[..length]);
        assert!(matches!(result, Err(AnswerError::Cut)), "{length} bytes: {result:?}");
    }
}

#[test]
fn garbage_is_refused() {
    for bytes in [
        b"\0\0\0\0garbage\r\n\r\n".as_slice(),
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nwithout length",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let result = read(bytes);
        let text = String::from_utf8_lossy(bytes);
        assert!(matches!(result, Err(AnswerError::NotHttp(_))), "{text}: {result:?}");
    }
}

#[test]
fn long_answers_are_refused() {
    let mut head = b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec();
    head.resize(HEAD_BYTES_MAX * 3, b'x');
    assert!(matches!(answer::read(&mut Cursor::new(head)), Err(AnswerError::HeadTooLong)));
    let fields = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(100));
    assert!(matches!(read(fields.as_bytes()), Err(AnswerError::HeadTooLong)));
    for length in [format!("{}", BODY_BYTES_MAX + 1), "9".repeat(40)] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        assert!(matches!(read(head.as_bytes()), Err(AnswerError::BodyTooLong)), "{length}");
    }
}

fn client(name: &str) -> (Client, std::path::PathBuf) {
    let safe = std::env::temp_dir().join(format!("safekit-client-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&safe));
    std::fs::create_dir_all(safe.join("var")).unwrap();
    (Client::new(Root::at(&safe)), safe)
}

#[test]
fn agent_that_stands_still_is_told_as_down() {
    let (client, safe) = client("still");
    // Nobody ever accepts: the connection waits in the queue.
    let listener = std::os::unix::net::UnixListener::bind(client.root.socket()).unwrap();
    let failure =
        client.within(Duration::from_millis(20), Method::Get, b"GET / HTTP/1.1\r\n\r\n".to_vec());
    let failure = failure.unwrap_err();
    drop(listener);
    std::fs::remove_dir_all(&safe).unwrap();
    assert_eq!(failure.exit, Exit::AgentDown);
    assert!(failure.message.contains("did not answer within"), "{failure:?}");
}

#[test]
fn who_may_not_connect_is_told_which_group_may() {
    let client = Client::new(Root::at(std::path::Path::new("/opt/safekit")));
    let failure = client.not_connected(&io::Error::from(ErrorKind::PermissionDenied));
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.message.contains("/var/safekit/safekit.sock"), "{failure:?}");
    assert!(failure.message.contains("group safekit"), "{failure:?}");
    let down = client.not_connected(&io::Error::from(ErrorKind::NotFound));
    assert_eq!(down.exit, Exit::AgentDown);
    assert_eq!(down.details[0], "start it: 'systemctl start safekit-agent'");
}

#[test]
fn an_agent_that_is_being_started_is_waited_for() {
    let tries = |limit, kind: ErrorKind, method| {
        let mut tries = 0;
        let ask = || {
            tries += 1;
            let error = io::Error::from(kind);
            if tries == 3 {
                Ok(())
            } else if kind == ErrorKind::UnexpectedEof {
                Err(AnswerError::Cut)
            } else if kind == ErrorKind::ConnectionReset {
                Err(AnswerError::Io(error))
            } else {
                Err(AnswerError::Connect(error))
            }
        };
        let answered = patiently(limit, ask, |error| may_ask_again(error, method)).is_ok();
        (tries, answered)
    };
    let long = Duration::from_secs(600);
    for method in [Method::Get, Method::Post] {
        assert_eq!(tries(long, ErrorKind::NotFound, method), (3, true));
        assert_eq!(tries(long, ErrorKind::ConnectionRefused, method), (3, true));
        assert_eq!(tries(Duration::ZERO, ErrorKind::NotFound, method), (1, false));
        assert_eq!(tries(long, ErrorKind::PermissionDenied, method), (1, false));
    }
    for kind in [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof] {
        assert_eq!(tries(long, kind, Method::Get), (3, true));
        assert_eq!(
            tries(long, kind, Method::Post),
            (1, false),
            "an order may have been carried out"
        );
    }
}
