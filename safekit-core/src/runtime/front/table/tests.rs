//! Connections in virtual time, without sockets.

mod bounds;
mod connections;
mod damage;
mod health;
mod walk;

use std::time::Duration;

use crate::runtime::front::harness::World;
use crate::runtime::front::limits::Limits;
use crate::runtime::front::{ApiRequest, ApiResponse};

const READY: &[u8] = b"GET /var/modules/shop/ready.txt HTTP/1.1\r\nHost: a\r\n\r\n";
const HANDLED: &[u8] = b"GET /api HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &[u8] = b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    World::new(Limits::default())
}

fn limited(change: impl FnOnce(&mut Limits)) -> World {
    let mut limits = Limits::default();
    change(&mut limits);
    World::new(limits)
}

fn status(text: &str) -> &str {
    text.get(9..12).unwrap_or(text)
}

fn ok(request: &ApiRequest) -> ApiResponse {
    ApiResponse::text(200, request.path.clone())
}
