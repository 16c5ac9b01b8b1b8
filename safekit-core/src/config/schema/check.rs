//! The part of the table for checkers, failover rules and virtual host names: checked in full, without effect yet.

use std::time::Duration;

use super::super::duration::Unit;
use super::super::spec::{
    AttributeSpec, ElementSpec, Kind, Occurs, duration_in, no_effect, one_of, yes,
};
use super::{HOUR, MIRROR, MIRROR_ONLY, NAME_CHARS_MAX, ON_OFF, PORT};

/// The most checkers of each kind.
pub(super) const CHECKERS_MAX: usize = 256;
/// The most bytes of the failover rules of a module.
pub(super) const RULES_BYTES_MAX: usize = 1 << 16;

const IDENT: Kind = Kind::Token { chars_max: NAME_CHARS_MAX };
const TIME: Kind = duration_in(Unit::Second, Duration::from_secs(1), HOUR);
const NEVER_IN_A_FARM: &str =
    "this check never runs in a farm: the word belongs to mirror modules, write when=\"both\"";
const WHEN: Kind = one_of(&[
    yes("both"),
    yes("pre"),
    no_effect("prim", NEVER_IN_A_FARM),
    no_effect("second", NEVER_IN_A_FARM),
]);
const ACTION: Kind =
    one_of(&[yes("restart"), yes("stopstart"), yes("stop"), yes("wait"), yes("noaction")]);
const WHEN_DOC: &str = "When the check runs. both: from the end of start_both to before stop_both; pre: from the end of prestart to before poststop.";
const ACTION_DOC: &str = "What follows when the resource is down: wait or noaction with when=\"pre\", restart, stopstart, stop or noaction else.";

const fn ident(doc: &'static str) -> AttributeSpec {
    AttributeSpec::required("ident", IDENT, doc).while_running()
}

const fn when(default: &'static str) -> AttributeSpec {
    AttributeSpec::or("when", WHEN, default, WHEN_DOC).while_running()
}

const fn action(none: &'static str) -> AttributeSpec {
    AttributeSpec::maybe("action", ACTION, none, ACTION_DOC).while_running()
}

const fn addr(doc: &'static str) -> AttributeSpec {
    AttributeSpec::required("addr", Kind::Target, doc).while_running()
}

const INTERVAL: AttributeSpec =
    AttributeSpec::or("interval", TIME, "10s", "Time between two checks.").while_running();
const TIMEOUT: AttributeSpec =
    AttributeSpec::or("timeout", TIME, "5s", "Time limit of one check.").while_running();

pub(super) const CHECK: ElementSpec = ElementSpec::new("check", Occurs::MAYBE, "All checkers.")
    .with(
        &[],
        &[
            TCP,
            PING,
            INTF,
            IP,
            CUSTOM,
            MODULE,
            ElementSpec::not_yet("splitbrain", MIRROR, "Asks a witness; mirror modules only."),
        ],
    );

const TCP: ElementSpec =
    ElementSpec::new("tcp", Occurs::up_to(CHECKERS_MAX), "Connects to a port of the application.")
        .no_effect_yet("no TCP connection is tried, and its action never comes")
        .with(
            &[
                ident("Its name, and that of the resource tcp.<ident>; unique among <tcp>."),
                when("both"),
                action("restart; wait with when=\"pre\""),
            ],
            &[ElementSpec::new("to", Occurs::ONCE, "Where to.").with(
                &[
                    addr("The address."),
                    AttributeSpec::required("port", PORT, "The port.").while_running(),
                    INTERVAL,
                    TIMEOUT,
                ],
                &[],
            )],
        );

const PING: ElementSpec = ElementSpec::new("ping", Occurs::up_to(CHECKERS_MAX), "Pings a host.")
    .no_effect_yet("no ping is sent, and the module does not wait for an answer")
    .with(
        &[
            ident("Its name, and that of the resource ping.<ident>; unique among <ping>."),
            when("pre"),
            action("wait; restart with another when"),
        ],
        &[ElementSpec::new("to", Occurs::ONCE, "Where to.")
            .with(&[addr("The address."), INTERVAL, TIMEOUT], &[])],
    );

const INTF: ElementSpec = ElementSpec::new(
    "intf",
    Occurs::up_to(CHECKERS_MAX),
    "Looks at the link of a network interface.",
)
.no_effect_yet("no link is looked at, and the module does not wait for one")
.with(
    &[
        ident("Its name, and that of the resource intf.<ident>; unique among <intf>."),
        AttributeSpec::or("when", one_of(&[yes("pre")]), "pre", WHEN_DOC).while_running(),
    ],
    &[ElementSpec::new("to", Occurs::ONCE, "Which interface.").with(
        &[AttributeSpec::required("local_addr", Kind::Ip, "An address that the interface has.")
            .while_running()],
        &[],
    )],
);

const IP: ElementSpec =
    ElementSpec::new("ip", Occurs::up_to(CHECKERS_MAX), "Looks whether this host has an address.")
        .no_effect_yet("no address is looked for, and no stopstart follows")
        .with(
            &[
                ident("Its name, and that of the resource ip.<ident>; unique among <ip>."),
                AttributeSpec::or(
                    "when",
                    one_of(&[yes("both"), no_effect("prim", NEVER_IN_A_FARM)]),
                    "both",
                    WHEN_DOC,
                )
                .while_running(),
            ],
            &[ElementSpec::new("to", Occurs::ONCE, "Which address.")
                .with(&[addr("The address."), INTERVAL], &[])],
        );

const CUSTOM: ElementSpec = ElementSpec::new(
    "custom",
    Occurs::up_to(CHECKERS_MAX),
    "A program of your own that sets a resource.",
)
.no_effect_yet("the program is not started, and its action never comes")
.with(
    &[
        ident("Its name, and that of the resource custom.<ident>; unique among <custom>."),
        AttributeSpec::required("when", WHEN, WHEN_DOC).while_running(),
        AttributeSpec::required(
            "exec",
            Kind::Line { chars_max: 1_024 },
            "The program, from the folder bin of the module.",
        )
        .while_running(),
        AttributeSpec::maybe("arg", Kind::Text { chars_max: 1_024 }, "none", "Its arguments.")
            .while_running(),
        action("noaction"),
    ],
    &[],
);

const MODULE: ElementSpec = ElementSpec::new(
    "module",
    Occurs::up_to(CHECKERS_MAX),
    "Waits for another module, and follows its restarts.",
)
.no_effect_yet("the other module is not asked after, and this one does not wait for it")
.with(
    &[
        AttributeSpec::required(
            "name",
            Kind::Token { chars_max: NAME_CHARS_MAX },
            "The other module.",
        )
        .while_running(),
        AttributeSpec::maybe(
            "ident",
            IDENT,
            "the name, '_' and the address",
            "Its name, and that of the resource module.<ident>; unique among <module>.",
        )
        .while_running(),
    ],
    &[ElementSpec::new("to", Occurs::MAYBE, "Where the other module is.").with(
        &[
            AttributeSpec::or("addr", Kind::Target, "127.0.0.1", "The address.").while_running(),
            AttributeSpec::maybe(
                "port",
                PORT,
                "9010; 9453 with secure=\"on\"",
                "The port of its web service.",
            )
            .while_running(),
            INTERVAL,
            TIMEOUT,
            AttributeSpec::or("secure", ON_OFF, "off", "Whether the connection is encrypted.")
                .while_running(),
        ],
        &[],
    )],
);

const MILLISECONDS: Kind = duration_in(Unit::Millisecond, Duration::from_millis(100), HOUR);

pub(super) const FAILOVER: ElementSpec = ElementSpec::new(
    "failover",
    Occurs::MAYBE,
    "Rules that lead from resources to actions, as text: label: if ( tcp.web == down && ! ( ping.gw == up ) ) then restart(); in CDATA, or with &amp;&amp; for &&. A comment is written /* */. Rules in Lua are not looked at.",
)
.no_effect_yet("its rules are checked, and none of their actions comes")
.text(RULES_BYTES_MAX)
.with(
    &[
        AttributeSpec::or(
            "extends",
            one_of(&[yes("yes"), yes("no")]),
            "yes",
            "Whether the rules come on top of those that are there by themselves.",
        ),
        AttributeSpec::or("period", MILLISECONDS, "5000ms", "Time between two evaluations."),
        AttributeSpec::or(
            "handle_time",
            MILLISECONDS,
            "15000ms",
            "How long an action must stay the same before it is done; a multiple of period.",
        ),
    ],
    &[],
);

pub(super) const VHOST: ElementSpec =
    ElementSpec::new("vhost", Occurs::MAYBE, "A host name for the application alone.")
        .no_effect_yet("the application sees the name of the host, and no envfile is written")
        .with(
            &[],
            &[ElementSpec::new("virtualhostname", Occurs::ONCE, "The name.").with(
                &[
                    AttributeSpec::required("name", Kind::HostName, "The host name."),
                    AttributeSpec::required(
                        "envfile",
                        Kind::Line { chars_max: 1_024 },
                        "The file for scripts to read, from the folder bin of the module.",
                    ),
                    AttributeSpec::or(
                        "when",
                        one_of(&[
                            no_effect("prim", MIRROR_ONLY),
                            no_effect("second", MIRROR_ONLY),
                            yes("both"),
                        ]),
                        "prim",
                        "When the name is in force; in a farm: both.",
                    ),
                ],
                &[],
            )],
        );
