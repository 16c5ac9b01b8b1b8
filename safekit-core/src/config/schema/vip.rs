//! The part of the table below `<vip>`: virtual IP addresses of a farm, and who takes which share of their traffic.
//!
//! It is checked in full and then refused: an application that its clients cannot reach must not look configured.

use std::time::Duration;

use super::super::duration::Unit;
use super::super::spec::{
    AttributeSpec, ElementSpec, Kind, Occurs, duration_in, later, one_of, yes,
};
use super::{DAY, NAME_CHARS_MAX, ON_OFF};
use crate::ids::NODES_MAX;

/// The most of each element of a list below `<vip>`.
pub(super) const VIP_PARTS_MAX: usize = 64;

const UNDOCUMENTED: &str = "SafeKit's reference gives no default";

pub(super) const VIP: ElementSpec =
    ElementSpec::new("vip", Occurs::MAYBE, "Virtual IP addresses with load sharing.")
        .checked_not_yet(
            "virtual IP addresses do not exist here yet: behind a load balancer leave <vip> out",
        )
        .with(
            &[
                AttributeSpec::or(
                    "tcpreset",
                    ON_OFF,
                    "on",
                    "Whether open connections are reset before the addresses go away.",
                ),
                AttributeSpec::or(
                    "scriptcontrol",
                    ON_OFF,
                    "off",
                    "Whether scripts open and close the traffic.",
                ),
            ],
            &[INTERFACE_LIST, LOADBALANCING_LIST],
        );

const INTERFACE_LIST: ElementSpec = ElementSpec::new(
    "interface_list",
    Occurs::ONCE,
    "The network interfaces with virtual addresses.",
)
.with(&[], &[INTERFACE]);

const ARP_TIME: Kind = duration_in(Unit::Second, Duration::from_secs(1), DAY);

const INTERFACE: ElementSpec =
    ElementSpec::new("interface", Occurs::one_up_to(VIP_PARTS_MAX), "A network interface.").with(
        &[
            AttributeSpec::or(
                "check",
                ON_OFF,
                "on",
                "Whether a lost link makes the module wait; not for bonded interfaces.",
            ),
            AttributeSpec::or(
                "arpreroute",
                ON_OFF,
                "off",
                "Whether ARP announcements are sent; not with vmac_invisible.",
            ),
            AttributeSpec::or("arpinterval", ARP_TIME, "60s", "Time between two announcements."),
            AttributeSpec::or("arpelapse", ARP_TIME, "1200s", "How long announcements are sent."),
            AttributeSpec::maybe(
                "name",
                Kind::Token { chars_max: NAME_CHARS_MAX },
                "the interface whose network holds the address",
                "Its name in the system, the same on all nodes.",
            ),
        ],
        &[
            VIRTUAL_INTERFACE,
            ElementSpec::not_yet(
                "real_interface",
                "a farm has <virtual_interface>",
                "Addresses of a mirror module.",
            ),
        ],
    );

const VIRTUAL_INTERFACE: ElementSpec = ElementSpec::new(
    "virtual_interface",
    Occurs::ONCE,
    "How the packets reach the nodes.",
)
.with(
    &[
        AttributeSpec::maybe(
            "type",
            one_of(&[yes("vmac_directed"), yes("vmac_invisible")]),
            UNDOCUMENTED,
            "With vmac_directed one node gets a packet and hands it on; with vmac_invisible every node gets all packets and keeps its share.",
        ),
        AttributeSpec::maybe(
            "addr",
            Kind::Mac,
            "5a:fe and the four bytes of the first address",
            "The virtual MAC address; without effect with vmac_directed.",
        ),
    ],
    &[VIRTUAL_ADDR],
);

const VIRTUAL_ADDR: ElementSpec = ElementSpec::new(
    "virtual_addr",
    Occurs::one_up_to(VIP_PARTS_MAX),
    "A virtual address.",
)
.with(
    &[
        AttributeSpec::required("addr", Kind::Target, "The address; unique."),
        AttributeSpec::or(
            "where",
            one_of(&[
                yes("alias"),
                later("one_side_alias", "it belongs to mirror modules: write alias"),
            ]),
            "alias",
            "Which nodes have it: alias is all.",
        ),
        AttributeSpec::or("check", ON_OFF, "on", "Whether a lost address leads to stopstart."),
        AttributeSpec::or("connections", ON_OFF, "off", "Whether open connections are counted."),
        AttributeSpec::maybe(
            "netmask",
            Kind::Netmask,
            "that of the interface",
            "The mask of its network; IPv4 only.",
        ),
    ],
    &[],
);

const LOADBALANCING_LIST: ElementSpec =
    ElementSpec::new("loadbalancing_list", Occurs::MAYBE, "How the traffic is shared.")
        .with(&[], &[GROUP]);

const GROUP: ElementSpec = ElementSpec::new(
    "group",
    Occurs::one_up_to(VIP_PARTS_MAX),
    "Traffic that is shared in one way.",
)
.with(
    &[AttributeSpec::required(
        "name",
        Kind::Token { chars_max: NAME_CHARS_MAX },
        "Its name, and that of its resource; unique.",
    )],
    &[CLUSTER, RULE],
);

const CLUSTER: ElementSpec = ElementSpec::new(
    "cluster",
    Occurs::MAYBE,
    "The nodes with their powers; without it all nodes have the same.",
)
.with(&[], &[HOST]);

const HOST: ElementSpec =
    ElementSpec::new("host", Occurs::one_up_to(NODES_MAX), "A node with its power.").with(
        &[
            AttributeSpec::required("name", Kind::NodeName, "Its name in cluster.xml; unique."),
            AttributeSpec::required(
                "power",
                Kind::Number { min: 0, max: 1_000_000_000 },
                "Its weight: higher takes more; 0 takes nothing.",
            ),
        ],
        &[],
    );

const RULE: ElementSpec = ElementSpec::new(
    "rule",
    Occurs::one_up_to(VIP_PARTS_MAX),
    "Which traffic belongs to the group, and what tells its clients apart.",
)
.with(
    &[
        AttributeSpec::or("virtual_addr", Kind::TargetOrAny, "*", "One of the virtual addresses, or all."),
        AttributeSpec::or("port", Kind::PortOrAny, "*", "A port of the virtual address, or all."),
        AttributeSpec::maybe(
            "proto",
            one_of(&[yes("tcp"), yes("udp"), yes("arp")]),
            UNDOCUMENTED,
            "The protocol; arp only with filter=\"on_addr\" and vmac_directed.",
        ),
        AttributeSpec::maybe(
            "filter",
            one_of(&[yes("on_addr"), yes("on_port"), yes("on_ipid")]),
            UNDOCUMENTED,
            "What tells clients apart: their address, their port, or the number of the IP packet (UDP over IPv4 only).",
        ),
    ],
    &[],
);
