//! What the tests share: a front, clients, a prober.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use safekit_core::ids::ModuleName;
use safekit_core::runtime::front::{
    ApiRequest, ApiResponse, Board, Front, FrontConfig, Handler, Limits, Listener,
};
use socket2::{Domain, Socket, Type};

#[expect(clippy::disallowed_types, reason = "the other end of the sockets under test")]
pub(crate) type Stream = std::net::TcpStream;

pub(crate) const READY: &[u8] = b"GET /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\n\r\n";
pub(crate) const READY_CLOSE: &[u8] =
    b"GET /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
pub(crate) const POST_1000: &[u8] =
    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
/// Long enough for any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const PROBER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

#[expect(clippy::disallowed_methods, reason = "real sockets need real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A board on which `shop` is ready, stamped far into the future: a slow machine does not make it stale.
pub(crate) fn board() -> Arc<Board> {
    let board = Board::new(now());
    board.publish(&ModuleName::new("shop").unwrap(), true, "ready");
    board.publish(&ModuleName::new("lab").unwrap(), false, "stopped");
    board.stamp(now() + Duration::from_secs(3600));
    board
}

pub(crate) fn echo() -> Handler {
    Arc::new(|request: &ApiRequest| match request.path.as_str() {
        "/panic" => panic!("a fault of the embedder"),
        "/big" => ApiResponse::text(200, "x".repeat(400_000)),
        _ => ApiResponse::new(200, "text/plain", request.body.clone()),
    })
}

pub(crate) fn local() -> Listener {
    Listener::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

pub(crate) fn start_with(limits: Limits, handler: Handler) -> (Front, SocketAddr) {
    more_files();
    let config = FrontConfig::new("front", board(), handler);
    let front = Front::start(config.with_listener(local()).with_limits(limits)).unwrap();
    let addr = front.local_addrs()[0];
    (front, addr)
}

pub(crate) fn start(change: impl FnOnce(&mut Limits)) -> (Front, SocketAddr) {
    let mut limits = Limits::default();
    change(&mut limits);
    start_with(limits, echo())
}

/// Raises this process's limit of open files: all tests of a run share it.
pub(crate) fn more_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = Some(maximum.unwrap_or(8192).min(8192));
    setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).unwrap();
}

pub(crate) fn connect_from(from: Ipv4Addr, addr: SocketAddr) -> std::io::Result<Stream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&addr.into(), PATIENCE)?;
    let stream = Stream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

pub(crate) fn connect(addr: SocketAddr) -> Stream {
    connect_from(Ipv4Addr::LOCALHOST, addr).unwrap()
}

pub(crate) fn attacker(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(number % 200).unwrap() + 1)
}

/// Reads until the other side has ended.
pub(crate) fn read_all(mut stream: impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        // The kernel may tell of a reset after the answer.
        Err(error) if error.kind() == ErrorKind::ConnectionReset && !bytes.is_empty() => {}
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads one answer of a connection that goes on.
pub(crate) fn read_one(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

/// Sends bytes and returns all that comes back until the end.
pub(crate) fn exchange(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(addr);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_all(stream).unwrap()
}

pub(crate) fn status(text: &str) -> &str {
    text.get(9..12).unwrap_or(text)
}

/// Probes once on a new connection; `Err` says what was wrong.
pub(crate) fn probe(addr: SocketAddr) -> Result<(), String> {
    let work = || {
        let mut stream = connect_from(PROBER, addr)?;
        stream.write_all(READY_CLOSE)?;
        read_all(stream)
    };
    match work() {
        Ok(text) if status(&text) == "200" => Ok(()),
        Ok(text) => Err(format!("answered {text:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs an attack while a prober probes all the time; every probe must be answered with 200. The attack may call what
/// it is given to wait until one more probe has ended: where connections are closed to make room for others, a prober
/// that the machine puts to sleep must not find that hundreds have come in between.
pub(crate) fn under_probes(addr: SocketAddr, attack: impl FnOnce(&dyn Fn())) {
    /// Ends the prober, also when the attack fails.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let over = AtomicBool::new(false);
    let probes = AtomicUsize::new(0);
    thread::scope(|scope| {
        let _over = Over(&over);
        let prober = scope.spawn(|| {
            // At least a few, and one when all is over.
            while !over.load(Ordering::Acquire) || probes.load(Ordering::Acquire) < 5 {
                probe(addr).unwrap();
                probes.fetch_add(1, Ordering::Release);
                thread::park_timeout(Duration::from_millis(2));
            }
            probe(addr).unwrap();
        });
        attack(&|| {
            let before = probes.load(Ordering::Acquire);
            eventually("a probe ends", || {
                assert!(!prober.is_finished(), "the prober has failed");
                probes.load(Ordering::Acquire) > before
            });
        });
    });
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = now() + PATIENCE;
    while !holds() {
        assert!(now() < end, "{what}: not within {PATIENCE:?}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Opens connections that say nothing, from many addresses.
pub(crate) fn flood(addr: SocketAddr, count: usize, batch: usize, pace: &dyn Fn()) -> Vec<Stream> {
    let mut idle = Vec::new();
    while idle.len() < count {
        idle.push(connect_from(attacker(idle.len()), addr).unwrap());
        if idle.len() % batch == 0 {
            pace();
        }
    }
    idle
}
