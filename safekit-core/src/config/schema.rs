//! The one table of what cluster.xml and userconfig.xml may hold: it drives the checks, and the reference is printed from it.
//!
//! Names are SafeKit 8.2's. What SafeKit has and this product not yet is listed by name, so that it is refused by name
//! and never ignored; what belongs only to this product is marked [`Origin::Ours`](super::spec::Origin::Ours).
//!
//! Not here: what one value has to do with another (`cluster`, `module`).
//!
//! Example: [`ElementSpec`].

mod check;
mod vip;

use std::time::Duration;

use super::duration::Unit;
use super::spec::{
    ANY, AttributeSpec, DefaultValue, ElementSpec, Kind, Occurs, duration_in, duration_or_zero,
    later, no_effect, no_effect_yet, one_of, yes,
};
use crate::ids::{LANS_MAX, NAME_BYTES_MAX, NODES_MAX};

/// The most `<proc>` of a module.
pub(crate) const PROCS_MAX: usize = 256;
/// The most `<var>` of a module, and the most `<macro>`.
pub(crate) const VARS_MAX: usize = 256;
/// The most characters of a process name (Windows' limit in SafeKit).
pub(crate) const PROC_NAME_CHARS_MAX: usize = 63;
/// The most services of a `restart_services`.
pub(crate) const RESTART_SERVICES_MAX: usize = 64;
/// The most characters of a handler's file.
pub(crate) const HANDLER_CHARS_MAX: usize = 1_024;

const NAME_CHARS_MAX: usize = NAME_BYTES_MAX;
const PORT: Kind = Kind::Number { min: 1, max: 65_535 };
const HEARTBEAT_COUNT: Kind = Kind::Number { min: 3, max: 1_000 };
const PULSE: Kind =
    duration_in(Unit::Millisecond, Duration::from_millis(10), Duration::from_secs(10));
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const STOP_TIMEOUT: Kind = duration_in(Unit::Second, Duration::from_secs(1), DAY);
const ON_OFF: Kind = one_of(&[yes("on"), yes("off")]);

/// The root of cluster.xml.
pub const CLUSTER: ElementSpec =
    ElementSpec::new("cluster", Occurs::ONCE, "The nodes and the networks between them.")
        .with(&[], &[LANS]);

const LANS: ElementSpec = ElementSpec::new("lans", Occurs::ONCE, "All networks, and the heartbeats that travel on them.").with(
    &[
        AttributeSpec::or("port", PORT, "4800", "UDP port of the heartbeats, the same on all nodes. Firewalls must let it through."),
        AttributeSpec::or(
            "pulse",
            PULSE,
            "100ms",
            "Time between two heartbeats. Shorter: a loss is seen sooner, for more packets; longer: the reverse.",
        ),
        AttributeSpec::maybe(
            "mlost_count",
            HEARTBEAT_COUNT,
            "slost_count counts for all nodes",
            "There is no leader here: written out, it applies to the node with the lowest id instead of slost_count, with the same bound of an hour.",
        ),
        AttributeSpec::or(
            "slost_count",
            HEARTBEAT_COUNT,
            "10",
            "Heartbeats missed before a node is lost: after this number of pulses, and after an hour at the latest. Higher: more loss and longer pauses are borne; lower: a loss is seen sooner.",
        ),
    ],
    &[LAN],
);

const LAN: ElementSpec =
    ElementSpec::new("lan", Occurs::one_up_to(LANS_MAX), "One network that carries heartbeats. At least one has all nodes.").with(
        &[
            AttributeSpec::required("name", Kind::LanName, "Its name, which the modules use; unique."),
            AttributeSpec::or(
                "command",
                one_of(&[no_effect("on", "commands to other nodes are not supported yet"), yes("off")]),
                "off",
                "Whether commands to other nodes take this lan: one at most, and it has all nodes. None: the first lan that has all nodes.",
            ),
            AttributeSpec::obsolete("console", "SafeKit 8.2 ignores it too"),
            AttributeSpec::obsolete("framework", "SafeKit 8.2 ignores it too"),
            AttributeSpec::obsolete("connect", "SafeKit 8.2 ignores it too"),
        ],
        &[NODE],
    );

const NODE: ElementSpec = ElementSpec::new("node", Occurs::one_up_to(NODES_MAX), "A node on this lan.").with(
    &[
        AttributeSpec::required("name", Kind::NodeName, "Its name, the same on every lan."),
        AttributeSpec::required(
            "addr",
            Kind::Host,
            "Where the others reach it; behind NAT the external address. A name is asked of DNS only when the cluster is configured.",
        ),
        AttributeSpec::maybe("laddr", Kind::Ip, "the same as addr", "Its own address on this lan, where NAT makes that another one than addr."),
    ],
    &[],
);

/// The root of userconfig.xml.
pub const SAFE: ElementSpec =
    ElementSpec::new("safe", Occurs::ONCE, "One module.").with(&[], &[MACRO, SERVICE]);

/// A macro; SafeKit takes it before the root of userconfig.xml, too.
pub(crate) const MACRO: ElementSpec = ElementSpec::new(
    "macro",
    Occurs::up_to(VARS_MAX),
    "A text that %NAME% stands for in the rest of the file. A variable of the environment serves where there is no macro.",
)
.with(
    &[
        AttributeSpec::required("name", Kind::Identifier, "Its name."),
        AttributeSpec::new("value", Kind::Text { chars_max: 8_192 }, DefaultValue::Required, "What is put in."),
    ],
    &[],
);

const MIRROR: &str = "mirror modules are not supported yet";
const MIRROR_ONLY: &str = "it belongs to mirror modules";

const SERVICE: ElementSpec = ElementSpec::new("service", Occurs::ONCE, "How the module lives.").with(
    &[
        AttributeSpec::required(
            "mode",
            one_of(&[yes("farm"), yes("light"), later("mirror", MIRROR)]),
            "What kind of module it is. farm: active on all nodes at once, needs <farm>; light: on this node alone, other nodes do not matter.",
        ),
        AttributeSpec::or(
            "boot",
            one_of(&[yes("on"), yes("off"), yes("auto"), yes("ignore")]),
            "ignore",
            "Start with the host. on: always; off: never; auto: if it was started before the host went down; ignore: as 'safekit boot' says on each node.",
        )
        .while_running(),
        AttributeSpec::or("boot_delay", duration_or_zero(Unit::Second, DAY, "no wait"), "0s", "Wait before that start.").while_running(),
        AttributeSpec::or("failover", ON_OFF, "on", "Mirror modules only.").no_effect(MIRROR_ONLY),
        AttributeSpec::or("defaultprim", ANY, "alone", "Mirror modules only.").no_effect(MIRROR_ONLY),
        AttributeSpec::or(
            "maxloop",
            Kind::Number { min: 0, max: 10_000 },
            "3",
            "Automatic restarts, stopstarts and waits within loop_interval; the next one stops the module. Higher: more tries; 0: none.",
        )
        .while_running(),
        AttributeSpec::or(
            "loop_interval",
            duration_or_zero(Unit::Hour, Duration::from_secs(365 * 86_400), "automatic actions are not counted"),
            "24h",
            "How long automatic actions are counted before the count begins anew.",
        )
        .while_running(),
        AttributeSpec::or(
            "automatic_reboot",
            one_of(&[yes("off"), no_effect_yet("on", "a stopstart does not reboot the host, it stops and starts the application")]),
            "off",
            "Whether stopstart reboots the host.",
        )
        .while_running(),
        AttributeSpec::or(
            "drain",
            duration_or_zero(Unit::Second, HOUR, "no drain"),
            "15s",
            "How long the application goes on serving after the health answer has turned negative, when an administrator stops it. Longer than what the balancer needs to notice: its interval times its failures, plus one time-out.",
        )
        .while_running()
        .ours(),
    ],
    &[
        FARM,
        USER,
        ERRD,
        vip::VIP,
        check::VHOST,
        check::CHECK,
        check::FAILOVER,
        ElementSpec::not_yet("heart", MIRROR, "Heartbeats of a mirror module; a farm has <farm>."),
        ElementSpec::not_yet("rfs", MIRROR, "File replication of a mirror module."),
    ],
)
.decided_by("mode");

const NODE_LEVEL: &str = "the one of <lans> in cluster.xml holds for all modules";

const FARM: ElementSpec =
    ElementSpec::new("farm", Occurs::MAYBE, "The lans whose heartbeats count for the module; a farm module has it, a light one does not need it.").with(
        &[
            AttributeSpec::maybe(
                "port",
                PORT,
                "the port of cluster.xml",
                "Heartbeats of all modules travel together on the port of cluster.xml.",
            )
            .no_effect("heartbeats of all modules travel on the port of cluster.xml"),
            AttributeSpec::maybe(
                "pulse",
                PULSE,
                "that of cluster.xml",
                "Time between two heartbeats for this module.",
            )
            .no_effect_yet(NODE_LEVEL),
            AttributeSpec::maybe(
                "mlost_count",
                HEARTBEAT_COUNT,
                "that of cluster.xml",
                "Missed heartbeats before a new leader.",
            )
            .no_effect_yet(NODE_LEVEL),
            AttributeSpec::maybe(
                "slost_count",
                HEARTBEAT_COUNT,
                "that of cluster.xml",
                "Missed heartbeats before a node is lost for this module.",
            )
            .no_effect_yet(NODE_LEVEL),
        ],
        &[FARM_LAN],
    );

const FARM_LAN: ElementSpec = ElementSpec::new(
    "lan",
    Occurs::one_up_to(LANS_MAX),
    "A lan whose heartbeats count for the module.",
)
.with(
    &[AttributeSpec::required("name", Kind::LanName, "Its name in cluster.xml; unique.")],
    &[ElementSpec::new("node", Occurs::up_to(NODES_MAX), "Addresses as before SafeKit 7.2.")
        .no_effect("addresses are those of cluster.xml: leave it out")
        .with(
            &[
                AttributeSpec::required("name", Kind::NodeName, "A node of cluster.xml."),
                AttributeSpec::required("addr", Kind::Target, "Its address."),
            ],
            &[],
        )],
);

const USER: ElementSpec =
    ElementSpec::new("user", Occurs::MAYBE, "The scripts; without it no script runs.").with(
        &[
            AttributeSpec::or(
                "nicestoptimeout",
                STOP_TIMEOUT,
                "300s",
                "Time limit of a graceful stop script; then its processes are ended.",
            )
            .while_running(),
            AttributeSpec::or(
                "forcestoptimeout",
                STOP_TIMEOUT,
                "300s",
                "Time limit of a stop script called with 'force', of poststop, and of transition on the way to STOP.",
            )
            .while_running(),
            AttributeSpec::maybe(
                "starttimeout",
                duration_or_zero(Unit::Second, DAY, "no limit"),
                "no limit",
                "Time limit of prestart, start_both, and transition on the way to UP; then their processes are ended.",
            )
            .while_running()
            .ours(),
            AttributeSpec::or(
                "logging",
                one_of(&[yes("userlog"), yes("none")]),
                "userlog",
                "Whether the output of the scripts is kept in files.",
            )
            .while_running(),
            AttributeSpec::or(
                "userlogsize",
                Kind::Number { min: 0, max: 1 << 20 },
                "2048",
                "In KB: a userlog file at or over this size is emptied when the module starts.",
            )
            .while_running(),
        ],
        &[VAR],
    );

const VAR: ElementSpec = ElementSpec::new(
    "var",
    Occurs::up_to(VARS_MAX),
    "A variable in the environment of all scripts.",
)
.with(
    &[
        AttributeSpec::required("name", Kind::Identifier, "Its name; unique.").while_running(),
        AttributeSpec::required(
            "value",
            Kind::Text { chars_max: 8_192 },
            "Its value; it may be empty.",
        )
        .while_running(),
    ],
    &[],
);

const ERRD: ElementSpec = ElementSpec::new(
    "errd",
    Occurs::MAYBE,
    "The processes to watch; requires <user/>, because their faults are mended by scripts.",
)
.with(
    &[AttributeSpec::or(
        "polltimer",
        duration_in(Unit::Second, Duration::from_secs(1), HOUR),
        "30s",
        "Time between two looks at all processes. The death of a process is noticed at once whatever this says.",
    )
    .while_running()],
    &[PROC],
);

const PROC: ElementSpec = ElementSpec::new("proc", Occurs::up_to(PROCS_MAX), "One kind of process to watch.").with(
    &[
        AttributeSpec::required(
            "name",
            Kind::Line { chars_max: PROC_NAME_CHARS_MAX },
            "Name of the process, and of its resource proc.<name>; unique.",
        )
        .while_running(),
        AttributeSpec::or(
            "service",
            one_of(&[yes("no"), yes("yes")]),
            "no",
            "Whether the name is that of a service of the host (a unit of systemd; without the kind of the unit at its end .service is meant). Then one is running or none: atleast is 1 or -1.",
        )
        .while_running(),
        AttributeSpec::maybe(
            "nameregex",
            Kind::Regex { chars_max: 1_024 },
            "the name is that of the process",
            "Regular expression over the name of the command; the name is then only a label.",
        )
        .while_running(),
        AttributeSpec::maybe(
            "argregex",
            Kind::Regex { chars_max: 1_024 },
            "the command line does not matter",
            "Regular expression over the whole command line: only processes that match are counted.",
        )
        .while_running(),
        AttributeSpec::or(
            "atleast",
            Kind::Number { min: -1, max: 1_000_000 },
            "1",
            "Fewer processes than this are a fault; -1: not tested.",
        )
        .while_running(),
        AttributeSpec::or(
            "atmax",
            Kind::Number { min: -1, max: 1_000_000 },
            "-1",
            "This many processes, or more, are a fault; 0: already the first; -1: not tested.",
        )
        .while_running(),
        AttributeSpec::or(
            "action",
            Kind::WordOr {
                choices: &[yes("restart"), yes("stopstart"), yes("stop"), yes("noaction")],
                other: "a handler's file",
                chars_max: HANDLER_CHARS_MAX,
            },
            "stopstart",
            "What is done about a fault. restart: stop_both and start_both; stopstart: the whole module; stop: the module stays stopped; noaction: a line in the log; anything else: the file of a handler, absolute or below the module's bin, which must exit with 0, or stopstart follows.",
        )
        .while_running(),
        AttributeSpec::maybe(
            "handlertimeout",
            duration_in(Unit::Second, Duration::from_secs(1), DAY),
            "nicestoptimeout of <user>",
            "Time limit of the handler; then its processes are ended and stopstart follows.",
        )
        .while_running()
        .ours(),
        AttributeSpec::maybe(
            "restart_services",
            Kind::Services { max: RESTART_SERVICES_MAX },
            "the scripts are not told",
            "Only with service=\"yes\" and action=\"restart\": the services that the restart is about, in the order of their start. stop_both and start_both get them as two more arguments: -Services and the list.",
        )
        .while_running(),
        AttributeSpec::or(
            "class",
            Kind::WordOr {
                choices: &[
                    yes("both"),
                    yes("pre"),
                    no_effect("prim", "this process is never watched in a farm: the class belongs to mirror modules, write class=\"both\""),
                    no_effect("second", "this process is never watched in a farm: the class belongs to mirror modules, write class=\"both\""),
                    no_effect("sec", "this process is never watched in a farm: the class belongs to mirror modules, write class=\"both\""),
                ],
                other: "a class of your own",
                chars_max: PROC_NAME_CHARS_MAX,
            },
            "both",
            "When it is watched. both: from the end of start_both to before stop_both; pre: from the end of prestart to before poststop; anything else is a class of your own: as both, and only while it is enabled by 'safekit errd enable'.",
        )
        .while_running(),
        AttributeSpec::or(
            "start_after",
            Kind::Number { min: 0, max: 100_000 },
            "0",
            "The watch begins this many polls less one later.",
        )
        .while_running(),
    ],
    &[],
);
