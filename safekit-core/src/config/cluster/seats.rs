//! Which node has which address on which lan, and what no two of these may have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::config::check::Checked;
use crate::config::diagnostic::{Code, Report, Said};
use crate::config::model::Host;
use crate::ids::{LanName, NodeName};

/// A node on a lan.
pub(super) struct Seat<'c> {
    pub(super) lan: &'c LanName,
    pub(super) node: &'c NodeName,
    pub(super) addr: &'c Host,
    pub(super) laddr: Option<IpAddr>,
}

impl Seat<'_> {
    fn local(&self) -> Option<IpAddr> {
        self.laddr.or(match self.addr {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        })
    }
}

/// What two seats must not have in common.
pub(super) enum Conflict {
    /// The node is there twice, on one lan.
    Node,
    /// Two nodes have one address, on one lan.
    Address { with: NodeName },
    /// One node has the same address of its own on two lans.
    OwnAddress { with: LanName },
    /// Two nodes have the same address of their own: only `--node` tells which is which.
    Ambiguous { with: NodeName },
}

/// Finds what is wrong with the seat that comes next; work is bounded by the logarithm of what came before.
#[derive(Default)]
pub(super) struct Seats<'c> {
    nodes: BTreeSet<(&'c LanName, &'c NodeName)>,
    addresses: BTreeMap<(&'c LanName, String), &'c NodeName>,
    locals: BTreeMap<IpAddr, (&'c LanName, &'c NodeName)>,
}

impl<'c> Seats<'c> {
    /// Takes a seat, and tells in what it contradicts those before.
    pub(super) fn add(&mut self, seat: &Seat<'c>) -> Option<Conflict> {
        if !self.nodes.insert((seat.lan, seat.node)) {
            return Some(Conflict::Node);
        }
        let address = seat.addr.to_string().to_ascii_lowercase();
        if let Some(with) = self.addresses.insert((seat.lan, address), seat.node) {
            return Some(Conflict::Address { with: with.clone() });
        }
        match self.locals.insert(seat.local()?, (seat.lan, seat.node)) {
            Some((lan, node)) if node == seat.node => {
                Some(Conflict::OwnAddress { with: lan.clone() })
            }
            Some((_, node)) => Some(Conflict::Ambiguous { with: node.clone() }),
            None => None,
        }
    }
}

/// Tells what is wrong with the seats as they are written.
pub(super) fn check(lans: &Checked, report: &mut Report<'_>) {
    let mut seats = Seats::default();
    let mut seen_lans = BTreeSet::new();
    for lan in lans.children("lan") {
        // Of a second lan of the same name nothing more is told.
        let Some(lan_name) = lan.lan_name("name").filter(|name| seen_lans.insert(*name)) else {
            continue;
        };
        for node in lan.children("node") {
            let (Some(name), Some(addr)) = (node.node_name("name"), node.host("addr")) else {
                continue;
            };
            let seat = Seat { lan: lan_name, node: name, addr, laddr: node.ip("laddr") };
            let Some(conflict) = seats.add(&seat) else { continue };
            let at = match conflict {
                Conflict::Node => node.value_at("name"),
                Conflict::Address { .. } => node.value_at("addr"),
                Conflict::OwnAddress { .. } | Conflict::Ambiguous { .. } => {
                    if seat.laddr.is_some() {
                        node.value_at("laddr")
                    } else {
                        node.value_at("addr")
                    }
                }
            };
            let said = || {
                let said = Said::new(conflict.message(&seat));
                said.hint_maybe(conflict.hint().map(str::to_owned))
            };
            match conflict {
                Conflict::Ambiguous { .. } => report.warning(at, Code::Duplicate, said),
                Conflict::Node | Conflict::Address { .. } | Conflict::OwnAddress { .. } => {
                    report.error(at, Code::Duplicate, said);
                }
            }
        }
    }
}

impl Conflict {
    /// Says what it is.
    pub(super) fn message(&self, seat: &Seat<'_>) -> String {
        let Seat { lan, node, addr, .. } = seat;
        let local = seat.local().map(|ip| Host::Ip(ip).to_string()).unwrap_or_default();
        match self {
            Self::Node => format!("node '{node}' is twice on lan '{lan}'"),
            Self::Address { with } => {
                format!("nodes '{with}' and '{node}' have the same address {addr} on lan '{lan}'")
            }
            Self::OwnAddress { with } => {
                format!(
                    "node '{node}' has the same address {local} on lan '{with}' and lan '{lan}'"
                )
            }
            Self::Ambiguous { with } => {
                format!("nodes '{with}' and '{node}' have the same address of their own, {local}")
            }
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Node | Self::Address { .. } => None,
            Self::OwnAddress { .. } => Some("each lan needs an address of its own"),
            Self::Ambiguous { .. } => Some("start each of them with --node"),
        }
    }
}
