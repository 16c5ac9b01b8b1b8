//! The fronts that answer: one for the network, one for this host, so that a flood on one leaves the other alone.
//!
//! Without the control socket there is no agent: nobody could give it commands. Without the network's front there is
//! one, because the applications have to be watched: no balancer hears of this node then, and that is a fault that stands
//! until the port is free.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use safekit_core::runtime::front::{ApiRequest, Front, FrontConfig, FrontError, Limits, Listener};

use super::operations::Office;
use super::own::OwnEvent;
use super::start::StartError;
use super::{Agent, BIND_INTERVAL};
use crate::api::{Api, HostUsers, Permissions, StatusPage};

/// Where health answers are given.
const HEALTH_PORT: u16 = 9010;
/// The name of the fault of a node that cannot give them.
const HEALTH: &str = "health";
/// How long an order of the control socket may take: `config` of a module that runs runs three scripts of 60 s at most.
const ORDER_LIMIT: Duration = Duration::from_secs(200);
/// Connections that the control socket has room for.
const CONTROL_CONNECTIONS: usize = 128;

impl Agent {
    /// Opens the control socket.
    pub(super) fn open_control(&mut self, office: Arc<Office>) -> Result<(), StartError> {
        let permissions = Permissions::new(rustix::process::getuid().as_raw(), Arc::new(HostUsers));
        let api = Arc::new(Api::new(office, permissions, StatusPage::On));
        let access = self.layout.socket_access();
        let socket = Listener::Unix { path: self.layout.socket(), mode: 0o600 };
        let mut limits = Limits::default();
        limits.work_time = ORDER_LIMIT;
        limits.connections = CONTROL_CONNECTIONS;
        let control = self.front("control", &api).with_listener(socket).with_limits(limits);
        self.control = Some(Front::start(control)?);
        self.api = Some(api);
        self.layout.open_socket(access)?;
        if let Some(line) = access.line() {
            self.tell_node(&OwnEvent::FewMayCommand { line });
        }
        Ok(())
    }

    /// Opens the front where balancers ask, or says why not and when it is tried again.
    pub(super) fn open_network(&mut self, now: Instant) {
        let Some(api) = self.api.clone() else { return };
        match self.network_front(&api) {
            Ok(front) => {
                self.network = Some(front);
                self.network_at = None;
                if self.told_faults.remove(HEALTH).is_some() {
                    self.tell_node(&OwnEvent::HealthGiven);
                }
            }
            Err(error) => {
                self.network_at = Some(now + BIND_INTERVAL);
                self.tell_fault(HEALTH, &OwnEvent::HealthRefused { error: error.to_string() });
            }
        }
    }

    /// Tries again to open the front where balancers ask: its port may be free.
    pub(super) fn open_network_again(&mut self, now: Instant) {
        if self.network_at.is_some_and(|at| at <= now) {
            self.open_network(now);
        }
    }

    fn network_front(&mut self, api: &Arc<Api>) -> Result<Front, FrontError> {
        let tcp = |address: IpAddr| Listener::Tcp(SocketAddr::new(address, HEALTH_PORT));
        let front = |listener| self.front("health", api).with_listener(listener);
        if let Some(address) = self.arguments.bind {
            return Front::start(front(tcp(address)));
        }
        let both = front(tcp(Ipv4Addr::UNSPECIFIED.into()))
            .with_listener(tcp(Ipv6Addr::UNSPECIFIED.into()));
        match Front::start(both) {
            Ok(front) => Ok(front),
            // A host without IPv6 has IPv4; where the port is taken, that says so again.
            Err(error) => {
                let four = Front::start(front(tcp(Ipv4Addr::UNSPECIFIED.into())))?;
                self.tell_node(&OwnEvent::HealthOnFour { error: error.to_string() });
                Ok(four)
            }
        }
    }

    fn front(&self, name: &str, api: &Arc<Api>) -> FrontConfig {
        let (handler, admit) = (Arc::clone(api), Arc::clone(api));
        let handle = move |request: &ApiRequest| handler.handle(request);
        FrontConfig::new(name, Arc::clone(&self.board), Arc::new(handle))
            .with_admit(Arc::new(move |request: &ApiRequest| admit.admit(request)))
    }
}
