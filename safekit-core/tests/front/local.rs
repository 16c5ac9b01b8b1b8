//! Sockets in the file system.

use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;

use safekit_core::runtime::front::{
    ApiRequest, ApiResponse, Front, FrontConfig, FrontError, Handler, Listener, Method, Peer,
};

use crate::help::*;

fn socket_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("front-{}-{name}", std::process::id()));
    drop(std::fs::remove_file(&path));
    path
}

fn start_local(path: &std::path::Path, handler: Handler) -> Result<Front, FrontError> {
    let listener = Listener::Unix { path: path.to_owned(), mode: 0o660 };
    Front::start(FrontConfig::new("local", board(), handler).with_listener(listener))
}

#[test]
fn a_local_socket_tells_who_asks() {
    let path = socket_path("who");
    let handler: Handler = Arc::new(|request: &ApiRequest| {
        assert_eq!((request.method, request.query.as_deref()), (Method::Get, Some("x=y")));
        ApiResponse::text(200, format!("{:?}", request.peer))
    });
    let front = start_local(&path, handler).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /who?x=y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let peer = Peer::Local {
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        pid: std::process::id(),
    };
    let text = read_all(stream).unwrap();
    assert!(text.ends_with(&format!("\r\n\r\n{peer:?}")), "{text}");
    front.stop();
    assert!(!path.exists(), "the file goes with the front");
}

#[test]
fn a_local_socket_replaces_only_what_nobody_uses() {
    let path = socket_path("stale");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let front = start_local(&path, echo()).unwrap();
    let error = start_local(&path, echo()).unwrap_err();
    assert!(matches!(&error, FrontError::Answered { path: found } if *found == path), "{error}");
    assert!(std::fs::metadata(&path).unwrap().file_type().is_socket());
    drop(front);
    std::fs::write(&path, "precious").unwrap();
    let error = start_local(&path, echo()).unwrap_err();
    assert!(matches!(error, FrontError::NotASocket { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
    let error = start_local(&path.join("no/folder"), echo()).unwrap_err();
    assert!(matches!(error, FrontError::Socket { .. }), "{error}");
}
