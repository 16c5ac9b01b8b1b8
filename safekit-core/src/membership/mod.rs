//! How the nodes agree on who is there: heartbeats -> members -> agreed views -> participants of each module.
//!
//! There is no leader, no vote and no round. Each node tells one *row* about itself, with a version; rows are relayed.
//! What view is wanted is a pure function of the rows; it is in force when the newest row of each member says the same
//! number and view.
//!
//! ```text
//! datagrams ─► receive ─► peer (who was heard when), table (newest rows)
//!                              │                        │
//! turn ──────────────────► decide: hearing ─► graph ─► choice ─► doubt ─► agreement ─► own row
//!                                                                                        │
//! datagrams ◄──────────────────────────────────────────────── send ◄─── pace ◄───────────┘
//! ```
//!
//! Always: within one incarnation the announced number only grows, and grows whenever the announced view changes; what a
//! view gives is claimed only once all its members announced it; a node that joins announces none. Not here: bytes
//! (`wire`), sockets (`runtime`), buckets (the farm).
//!
//! Example: [`Membership`].

mod agreement;
mod cadence;
mod choice;
mod clique;
mod configured;
mod decide;
mod doubt;
mod faults;
mod graph;
mod identity;
mod links;
mod machine;
mod pace;
mod peer;
mod receive;
mod send;
mod shun;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod turns;
mod types;

pub use machine::Membership;
pub use types::{
    Fault, Input, JoinReason, MemberReason, MemberState, MemberStatus, MembershipConfig,
    NodeConfig, Output, RefusedCounts, Start, Transmit, View, ViewMember,
};

pub use crate::wire::ModuleFacts;
