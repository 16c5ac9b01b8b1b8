//! The one table of what cluster.xml and userconfig.xml may hold: it drives the checks, and the reference is printed from it.
//!
//! Names are SafeKit 8.2's. What SafeKit has and this product not yet is listed by name, so that it is refused by name
//! and never ignored; what belongs only to this product is marked [`Origin::Ours`].
//!
//! Not here: what one value has to do with another (`cluster`, `module`).

use std::fmt;
use std::time::Duration;

use super::duration::{self, Unit};
use crate::ids::{LANS_MAX, NODES_MAX};

/// The most `<proc>` of a module.
pub const PROCS_MAX: usize = 256;
/// The most `<var>` of a module, and the most `<macro>`.
pub const VARS_MAX: usize = 256;
/// The most characters of a process name (Windows' limit in SafeKit).
pub const PROC_NAME_CHARS_MAX: usize = 63;

/// An element, with all that it may hold.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ElementSpec {
    /// Its name.
    pub name: &'static str,
    /// How often it comes within its parent.
    pub occurs: Occurs,
    /// Whether it is supported; of one that is not, neither attributes nor children are looked at.
    pub status: Status,
    /// What it is for.
    pub doc: &'static str,
    /// Its attributes.
    pub attributes: &'static [AttributeSpec],
    /// The elements that it may hold, in any order.
    pub children: &'static [Self],
}

/// How often an element comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occurs {
    /// At least that often.
    pub min: usize,
    /// At most that often.
    pub max: usize,
}

/// An attribute.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttributeSpec {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What counts where it is not written.
    pub default: DefaultValue,
    /// Whether it is supported.
    pub status: Status,
    /// Whether a new value is taken while the module runs.
    pub change: Change,
    /// Whether SafeKit has it too.
    pub origin: Origin,
    /// What it means, and what raising and lowering it does.
    pub doc: &'static str,
}

/// Whether something of the files can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It does what SafeKit's reference says.
    Supported,
    /// SafeKit has it, this product not yet: an error. Says what to do without it.
    KnownNotYet(&'static str),
    /// Accepted with a warning, and its value is not looked at. Says why it means nothing.
    Obsolete(&'static str),
    /// Accepted and checked, without effect, with a warning. Says why.
    NoEffect(&'static str),
}

/// What counts where an attribute is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultValue {
    /// It must be written.
    Required,
    /// This text, as if it were written.
    Text(&'static str),
    /// Nothing; says what that means.
    None(&'static str),
}

/// Whether a new value is taken by a running module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is taken at once.
    WhileRunning,
    /// Only a stopped module takes it.
    WhenStopped,
}

/// Whose an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// SafeKit 8.2 has it.
    SafeKit,
    /// Only this product has it.
    Ours,
}

/// One of the words that a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// The word.
    pub text: &'static str,
    /// Whether it is supported.
    pub status: Status,
}

/// The type of a value, with its bounds. `Display` gives it for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text; it may be empty.
    Text {
        /// The most characters.
        chars_max: usize,
    },
    /// Any text on one line, without control characters, of at least one character.
    Line {
        /// The most characters.
        chars_max: usize,
    },
    /// The name of a macro or of a variable of the environment.
    Identifier,
    /// The name of a node.
    NodeName,
    /// The name of a lan.
    LanName,
    /// One of some words.
    OneOf {
        /// The words.
        choices: &'static [Choice],
        /// What any other word would be in SafeKit, where it would be something.
        others: Option<&'static str>,
    },
    /// A whole number.
    Number {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A duration; a bare number is in `unit`.
    Duration {
        /// The unit of a bare number.
        unit: Unit,
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
        /// What a zero, which is then allowed beside `min`, means.
        zero: Option<&'static str>,
    },
    /// An IPv4 address, an IPv6 address in brackets, or a name for DNS.
    Host,
    /// An IPv4 address, or an IPv6 address in brackets.
    Ip,
    /// A POSIX extended regular expression.
    Regex {
        /// The most characters.
        chars_max: usize,
    },
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { chars_max } => write!(f, "text of up to {chars_max} characters"),
            Self::Line { chars_max } => write!(f, "one line of 1 to {chars_max} characters"),
            Self::Identifier => {
                write!(f, "letters, digits and '_', beginning with a letter or '_'")
            }
            Self::NodeName | Self::LanName => {
                f.write_str("letters, digits, '-', '_' and '.', beginning with a letter or digit")
            }
            Self::OneOf { choices, .. } => {
                let supported = choices.iter().filter(|choice| choice.status == Status::Supported);
                let words: Vec<_> = supported.map(|choice| choice.text).collect();
                write!(f, "{}", words.join(", "))
            }
            Self::Number { min, max } => write!(f, "whole number from {min} to {max}"),
            Self::Duration { unit, min, max, zero } => {
                let (min, max) = (duration::text(*min, *unit), duration::text(*max, *unit));
                write!(f, "duration from {min} to {max}, a bare number is in {unit}")?;
                match zero {
                    Some(meaning) => write!(f, "; 0: {meaning}"),
                    None => Ok(()),
                }
            }
            Self::Host => f.write_str("IPv4 address, [IPv6 address] or host name"),
            Self::Ip => f.write_str("IPv4 address or [IPv6 address]"),
            Self::Regex { .. } => f.write_str("POSIX extended regular expression"),
        }
    }
}

impl Occurs {
    const ONCE: Self = Self { min: 1, max: 1 };
    const MAYBE: Self = Self { min: 0, max: 1 };

    const fn up_to(max: usize) -> Self {
        Self { min: 0, max }
    }

    const fn one_up_to(max: usize) -> Self {
        Self { min: 1, max }
    }
}

impl ElementSpec {
    const fn new(name: &'static str, occurs: Occurs, doc: &'static str) -> Self {
        Self { name, occurs, status: Status::Supported, doc, attributes: &[], children: &[] }
    }

    const fn not_yet(name: &'static str, without: &'static str, doc: &'static str) -> Self {
        let status = Status::KnownNotYet(without);
        Self { status, ..Self::new(name, Occurs::up_to(usize::MAX), doc) }
    }

    const fn with(self, attributes: &'static [AttributeSpec], children: &'static [Self]) -> Self {
        Self { attributes, children, ..self }
    }
}

impl AttributeSpec {
    const fn new(name: &'static str, kind: Kind, default: DefaultValue, doc: &'static str) -> Self {
        let (status, change, origin) = (Status::Supported, Change::WhenStopped, Origin::SafeKit);
        Self { name, kind, default, status, change, origin, doc }
    }

    const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::new(name, kind, DefaultValue::Required, doc)
    }

    const fn or(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Self {
        Self::new(name, kind, DefaultValue::Text(default), doc)
    }

    const fn maybe(name: &'static str, kind: Kind, none: &'static str, doc: &'static str) -> Self {
        Self::new(name, kind, DefaultValue::None(none), doc)
    }

    const fn not_yet(name: &'static str, without: &'static str, doc: &'static str) -> Self {
        Self { status: Status::KnownNotYet(without), ..Self::maybe(name, ANY, "-", doc) }
    }

    const fn obsolete(name: &'static str, why: &'static str) -> Self {
        Self { status: Status::Obsolete(why), ..Self::maybe(name, ANY, "-", why) }
    }

    const fn no_effect(self, why: &'static str) -> Self {
        Self { status: Status::NoEffect(why), ..self }
    }

    const fn while_running(self) -> Self {
        Self { change: Change::WhileRunning, ..self }
    }

    const fn ours(self) -> Self {
        Self { origin: Origin::Ours, ..self }
    }
}

const fn yes(text: &'static str) -> Choice {
    Choice { text, status: Status::Supported }
}

const fn no_effect(text: &'static str, why: &'static str) -> Choice {
    Choice { text, status: Status::NoEffect(why) }
}

const fn later(text: &'static str, without: &'static str) -> Choice {
    Choice { text, status: Status::KnownNotYet(without) }
}

const fn one_of(choices: &'static [Choice]) -> Kind {
    Kind::OneOf { choices, others: None }
}

const fn duration_in(unit: Unit, min: Duration, max: Duration) -> Kind {
    Kind::Duration { unit, min, max, zero: None }
}

const fn duration_or_zero(unit: Unit, max: Duration, zero: &'static str) -> Kind {
    let min = Duration::from_micros(unit.microseconds());
    Kind::Duration { unit, min, max, zero: Some(zero) }
}

const ANY: Kind = Kind::Text { chars_max: 1024 };
const PORT: Kind = Kind::Number { min: 1, max: 65_535 };
const HEARTBEAT_COUNT: Kind = Kind::Number { min: 3, max: 1_000 };
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
            duration_in(Unit::Millisecond, Duration::from_millis(10), Duration::from_secs(10)),
            "100ms",
            "Time between two heartbeats. Shorter: a loss is seen sooner, for more packets; longer: the reverse.",
        ),
        AttributeSpec::maybe(
            "mlost_count",
            HEARTBEAT_COUNT,
            "slost_count counts for all nodes",
            "There is no leader here: written out, it applies to the node with the lowest id instead of slost_count.",
        ),
        AttributeSpec::or(
            "slost_count",
            HEARTBEAT_COUNT,
            "10",
            "Heartbeats missed before a node is lost. Higher: more loss and longer pauses are borne; lower: a loss is seen sooner.",
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
                ON_OFF,
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
pub const MACRO: ElementSpec = ElementSpec::new(
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
            one_of(&[yes("farm"), later("mirror", MIRROR), later("light", MIRROR)]),
            "What kind of module it is: a farm is active on all nodes at once.",
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
            one_of(&[yes("off"), later("on", "the application is stopped and started, the host is not rebooted")]),
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
        ElementSpec::not_yet("vip", "behind a load balancer no virtual IP is needed: leave it out", "Virtual IP address with load sharing."),
        ElementSpec::not_yet("vhost", "scripts can set the host name themselves", "Virtual host name."),
        ElementSpec::not_yet("check", "a process can be watched by <errd>", "Checkers: tcp, ping, intf, ip, custom, module."),
        ElementSpec::not_yet("failover", "leave it out: without checkers there is nothing to decide", "Failover rules."),
        ElementSpec::not_yet("heart", MIRROR, "Heartbeats of a mirror module; a farm has <farm>."),
        ElementSpec::not_yet("rfs", MIRROR, "File replication of a mirror module."),
    ],
);

const NODE_LEVEL: &str = "liveness is a fact about a node: it is set on <lans> in cluster.xml";

const FARM: ElementSpec = ElementSpec::new(
    "farm",
    Occurs::ONCE,
    "The lans whose heartbeats count for the module.",
)
.with(
    &[
        AttributeSpec::maybe(
            "port",
            PORT,
            "the port of cluster.xml",
            "Heartbeats of all modules travel together on the port of cluster.xml.",
        )
        .no_effect("heartbeats of all modules travel on the port of cluster.xml"),
        AttributeSpec::not_yet("pulse", NODE_LEVEL, "Time between two heartbeats for this module."),
        AttributeSpec::not_yet("mlost_count", NODE_LEVEL, "Missed heartbeats before a new leader."),
        AttributeSpec::not_yet(
            "slost_count",
            NODE_LEVEL,
            "Missed heartbeats before a node is lost for this module.",
        ),
    ],
    &[FARM_LAN],
);

const FARM_LAN: ElementSpec = ElementSpec::new(
    "lan",
    Occurs::one_up_to(LANS_MAX),
    "A lan whose heartbeats count for the module.",
)
.with(
    &[AttributeSpec::required("name", Kind::LanName, "Its name in cluster.xml.")],
    &[ElementSpec::not_yet(
        "node",
        "addresses are given in cluster.xml only",
        "Addresses as before SafeKit 7.2.",
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
                "Time limit of a stop script called with 'force'.",
            )
            .while_running(),
            AttributeSpec::maybe(
                "starttimeout",
                duration_or_zero(Unit::Second, DAY, "no limit"),
                "no limit",
                "Time limit of prestart and start_both; then their processes are ended.",
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
            one_of(&[yes("no"), later("yes", "name the process of the service instead")]),
            "no",
            "Whether the name is that of a service of the host.",
        )
        .while_running(),
        AttributeSpec::not_yet("nameregex", "use argregex, or the name itself", "Regular expression over the name of the process."),
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
            Kind::OneOf {
                choices: &[yes("restart"), yes("stopstart"), yes("stop"), yes("noaction")],
                others: Some("a handler script"),
            },
            "stopstart",
            "What is done about a fault. restart: stop_both and start_both; stopstart: the whole module; stop: the module stays stopped; noaction: a line in the log.",
        )
        .while_running(),
        AttributeSpec::not_yet("restart_services", "only with service=\"yes\", which is not supported yet", "Services to restart in order."),
        AttributeSpec::or(
            "class",
            Kind::OneOf {
                choices: &[
                    yes("both"),
                    yes("pre"),
                    no_effect("prim", "this process is never watched in a farm: the class belongs to mirror modules, write class=\"both\""),
                    no_effect("second", "this process is never watched in a farm: the class belongs to mirror modules, write class=\"both\""),
                    no_effect("sec", "this process is never watched in a farm: the class belongs to mirror modules, write class=\"both\""),
                ],
                others: Some("a class of your own"),
            },
            "both",
            "When it is watched. both: from the end of start_both to before stop_both; pre: from the end of prestart to before poststop.",
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
