//! The HTTP front: answers health at once, hands other requests, complete and bounded, to one function.
//!
//! It faces the network alone, so everything a stranger can cost is bounded by [`Limits`], and no state of a
//! connection lasts for ever. When it runs out of room it closes what is cheapest to lose and goes on accepting.
//!
//! ```text
//! event loop ──publish, stamp──► Board ──snapshot──► Front (one thread) ──complete requests──► workers ─► handler
//!                                                      ▲     │  ▲                                            │
//!                                             sockets ─┘     │  └────────────────── answers ─────────────────┘
//!                                                            └─► GET /var/modules/NAME/ready.txt: 200 or 404
//! ```
//!
//! | file | job |
//! |---|---|
//! | `head.rs` | bytes to a head or a refusal; pure |
//! | `conn.rs` | one connection; pure |
//! | `table.rs` | all connections: places, deadlines, evictions; pure |
//! | `list.rs` | one list per class of connections |
//! | `board.rs` | health answers and the dead man's switch |
//! | `answer.rs` | bytes of answers |
//! | `serve.rs`, `listen.rs` | the thread and its sockets |
//! | `pool.rs` | workers of the handler |
//!
//! Health: `GET`, `HEAD` or `OPTIONS` of `/var/modules/NAME/ready.txt` is 200 only when the module was published as
//! ready and the event loop has stamped the board within [`STALE_AFTER`]; else 404, and `X-SafeKit-Reason` says why.
//! Names are compared as they were sent, nothing is decoded; a query is ignored; nothing is redirected.
//!
//! Left out, because what is not there cannot be attacked: bodies in chunks, HTTP/2, upgrades, compression, ranges.
//!
//! # Example
//!
//! ```
//! use std::net::{Ipv4Addr, SocketAddr};
//! use std::sync::Arc;
//! use safekit_core::runtime::clock;
//! use safekit_core::runtime::front::{ApiResponse, Board, Front, FrontConfig, FrontError, Listener};
//!
//! # fn main() -> Result<(), FrontError> {
//! let board = Board::new(clock::now());
//! let handler = Arc::new(|_: &_| ApiResponse::text(404, "nothing here\n"));
//! let config = FrontConfig::new("web", Arc::clone(&board), handler)
//!     .with_listener(Listener::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
//! let front = Front::start(config)?;
//! assert_eq!(front.local_addrs().len(), 1);
//! front.stop();
//! # Ok(())
//! # }
//! ```

mod answer;
mod board;
mod budget;
mod conn;
mod counters;
mod error;
#[expect(clippy::module_inception, reason = "the noun of the folder")]
mod front;
#[cfg(feature = "fuzz")]
mod fuzz;
#[cfg(any(test, feature = "fuzz"))]
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "of tests and fuzzers: a panic is what they look for"
)]
#[cfg_attr(not(test), expect(dead_code, reason = "fuzzers use a part of it"))]
mod harness;
mod head;
mod limits;
mod list;
mod listen;
mod pool;
mod request;
mod serve;
mod shared;
mod table;

use std::sync::Arc;

pub use board::{Board, STALE_AFTER, STAMP_INTERVAL};
pub use counters::Counters;
pub use error::FrontError;
pub use front::{Front, FrontConfig, reserve_file_descriptors};
#[cfg(feature = "fuzz")]
pub(crate) use fuzz::connection;
pub use limits::Limits;
pub use listen::Listener;
pub use request::{ApiRequest, ApiResponse, Method, Peer};

/// Answers requests; called by several workers at a time.
///
/// Example: [`Front`].
pub type Handler = Arc<dyn Fn(&ApiRequest) -> ApiResponse + Send + Sync>;

/// Says, from the head of a request alone, whether its body is to be read, or else what to answer.
///
/// Example: [`ApiRequest`].
pub type Admit = Arc<dyn Fn(&ApiRequest) -> Result<(), ApiResponse> + Send + Sync>;
