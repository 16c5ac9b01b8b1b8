//! How the nodes agree on who is there: heartbeats -> members -> agreed views -> participants of each module.

mod types;

pub use types::{
    Fault, Input, JoinReason, MemberReason, MemberState, MembershipConfig, ModuleFacts, NodeConfig,
    Output, Transmit, View, ViewMember,
};
