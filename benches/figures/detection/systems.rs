//! Who takes part, with which settings, and what is done to them.

use std::path::Path;
use std::time::Duration;

use safekit_benches::ours::Ours;
use safekit_benches::peers::Peer;
use safekit_benches::program::version;

/// Who takes part.
#[derive(Clone, Copy)]
pub(crate) struct System {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its settings, for people.
    pub(crate) setting: &'static str,
    /// Itself.
    pub(crate) kind: Kind,
    /// Whether it runs alone.
    pub(crate) pace: Pace,
    /// Rest between a fault and its mending, and between two faults.
    pub(crate) settle: Duration,
    /// What is done to it.
    pub(crate) faults: &'static [Fault],
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Ours(Ours),
    Peer(Peer),
}

/// Whether a system runs alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Others may run beside it: it needs seconds.
    Slow,
    /// It needs milliseconds.
    Fast,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// SIGKILL: ours the agent alone, whose guardian lives; peers all processes.
    Killed,
    /// SIGKILL of guardian and agent.
    HostKilled,
    /// The cable out of the switch.
    Cut,
    /// `safekit stop` of the module, with a drain.
    Ordered,
    /// SIGTERM; ours has no module running then.
    Ended,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// All others act without it.
    Gone,
    /// All others act with it again.
    Back,
}

impl Fault {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::HostKilled => "host_killed",
            Self::Cut => "cut",
            Self::Ordered => "ordered",
            Self::Ended => "ended",
        }
    }
}

impl Moment {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Back => "back",
        }
    }
}

impl System {
    /// Returns the version; `None` where it is not installed.
    pub(crate) fn version(&self, agent: &Path) -> Option<String> {
        match self.kind {
            Kind::Ours(_) => version(&agent.to_string_lossy(), "--version"),
            Kind::Peer(peer) => peer.version(),
        }
    }

    /// Returns what is done and waited for, for people.
    pub(crate) fn says(&self, fault: Fault, moment: Moment) -> &'static str {
        let ours = matches!(self.kind, Kind::Ours(_));
        match (fault, moment) {
            (Fault::Killed, Moment::Gone) if ours => "agent killed, to view without it",
            (Fault::Killed, Moment::Gone) => "killed, to others acting",
            (Fault::Killed, Moment::Back) if ours => "agent killed, to view with the next one",
            (Fault::Killed, Moment::Back) => "started after kill, to being back",
            (Fault::HostKilled, Moment::Gone) => "guardian and agent killed, to view without it",
            (Fault::HostKilled, Moment::Back) => "both started after that, to view with it",
            (Fault::Cut, Moment::Gone) => "link cut, to others acting",
            (Fault::Cut, Moment::Back) => "link healed, to being back",
            (Fault::Ordered, Moment::Gone) => "module stopped, to shares without it",
            (Fault::Ordered, Moment::Back) => "module started, to shares with it",
            (Fault::Ended, Moment::Gone) => "SIGTERM, to others acting",
            (Fault::Ended, Moment::Back) => "started after SIGTERM, to being back",
        }
    }

    /// Says whether what a node costs at rest is below the goals, which are those of the default settings.
    pub(crate) fn goal_at_rest(&self, cpu: f64, packets: f64, payload: f64, rss: f64) -> String {
        if !matches!(self.kind, Kind::Ours(Ours { lans: "", .. })) {
            return "-".to_owned();
        }
        let goals = [
            ("0.3 %", cpu < 0.3),
            ("25/s", packets < 25.0),
            ("4000/s", payload < 4000.0),
            ("16 MiB", rss < 16.0),
        ];
        let said =
            goals.map(|(goal, met)| format!("{goal}: {}", if met { "met" } else { "missed" }));
        said.join(", ")
    }

    /// Returns the goal for p99.
    pub(crate) fn goal(&self, fault: Fault, moment: Moment) -> Option<Duration> {
        let Kind::Ours(_) = self.kind else { return None };
        let millis = match (fault, moment) {
            (Fault::Killed | Fault::Ordered | Fault::Ended, Moment::Gone) => 10,
            (Fault::HostKilled | Fault::Cut, Moment::Gone) => match self.name {
                FAST => 300,
                FASTEST => 50,
                _ => 1100,
            },
            (Fault::Killed | Fault::Cut, Moment::Back) => 150,
            (Fault::HostKilled | Fault::Ordered | Fault::Ended, Moment::Back) => return None,
        };
        Some(Duration::from_millis(millis))
    }
}

const FAST: &str = "safekit fast";
const FASTEST: &str = "safekit realtime";
const PEER_FAULTS: &[Fault] = &[Fault::Killed, Fault::Cut, Fault::Ended];
const FAST_FAULTS: &[Fault] = &[Fault::Killed, Fault::Cut, Fault::HostKilled];

/// A corosync that encrypts as its default does where keys are there.
const SEALED: &str =
    " crypto_model: openssl\n crypto_cipher: aes256\n crypto_hash: sha256\n keyfile: @KEY@";
/// The lowest token that corosync starts with; `join` has to be below the consensus that follows from it.
const TOKEN_60: &str =
    " token: 60\n token_coefficient: 0\n token_retransmits_before_loss_const: 1\n join: 30";
/// The same; with the ping timers that corosync derives from such a token its links go down by themselves.
const TOKEN_60_PINGS: &str = " token: 60\n token_coefficient: 0\n token_retransmits_before_loss_const: 1\n join: 30\n \
                              interface {\n  linknumber: 0\n  knet_ping_interval: 200\n  knet_ping_timeout: 1000\n }";

/// All of them.
pub(crate) const SYSTEMS: &[System] = &[
    System {
        name: "safekit",
        setting: "defaults: pulse 100 ms, slost_count 10",
        kind: Kind::Ours(Ours { lans: "", arguments: &[] }),
        pace: Pace::Fast,
        settle: Duration::from_millis(300),
        faults: &[Fault::Killed, Fault::Cut, Fault::Ordered, Fault::HostKilled, Fault::Ended],
    },
    System {
        name: FAST,
        setting: "pulse 25 ms, slost_count 10",
        kind: Kind::Ours(Ours { lans: r#"pulse="25ms" slost_count="10""#, arguments: &[] }),
        pace: Pace::Fast,
        settle: Duration::from_millis(300),
        faults: FAST_FAULTS,
    },
    System {
        name: FASTEST,
        setting: "pulse 10 ms, slost_count 4, --realtime",
        kind: Kind::Ours(Ours {
            lans: r#"pulse="10ms" slost_count="4""#,
            arguments: &["--realtime"],
        }),
        pace: Pace::Fast,
        settle: Duration::from_millis(300),
        faults: FAST_FAULTS,
    },
    keepalived("defaults: VRRPv2, advert_int 1 s", 2, "1", Pace::Slow, 1000),
    keepalived("VRRPv3, advert_int 100 ms", 3, "0.1", Pace::Slow, 500),
    keepalived("VRRPv3, advert_int 10 ms, its minimum", 3, "0.01", Pace::Fast, 300),
    corosync(
        "defaults: knet, aes256, sha256, token 3 s + 650 ms",
        "knet",
        SEALED,
        Pace::Slow,
        1000,
    ),
    corosync("udpu, plain, token 60 ms", "udpu", TOKEN_60, Pace::Fast, 500),
    corosync(
        "knet, plain, token 60 ms, pings 200/1000 ms",
        "knet",
        TOKEN_60_PINGS,
        Pace::Fast,
        500,
    ),
];

const fn keepalived(
    setting: &'static str,
    version: u8,
    interval: &'static str,
    pace: Pace,
    settle_millis: u64,
) -> System {
    let kind = Kind::Peer(Peer::Keepalived { version, interval });
    let settle = Duration::from_millis(settle_millis);
    System { name: "keepalived", setting, kind, pace, settle, faults: PEER_FAULTS }
}

const fn corosync(
    setting: &'static str,
    transport: &'static str,
    totem: &'static str,
    pace: Pace,
    settle_millis: u64,
) -> System {
    let kind = Kind::Peer(Peer::Corosync { transport, totem });
    let settle = Duration::from_millis(settle_millis);
    System { name: "corosync", setting, kind, pace, settle, faults: PEER_FAULTS }
}
