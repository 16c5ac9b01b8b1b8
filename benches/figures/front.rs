//! The front of the agent alone, in a process of its own, with room for as many connections as its peers have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use safekit_benches::servers::ROOM;
use safekit_benches::{Trouble, Try};
use safekit_core::ids::ModuleName;
use safekit_core::runtime::clock;
use safekit_core::runtime::front::{
    ApiRequest, ApiResponse, Board, Front, FrontConfig, Limits, Listener,
};

/// Serves until this process is killed, or the one that started it is gone.
pub(crate) fn serve(address: &str, module: &str) -> Try<()> {
    let failed = |why: &dyn std::fmt::Display| Trouble::failed(format!("{address}: {why}"));
    let address: SocketAddr = address.parse().map_err(|error| failed(&error))?;
    let module = ModuleName::new(module).map_err(|error| failed(&error))?;
    let board = Board::new(clock::now());
    board.publish(&module, true, "ready");
    let handler = Arc::new(|_: &ApiRequest| ApiResponse::text(404, "nothing here\n"));
    let mut limits = Limits::default();
    limits.connections = ROOM;
    let config = FrontConfig::new("health", Arc::clone(&board), handler)
        .with_listener(Listener::Tcp(address))
        .with_limits(limits);
    let front = Front::start(config).map_err(|error| failed(&error))?;
    let parent = rustix::process::getppid();
    while front.is_running() && rustix::process::getppid() == parent {
        board.stamp(clock::now());
        std::thread::park_timeout(STAMP);
    }
    Ok(())
}

/// As the agent's loop.
const STAMP: Duration = Duration::from_millis(50);
