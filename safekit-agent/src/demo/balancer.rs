//! The demo's load balancer: does what a cloud's does. It asks every node for its health answer and hands each
//! request to the next node that is in rotation; it never tries a second one, so what is lost is seen.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::counts::Counts;

/// Time between two probes of a node. A cloud's balancer takes 5 to 30 s; the demo is in a hurry.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// A probe that takes longer has failed.
const PROBE_LIMIT: Duration = Duration::from_millis(500);
/// A forwarded request that takes longer has failed.
const FORWARD_LIMIT: Duration = Duration::from_secs(2);
/// Threads that forward.
const FORWARDERS: usize = 4;

/// What is balanced.
#[derive(Clone, Debug)]
pub(crate) struct BalancerConfig {
    /// Where clients come in.
    pub(crate) listen: SocketAddr,
    /// The module whose health answer counts.
    pub(crate) module: String,
    /// The nodes.
    pub(crate) nodes: Vec<IpAddr>,
    /// Where the agents answer.
    pub(crate) health_port: u16,
    /// Where the application answers.
    pub(crate) application_port: u16,
}

/// The nodes that take clients now.
#[derive(Debug, Default)]
struct Rotation {
    nodes: Vec<IpAddr>,
    next: usize,
}

impl Rotation {
    fn set(&mut self, node: IpAddr, healthy: bool) {
        self.nodes.retain(|present| *present != node);
        if healthy {
            self.nodes.push(node);
            self.nodes.sort();
        }
    }

    fn next(&mut self) -> Option<IpAddr> {
        self.next = self.next.wrapping_add(1);
        self.nodes.get(self.next.checked_rem(self.nodes.len())?).copied()
    }
}

/// A running balancer; ends when dropped.
pub(crate) struct Balancer {
    rotation: Arc<Mutex<Rotation>>,
    ended: Arc<AtomicBool>,
    server: Arc<tiny_http::Server>,
    threads: Vec<JoinHandle<()>>,
}

impl Balancer {
    /// Begins to probe and to forward.
    ///
    /// # Errors
    /// When the address is taken, or a thread cannot be started.
    pub(crate) fn start(config: &BalancerConfig, counts: &Arc<Counts>) -> io::Result<Self> {
        let server = Arc::new(tiny_http::Server::http(config.listen).map_err(io::Error::other)?);
        let mut balancer =
            Self { rotation: Arc::default(), ended: Arc::default(), server, threads: Vec::new() };
        for node in &config.nodes {
            balancer.start_prober(*node, config)?;
        }
        for _ in 0..FORWARDERS {
            balancer.start_forwarder(config.application_port, counts)?;
        }
        Ok(balancer)
    }

    fn start_prober(&mut self, node: IpAddr, config: &BalancerConfig) -> io::Result<()> {
        let url = format!(
            "http://{}/var/modules/{}/ready.txt",
            SocketAddr::new(node, config.health_port),
            config.module
        );
        let (rotation, ended) = (Arc::clone(&self.rotation), Arc::clone(&self.ended));
        let probe = move || {
            let client = client(PROBE_LIMIT);
            while !ended.load(Ordering::Relaxed) {
                let healthy = client.get(&url).call().is_ok_and(|answer| answer.status() == 200);
                rotation.lock().unwrap_or_else(PoisonError::into_inner).set(node, healthy);
                std::thread::park_timeout(PROBE_INTERVAL);
            }
        };
        self.threads.push(std::thread::Builder::new().name(format!("probe {node}")).spawn(probe)?);
        Ok(())
    }

    fn start_forwarder(&mut self, port: u16, counts: &Arc<Counts>) -> io::Result<()> {
        let (rotation, server) = (Arc::clone(&self.rotation), Arc::clone(&self.server));
        let counts = Arc::clone(counts);
        let forward = move || {
            let client = client(FORWARD_LIMIT);
            while let Ok(request) = server.recv() {
                let node = rotation.lock().unwrap_or_else(PoisonError::into_inner).next();
                // A client that went away before its answer is its own affair.
                drop(match node {
                    None => refuse(request, 503, "no node is in rotation\n"),
                    Some(node) => {
                        let asked = ask(&client, SocketAddr::new(node, port), request.url());
                        counts.of_node(node, asked.is_ok());
                        match asked {
                            Ok(text) => request.respond(tiny_http::Response::from_string(text)),
                            Err(error) => refuse(request, 502, &format!("{node}: {error}\n")),
                        }
                    }
                });
            }
        };
        self.threads.push(std::thread::Builder::new().name("forward".into()).spawn(forward)?);
        Ok(())
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for _ in 0..FORWARDERS {
            self.server.unblock();
        }
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A thread that panicked has told so on standard error.
            drop(thread.join());
        }
    }
}

/// Makes a client that opens a connection for each request, as a balancer without keep-alive does.
pub(super) fn client(limit: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(limit))
        .max_idle_connections(0)
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

fn ask(client: &ureq::Agent, node: SocketAddr, path: &str) -> Result<String, ureq::Error> {
    client.get(format!("http://{node}{path}")).call()?.body_mut().read_to_string()
}

fn refuse(request: tiny_http::Request, status: u16, text: &str) -> io::Result<()> {
    request.respond(tiny_http::Response::from_string(text).with_status_code(status))
}
