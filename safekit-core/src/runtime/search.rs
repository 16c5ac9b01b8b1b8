//! Has the kernel look anew for a node that is silent, on a thread of its own.
//!
//! By itself the kernel asks once a second where a neighbour is that does not answer, and holds what is sent to it until
//! then: a link that works again would not be used for up to a second. To ask it may wait for whoever changes the host's
//! network just then, so the loop does not do it: a datagram for a silent node is sent by this thread, after the question.
//!
//! In: datagrams for nodes that are due (`lookout`). Out: what came of them. Where this process may not change the table of
//! neighbours, or the operating system has none, all is as the kernel does it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use socket2::Socket;

use crate::ids::{LanId, NODES_MAX};
use crate::runtime::sys::neighbour::Neighbours;
use crate::runtime::worker::Worker;

/// The way to the thread.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Made when it is needed first.
    thread: Option<Thread>,
    /// It cannot be done here.
    given_up: bool,
}

#[derive(Debug)]
struct Thread {
    worker: Worker<SearchJob>,
    found: Receiver<Found>,
}

/// A datagram for a silent node.
#[derive(Debug)]
pub(super) struct SearchJob {
    pub(super) lan: LanId,
    /// The lan's own address.
    pub(super) own: IpAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
    pub(super) socket: Arc<Socket>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) lan: LanId,
    pub(super) to: SocketAddr,
    /// The kernel holds nothing back for that node.
    pub(super) reached: bool,
    /// It is never done here.
    refused: bool,
    /// What became of the datagram.
    pub(super) sent: io::Result<()>,
}

impl Search {
    /// Tells whether it can be done here, as far as that is known.
    pub(super) fn is_possible(&self) -> bool {
        !self.given_up
    }

    /// Has a node looked for and then the datagram sent; `false`: it is not sent, since the thread has too much to do.
    pub(super) fn submit(&mut self, job: SearchJob) -> bool {
        let thread = match self.thread.take().map_or_else(|| start(kernel()), Ok) {
            Ok(thread) => self.thread.insert(thread),
            // No thread now: tried again.
            Err(_) => return false,
        };
        thread.worker.submit(job).is_ok()
    }

    /// Returns what has come of the next one.
    pub(super) fn poll(&mut self) -> Option<Found> {
        let found = self.thread.as_ref()?.found.try_recv().ok()?;
        self.given_up |= found.refused;
        Some(found)
    }
}

/// Has the kernel look on the network of an own address for another one; see [`Neighbours::ask_anew`].
type Ask = Box<dyn FnMut(IpAddr, IpAddr) -> io::Result<bool> + Send>;

fn kernel() -> Ask {
    let mut neighbours = Neighbours::default();
    Box::new(move |own, to| neighbours.ask_anew(own, to))
}

fn start(mut ask: Ask) -> io::Result<Thread> {
    let (results, found) = mpsc::channel();
    let worker = Worker::start(SEARCHER, JOBS_MAX, move |jobs: Vec<SearchJob>| {
        for job in jobs {
            let asked = ask(job.own, job.to.ip());
            // Nobody takes it any more when the loop has ended.
            drop(results.send(send(&job, asked)));
        }
    })?;
    Ok(Thread { worker, found })
}

fn send(job: &SearchJob, asked: io::Result<bool>) -> Found {
    // An interface that has gone is another fault: it is tried again.
    let refused = asked.as_ref().is_err_and(|error| {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
    });
    let sent = job.socket.send_to(&job.bytes, &job.to.into()).map(|_| ());
    Found { lan: job.lan, to: job.to, reached: matches!(asked, Ok(false)), refused, sent }
}

const SEARCHER: &str = "sk-search";
/// One for each node on some lans; each waits for its own end before it is asked for again.
const JOBS_MAX: usize = 2 * NODES_MAX;

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::*;
    use crate::runtime::sys::socket::bind_udp;

    fn socket() -> (Arc<Socket>, SocketAddr) {
        let socket = bind_udp(([127, 0, 0, 1], 0).into(), 4096).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (Arc::new(socket), address)
    }

    fn next(search: &mut Search) -> Found {
        loop {
            if let Some(found) = search.poll() {
                return found;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_orders_it_does_not_wait_for_the_kernel_and_the_datagram_does() {
        let (gate, opens) = mpsc::channel();
        let ask = Box::new(move |_, _| opens.recv().unwrap_or(Ok(true)));
        let mut search = Search { thread: Some(start(ask).unwrap()), given_up: false };
        let ((socket, own), (receiver, to)) = (socket(), socket());
        let lan = LanId::new(0).unwrap();
        let job = || SearchJob {
            lan,
            own: own.ip(),
            to,
            bytes: b"beat".to_vec(),
            socket: Arc::clone(&socket),
        };
        assert!(search.submit(job()));
        // The kernel has not answered.
        let mut buffer = [MaybeUninit::new(0); 8];
        assert_eq!(receiver.recv(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(search.poll().is_none());
        gate.send(Ok(false)).unwrap();
        let found = next(&mut search);
        assert!(found.reached && found.sent.is_ok() && search.is_possible());
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 4);
        // Where it is not allowed it is not tried again, and the datagram goes all the same.
        gate.send(Err(io::ErrorKind::PermissionDenied.into())).unwrap();
        assert!(search.submit(job()));
        assert!(next(&mut search).sent.is_ok() && !search.is_possible());
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 4);
    }
}
