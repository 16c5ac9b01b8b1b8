//! The HTTP front over real sockets of this host: that it keeps answering probes while somebody attacks it.
//!
//! No test depends on how fast the machine is: attacks end by count, waits by a generous limit. Attackers come from
//! other addresses of the loopback network than the prober, as they would. What needs a process of its own (limits of
//! open files, counts of threads) starts this program again and names the one test that plays that part.
#![cfg(all(feature = "runtime", target_os = "linux"))]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use safekit_core::ids::ModuleName;
use safekit_core::runtime::front::{
    ApiRequest, ApiResponse, Board, Front, FrontConfig, FrontError, Handler, Limits, Listener,
    Method, Peer, reserve_file_descriptors,
};
use socket2::{Domain, Socket, Type};

#[expect(clippy::disallowed_types, reason = "the other end of the sockets under test")]
type Stream = std::net::TcpStream;

const READY: &[u8] = b"GET /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\n\r\n";
const READY_CLOSE: &[u8] =
    b"GET /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const POST_1000: &[u8] = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(20);
const PROBER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

#[expect(clippy::disallowed_methods, reason = "real sockets need real time")]
fn now() -> Instant {
    Instant::now()
}

/// A board on which `shop` is ready, stamped far into the future: a slow machine does not make it stale.
fn board() -> Arc<Board> {
    let board = Board::new(now());
    board.publish(&ModuleName::new("shop").unwrap(), true, "ready");
    board.publish(&ModuleName::new("lab").unwrap(), false, "stopped");
    board.stamp(now() + Duration::from_secs(3600));
    board
}

fn echo() -> Handler {
    Arc::new(|request: &ApiRequest| match request.path.as_str() {
        "/panic" => panic!("a fault of the embedder"),
        "/big" => ApiResponse::text(200, "x".repeat(400_000)),
        _ => ApiResponse::new(200, "text/plain", request.body.clone()),
    })
}

fn local() -> Listener {
    Listener::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn start_with(limits: Limits, handler: Handler) -> (Front, SocketAddr) {
    more_files();
    let config = FrontConfig::new("front", board(), handler);
    let front = Front::start(config.with_listener(local()).with_limits(limits)).unwrap();
    let addr = front.local_addrs()[0];
    (front, addr)
}

fn start(change: impl FnOnce(&mut Limits)) -> (Front, SocketAddr) {
    let mut limits = Limits::default();
    change(&mut limits);
    start_with(limits, echo())
}

/// Raises this process's limit of open files: all tests of a run share it.
fn more_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = Some(maximum.unwrap_or(8192).min(8192));
    setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).unwrap();
}

fn connect_from(from: Ipv4Addr, addr: SocketAddr) -> std::io::Result<Stream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&addr.into(), PATIENCE)?;
    let stream = Stream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn connect(addr: SocketAddr) -> Stream {
    connect_from(Ipv4Addr::LOCALHOST, addr).unwrap()
}

fn attacker(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(number % 200).unwrap() + 1)
}

/// Reads until the other side has ended.
fn read_all(mut stream: impl Read) -> std::io::Result<String> {
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
fn read_one(mut stream: impl Read) -> String {
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
fn exchange(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(addr);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_all(stream).unwrap()
}

fn status(text: &str) -> &str {
    text.get(9..12).unwrap_or(text)
}

/// Probes once on a new connection; `Err` says what was wrong.
fn probe(addr: SocketAddr) -> Result<(), String> {
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
fn under_probes(addr: SocketAddr, attack: impl FnOnce(&dyn Fn())) {
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
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = now() + PATIENCE;
    while !holds() {
        assert!(now() < end, "{what}: not within {PATIENCE:?}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Opens connections that say nothing, from many addresses.
fn flood(addr: SocketAddr, count: usize, batch: usize, pace: &dyn Fn()) -> Vec<Stream> {
    let mut idle = Vec::new();
    while idle.len() < count {
        idle.push(connect_from(attacker(idle.len()), addr).unwrap());
        if idle.len() % batch == 0 {
            pace();
        }
    }
    idle
}

#[test]
fn idle_connections_do_not_keep_a_prober_out() {
    let (front, addr) = start(|limits| {
        limits.connections = 100;
        limits.connections_per_address = 60;
    });
    under_probes(addr, |pace| {
        let idle = flood(addr, 500, 40, pace);
        eventually("only so many are left", || front.counters().evicted >= 400);
        assert!(front.counters().open <= 100);
        drop(idle);
    });
    eventually("all are gone", || front.counters().open == 0);
}

#[test]
fn one_address_does_not_push_out_others() {
    let (front, addr) = start(|limits| limits.connections_per_address = 10);
    let mut other = connect_from(PROBER, addr).unwrap();
    under_probes(addr, |_| {
        let idle: Vec<_> = (0..100).map(|_| connect(addr)).collect();
        eventually("all are accepted", || front.counters().accepted >= 101);
        drop(idle);
    });
    other.write_all(READY_CLOSE).unwrap();
    assert_eq!(status(&read_all(other).unwrap()), "200");
}

/// Sends byte after byte on many connections, and opens each again that was closed, until `enough`.
fn drip(addr: SocketAddr, head: &[u8], mut enough: impl FnMut() -> bool) {
    let mut dripping = Vec::new();
    eventually("the slow ones are ended", || {
        for number in dripping.len()..60 {
            let mut stream = connect_from(attacker(number), addr).unwrap();
            if stream.write_all(head).is_ok() {
                dripping.push(stream);
            }
        }
        dripping.retain_mut(|stream| stream.write_all(b"a").is_ok());
        enough()
    });
}

#[test]
fn slow_heads_are_ended() {
    let (front, addr) = start(|limits| {
        // Also the prober's own head must come within it, on a busy machine.
        limits.head_time = Duration::from_secs(1);
        limits.linger_time = Duration::from_millis(20);
    });
    under_probes(addr, |_| drip(addr, b"GET /", || front.counters().late_heads >= 100));
}

#[test]
fn slow_bodies_are_ended() {
    let (front, addr) = start(|limits| {
        limits.body_time = Duration::from_millis(200);
        limits.linger_time = Duration::from_millis(20);
    });
    under_probes(addr, |_| drip(addr, POST_1000, || front.counters().late_bodies >= 100));
}

#[test]
fn half_closed_connections_are_ended_at_once() {
    let (front, addr) = start(|_| {});
    under_probes(addr, |_| {
        let mut half = Vec::new();
        for number in 0..500 {
            let stream = connect_from(attacker(number), addr).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            half.push(stream);
        }
        for stream in half {
            assert_eq!(read_all(stream).unwrap_or_default(), "");
        }
    });
    eventually("all are gone", || front.counters().open == 0);
}

#[test]
fn pipelines_that_are_not_read_do_no_harm() {
    let (front, addr) = start(|limits| limits.write_time = Duration::from_millis(300));
    under_probes(addr, |_| {
        let requests = READY.repeat(1000);
        let mut clients = Vec::new();
        for number in 0..10 {
            let mut stream = connect_from(attacker(number), addr).unwrap();
            stream.set_nonblocking(true).unwrap();
            // Until the front reads no more, or has closed.
            let mut blocked = now();
            while now() < blocked + Duration::from_millis(100) {
                match stream.write(&requests) {
                    Ok(_) => blocked = now(),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        thread::park_timeout(Duration::from_millis(1));
                    }
                    Err(_) => break,
                }
            }
            clients.push(stream);
        }
        eventually("they are closed", || front.counters().late_readers >= 10);
        drop(clients);
    });
}

#[test]
fn big_answers_that_are_not_read_are_bounded() {
    let (front, addr) = start(|limits| limits.answers_bytes = 500_000);
    under_probes(addr, |_| {
        let mut clients = Vec::new();
        eventually("some are dropped", || {
            let mut stream = connect_from(attacker(clients.len()), addr).unwrap();
            for _ in 0..30 {
                if stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").is_err() {
                    break;
                }
            }
            clients.push(stream);
            front.counters().dropped_answers >= 5
        });
    });
}

#[test]
fn resets_do_no_harm() {
    let (front, addr) = start(|_| {});
    under_probes(addr, |_| {
        for number in 0..1000 {
            let mut stream = connect_from(attacker(number), addr).unwrap();
            if number % 2 == 0 {
                stream.write_all(READY).unwrap();
            }
            let socket = Socket::from(stream);
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
    });
    eventually("all are gone", || front.counters().open == 0);
}

#[test]
fn huge_heads_are_refused() {
    let (_front, addr) = start(|_| {});
    let head = "GET / HTTP/1.1\r\nHost: a\r\n";
    let one = format!("{head}X: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("{head}{}\r\n", "X: y\r\n".repeat(200_000));
    let line = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    under_probes(addr, |_| {
        for _ in 0..20 {
            for (bytes, expected) in [(&one, "431"), (&many, "431"), (&line, "414")] {
                let mut stream = connect(addr);
                // The front may end before everything is sent.
                drop(stream.write_all(bytes.as_bytes()));
                assert_eq!(status(&read_all(stream).unwrap()), expected);
            }
        }
    });
}

#[test]
fn what_could_smuggle_a_request_is_refused_and_nothing_behind_it_answered() {
    let (_front, addr) = start(|_| {});
    for (fields, expected) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", "501"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", "501"),
        ("Transfer-Encoding: gzip\r\nContent-Length: 5", "501"),
        ("Transfer-Encoding: xchunked", "501"),
        ("Transfer-Encoding : chunked", "400"),
        ("Transfer-Encoding:\r\n chunked", "400"),
        ("Content-Length: 5\r\nContent-Length: 6", "400"),
        ("Content-Length: 5\r\nContent-Length: 5", "400"),
        ("Content-Length: 5, 6", "400"),
        ("Content-Length: +5", "400"),
        ("Content-Length: 5\nX: y", "400"),
        ("Content-Length: 4611686018427387904", "413"),
        ("Content-Length: 99999999999999999999999999", "413"),
        ("Host: b", "400"),
    ] {
        let hidden = String::from_utf8_lossy(READY);
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n{hidden}");
        let answer = exchange(addr, text.as_bytes());
        assert_eq!(status(&answer), expected, "{fields}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{fields}");
        assert!(answer.contains("Connection: close"), "{fields}");
    }
}

#[test]
fn a_refusal_can_be_read_while_the_client_still_sends() {
    let (_front, addr) = start(|_| {});
    for _ in 0..20 {
        let mut stream = connect(addr);
        stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n").unwrap();
        // The client looks for an answer between the pieces, and sends on all the same.
        for _ in 0..64 {
            if stream.write_all(&[7; 16 * 1024]).is_err() {
                break;
            }
        }
        assert_eq!(status(&read_all(stream).unwrap()), "413");
    }
}

#[test]
fn bodies_come_back_whole() {
    let (front, addr) = start(|_| {});
    let body: String =
        (0..1 << 20).map(|at| char::from(b'a' + u8::try_from(at % 26).unwrap())).collect();
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut stream = connect(addr);
    for _ in 0..3 {
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        assert!(read_one(&stream).ends_with(&format!("\r\n\r\n{body}")));
    }
    assert_eq!(front.counters().handled, 3);
}

#[test]
fn a_kept_connection_is_answered_again_and_again() {
    let (front, addr) = start(|_| {});
    let mut stream = connect(addr);
    for _ in 0..1000 {
        stream.write_all(READY).unwrap();
        assert_eq!(status(&read_one(&stream)), "200");
    }
    assert_eq!((front.counters().accepted, front.counters().probes_ready), (1, 1000));
}

#[test]
fn a_stamp_that_is_old_turns_the_answer() {
    let board = Board::new(now().checked_sub(Duration::from_secs(10)).unwrap());
    let shop = ModuleName::new("shop").unwrap();
    board.publish(&shop, true, "ready");
    let config = FrontConfig::new("front", Arc::clone(&board), echo()).with_listener(local());
    let front = Front::start(config).unwrap();
    let addr = front.local_addrs()[0];
    let mut stream = connect(addr);
    let mut ask = || {
        stream.write_all(READY).unwrap();
        let text = read_one(&stream);
        let reason = text.split("X-SafeKit-Reason: ").nth(1).unwrap().split("\r\n").next().unwrap();
        (status(&text).to_owned(), reason.to_owned())
    };
    assert_eq!(ask(), ("404".to_owned(), "stale".to_owned()));
    board.stamp(now().checked_sub(Duration::from_secs(1)).unwrap());
    assert_eq!(ask(), ("404".to_owned(), "stale".to_owned()));
    board.stamp(now() + Duration::from_millis(500));
    // From here on nobody stamps. It is ready at first, unless the machine sleeps, and then it is not for ever.
    eventually("it is stale", || ask().1 == "stale");
    board.stamp(now() + Duration::from_secs(3600));
    assert_eq!(ask(), ("200".to_owned(), "ready".to_owned()));
    board.publish(&shop, false, "draining");
    assert_eq!(ask(), ("404".to_owned(), "draining".to_owned()));
    assert_eq!(board.take_probed(), [shop]);
}

/// A door that a test opens for handlers.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    moved: Condvar,
    waiting: AtomicUsize,
}

impl Gate {
    fn handler(self: &Arc<Self>) -> Handler {
        let gate = Arc::clone(self);
        Arc::new(move |_: &ApiRequest| {
            gate.waiting.fetch_add(1, Ordering::SeqCst);
            let open = gate.open.lock().unwrap();
            drop(gate.moved.wait_while(open, |open| !*open).unwrap());
            ApiResponse::text(200, "through\n")
        })
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.moved.notify_all();
    }
}

#[test]
fn a_full_pool_answers_503_and_probes_go_on() {
    let gate = Arc::new(Gate::default());
    let mut limits = Limits::default();
    limits.workers = 2;
    limits.queue = 3;
    let (front, addr) = start_with(limits, gate.handler());
    under_probes(addr, |_| {
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let mut stream = connect(addr);
                stream
                    .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    .unwrap();
                stream
            })
            .collect();
        eventually("all have arrived", || {
            front.counters().handled + front.counters().refused_queue == 20
        });
        assert!((3..=5).contains(&front.counters().handled));
        gate.open();
        let texts: Vec<_> = clients.into_iter().map(|stream| read_all(stream).unwrap()).collect();
        let count = |wanted| texts.iter().filter(|text| status(text) == wanted).count();
        assert_eq!(count("200") + count("503"), 20);
        assert_eq!(u64::try_from(count("503")).unwrap(), front.counters().refused_queue);
    });
}

#[test]
fn a_handler_that_panics_or_hangs_is_answered_for() {
    let (front, addr) = start(|_| {});
    assert_eq!(status(&exchange(addr, b"GET /panic HTTP/1.0\r\n\r\n")), "500");
    assert_eq!(front.counters().handler_faults, 1);
    assert_eq!(status(&exchange(addr, b"GET /other HTTP/1.0\r\n\r\n")), "200");
    let gate = Arc::new(Gate::default());
    let mut limits = Limits::default();
    limits.work_time = Duration::from_millis(50);
    let (front, addr) = start_with(limits, gate.handler());
    assert_eq!(status(&exchange(addr, b"GET / HTTP/1.0\r\n\r\n")), "504");
    gate.open();
    front.stop();
}

#[test]
fn a_stop_lets_a_request_end_and_a_drop_does_not_wait() {
    let gate = Arc::new(Gate::default());
    let (front, addr) = start_with(Limits::default(), gate.handler());
    let idle = connect(addr);
    let mut busy = connect(addr);
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("the handler works", || gate.waiting.load(Ordering::SeqCst) == 1);
    thread::scope(|scope| {
        scope.spawn(|| front.stop());
        // The idle one is closed first, so the stop has begun.
        assert_eq!(read_all(idle).unwrap(), "");
        gate.open();
        let text = read_all(busy).unwrap();
        assert!(text.ends_with("through\n") && text.contains("Connection: close"), "{text}");
    });
    assert!(connect_from(PROBER, addr).is_err(), "nobody listens any more");

    let gate = Arc::new(Gate::default());
    let (front, addr) = start_with(Limits::default(), gate.handler());
    let mut busy = connect(addr);
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("the handler works", || gate.waiting.load(Ordering::SeqCst) == 1);
    drop(front);
    assert_eq!(read_all(busy).unwrap_or_default(), "");
    gate.open();
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let (_front, addr) = start(|_| {});
    let config = FrontConfig::new("second", board(), echo()).with_listener(Listener::Tcp(addr));
    let error = Front::start(config).unwrap_err();
    let expected = format!(
        "cannot listen on {addr}: the port is in use; stop the program that has it or choose another port"
    );
    assert_eq!(error.to_string(), expected);
    let error = Front::start(FrontConfig::new("none", board(), echo())).unwrap_err();
    assert!(matches!(error, FrontError::ListenerCount { given: 0, .. }));
}

#[test]
fn several_fronts_share_a_board() {
    let board = board();
    let start = || {
        let config = FrontConfig::new("front", Arc::clone(&board), echo());
        Front::start(config.with_listener(local()).with_listener(local())).unwrap()
    };
    let fronts = [start(), start()];
    for front in &fronts {
        assert_eq!(front.local_addrs().len(), 2);
        for addr in front.local_addrs() {
            probe(*addr).unwrap();
        }
    }
    board.remove(&ModuleName::new("shop").unwrap());
    for front in &fronts {
        for addr in front.local_addrs() {
            assert!(probe(*addr).unwrap_err().contains("unknown-module"));
        }
    }
}

#[test]
fn ipv6_is_served_where_there_is_any() {
    let addr = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    let config = FrontConfig::new("front", board(), echo()).with_listener(Listener::Tcp(addr));
    match Front::start(config) {
        Ok(front) => {
            let mut stream = Stream::connect(front.local_addrs()[0]).unwrap();
            stream.write_all(READY_CLOSE).unwrap();
            assert_eq!(status(&read_all(stream).unwrap()), "200");
        }
        Err(error) => assert!(matches!(error, FrontError::Listen { .. }), "{error}"),
    }
}

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

/// This program again, playing the part of one test.
struct Part {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Part {
    fn start(test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env("FRONT_TEST_PART", test)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Gives an order and waits for its answer.
    fn order(&mut self, order: &str) -> String {
        writeln!(self.child.stdin.as_ref().unwrap(), "{order}").unwrap();
        self.answer()
    }

    /// Returns the next line that is meant for us.
    fn answer(&mut self) -> String {
        self.lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once("part: ")?.1.to_owned()))
            .unwrap()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn is_part(test: &str) -> bool {
    std::env::var("FRONT_TEST_PART").is_ok_and(|part| part == test)
}

/// The part that serves with 64 descriptors, and may be told to use up all others.
#[test]
fn part_few_descriptors() {
    if !is_part("part_few_descriptors") {
        return;
    }
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    reserve_file_descriptors(1000).unwrap();
    let config = FrontConfig::new("front", board(), echo()).with_listener(local());
    let front = Front::start(config).unwrap();
    println!("part: {}", front.local_addrs()[0]);
    let mut hog = Vec::new();
    for order in std::io::stdin().lines() {
        match order.unwrap().as_str() {
            "hog" => {
                while let Ok(file) = std::fs::File::open("/dev/null") {
                    hog.push(file);
                }
            }
            "relief" => hog.clear(),
            _ => {}
        }
        let counters = front.counters();
        println!("part: {} {} {}", counters.open, counters.accept_failures, counters.evicted);
    }
    front.stop();
}

fn numbers(line: &str) -> Vec<u64> {
    line.split(' ').map(|word| word.parse().unwrap()).collect()
}

#[test]
fn few_descriptors_are_enough_to_go_on() {
    let mut part = Part::start("part_few_descriptors");
    let addr: SocketAddr = part.answer().parse().unwrap();
    // More idle connections than descriptors.
    under_probes(addr, |pace| {
        let idle = flood(addr, 200, 8, pace);
        assert!(numbers(&part.order("count"))[0] <= 32, "half of the limit");
        drop(idle);
    });
    // Somebody else has all of them: idle connections are given up for callers.
    let mut kept = connect_from(PROBER, addr).unwrap();
    kept.write_all(READY).unwrap();
    assert_eq!(status(&read_one(&kept)), "200");
    let idle: Vec<_> = (0..5).map(|number| connect_from(attacker(number), addr).unwrap()).collect();
    eventually("all are accepted", || numbers(&part.order("count"))[0] == 6);
    let evicted = numbers(&part.order("hog"))[2];
    probe(addr).unwrap();
    let counts = numbers(&part.order("count"));
    assert!(counts[1] > 0 && counts[2] > evicted, "{counts:?}");
    kept.write_all(READY).unwrap();
    assert_eq!(status(&read_one(&kept)), "200");
    drop((idle, kept));
    // Nothing of ours is left to give up: callers are turned away, not left waiting.
    eventually("all are gone", || numbers(&part.order("count"))[0] == 0);
    part.order("hog");
    for _ in 0..3 {
        assert!(probe(addr).is_err());
    }
    part.order("relief");
    eventually("it serves again", || probe(addr).is_ok());
    part.end();
}

/// The part that counts its own descriptors and threads before and after.
#[test]
fn part_leaves_nothing() {
    if !is_part("part_leaves_nothing") {
        return;
    }
    let count = |folder| std::fs::read_dir(folder).unwrap().count();
    let before = (count("/proc/self/fd"), count("/proc/self/task"));
    for round in 0..3 {
        let (front, addr) = start(|limits| limits.connections = 20);
        let mut clients: Vec<_> = (0..30).map(|_| connect(addr)).collect();
        for client in clients.iter_mut().skip(15) {
            client.write_all(if round == 1 { READY } else { POST_1000 }).unwrap();
        }
        eventually("all are accepted", || front.counters().accepted == 30);
        drop(clients);
        if round == 2 { drop(front) } else { front.stop() }
    }
    eventually("all is given back", || {
        (count("/proc/self/fd"), count("/proc/self/task")) == before
    });
}

#[test]
fn nothing_is_left_after_the_end() {
    Part::start("part_leaves_nothing").end();
}
