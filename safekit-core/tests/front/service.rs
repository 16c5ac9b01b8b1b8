//! What the front is for: probes, handlers, starting and stopping.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use safekit_core::ids::ModuleName;
use safekit_core::runtime::front::{
    ApiRequest, ApiResponse, Board, Front, FrontConfig, FrontError, Handler, Limits, Listener,
};

use crate::help::*;

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
        "cannot listen on {addr}: the port is in use; stop the program that has it (ss -ltnp shows it), or choose another one (Address already in use (os error 98))"
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
