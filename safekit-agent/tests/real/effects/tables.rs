//! Which test sees what an attribute or a command does. A new one without a line here fails, and so does a line whose
//! test is gone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safekit_core::config::schema;
use safekit_core::config::spec::{ElementSpec, Status};

/// Element, attribute, and where its effect is seen: file below the workspace, `::`, test.
const ATTRIBUTES: &[(&str, &str, &str)] = &[
    ("lans", "port", CLUSTER_TIMES),
    (
        "lans",
        "pulse",
        "safekit-agent/tests/real/effects/cluster.rs::heartbeats_go_out_once_in_a_pulse",
    ),
    ("lans", "mlost_count", CLUSTER_TIMES),
    ("lans", "slost_count", CLUSTER_TIMES),
    ("lans/lan", "name", CLUSTER_LANS),
    // No command goes to other nodes yet: "on" is met with a warning.
    (
        "lans/lan",
        "command",
        "safekit-agent/tests/real/effects/commands.rs::the_cluster_is_configured_carried_over_and_shown",
    ),
    ("lan/node", "name", CLUSTER_LANS),
    ("lan/node", "addr", CLUSTER_LANS),
    ("lan/node", "laddr", CLUSTER_LANS),
    ("safe/macro", "name", VARIABLES),
    ("safe/macro", "value", VARIABLES),
    (
        "safe/service",
        "mode",
        "safekit-core/src/node/tests.rs::a_module_that_is_ready_on_both_nodes_has_two_participants",
    ),
    ("safe/service", "boot", BOOT),
    ("safe/service", "boot_delay", BOOT),
    (
        "safe/service",
        "maxloop",
        "safekit-core/src/module/tests/budget.rs::a_maxloop_of_zero_stops_at_the_first_detection",
    ),
    (
        "safe/service",
        "loop_interval",
        "safekit-core/src/module/tests/budget.rs::detections_farther_apart_than_the_interval_never_stop_the_module",
    ),
    ("safe/service", "automatic_reboot", TOO_FEW),
    (
        "safe/service",
        "drain",
        "safekit-core/src/module/tests/drain.rs::the_health_answer_is_negative_before_the_application_stops",
    ),
    ("farm/lan", "name", CLUSTER_LANS),
    ("service/user", "nicestoptimeout", HANG),
    ("service/user", "forcestoptimeout", HANG),
    ("service/user", "starttimeout", HANG),
    ("service/user", "logging", VARIABLES),
    ("service/user", "userlogsize", VARIABLES),
    ("user/var", "name", VARIABLES),
    ("user/var", "value", VARIABLES),
    (
        "service/errd",
        "polltimer",
        "safekit-core/src/module/watch/tests/monitor.rs::newcomers_are_found_at_the_polls",
    ),
    ("errd/proc", "name", COMMAND_LINES),
    ("errd/proc", "service", SERVICES),
    ("errd/proc", "restart_services", SERVICES),
    ("errd/proc", "nameregex", HANDLERS),
    ("errd/proc", "argregex", COMMAND_LINES),
    ("errd/proc", "atleast", TOO_FEW),
    ("errd/proc", "atmax", TOO_FEW),
    ("errd/proc", "action", TOO_FEW),
    ("errd/proc", "handlertimeout", HANDLERS),
    (
        "errd/proc",
        "class",
        "safekit-agent/tests/real/effects/module.rs::a_process_of_class_pre_is_watched_before_the_application_starts",
    ),
    (
        "errd/proc",
        "start_after",
        "safekit-core/src/module/watch/tests/monitor.rs::start_after_adds_polls",
    ),
];

const CLUSTER_TIMES: &str = "safekit-agent/tests/real/effects/cluster.rs::nodes_hear_each_other_on_the_port_and_are_lost_after_the_configured_silence";
const CLUSTER_LANS: &str = "safekit-agent/tests/real/effects/cluster.rs::a_node_behind_nat_is_reached_and_a_module_counts_its_own_lans_only";
const VARIABLES: &str = "safekit-agent/tests/real/effects/module.rs::variables_reach_the_scripts_and_output_is_kept_as_configured";
const HANG: &str =
    "safekit-agent/tests/real/effects/module.rs::scripts_that_hang_are_ended_at_their_time_limits";
const BOOT: &str = "safekit-agent/tests/real/effects/module.rs::after_a_boot_of_the_host_each_module_does_as_configured";
const COMMAND_LINES: &str =
    "safekit-agent/tests/real/effects/module.rs::processes_are_told_apart_by_their_command_lines";
const TOO_FEW: &str = "safekit-agent/tests/real/effects/module.rs::too_few_and_too_many_processes_lead_to_the_configured_action";

const HANDLERS: &str = "safekit-agent/tests/real/effects/errd.rs::a_handler_mends_what_it_can_and_a_failing_one_leads_to_stopstart";

const SERVICES: &str = "safekit-agent/tests/real/effects/services.rs::a_service_that_dies_is_restarted_with_those_that_belong_to_it";

/// Words of the command, and where its effect is seen.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &[
            "cluster config",
            "cluster export",
            "cluster state",
            "cluster confinfo",
            "state",
            "--json",
        ],
        "safekit-agent/tests/real/effects/commands.rs::the_cluster_is_configured_carried_over_and_shown",
    ),
    (
        &[
            "module install",
            "module install -m",
            "module install -r",
            "module uninstall",
            "module uninstall -m",
            "module list",
            "config",
            "config -m",
            "confcheck",
            "confcheck -m",
            "confinfo",
            "confinfo -m",
        ],
        "safekit-agent/tests/real/effects/commands.rs::modules_are_installed_configured_and_removed",
    ),
    (
        &[
            "start",
            "start -m",
            "stop",
            "stop -m",
            "restart",
            "restart -m",
            "restart -i",
            "stopstart",
            "stopstart -m",
            "forcestop",
            "forcestop -m",
            "waitstart",
            "waitstart -m",
            "waitstart --timeout",
            "waitstop",
            "waitstop -m",
            "waitstop --timeout",
            "waitstate",
            "waitstate -m",
            "waitstate --timeout",
            "state -m",
            "state -l",
            "state -q",
        ],
        "safekit-agent/tests/real/effects/commands.rs::a_module_is_controlled_waited_for_and_shown",
    ),
    (
        &[
            "log",
            "log -m",
            "log -s",
            "log -A",
            "printi",
            "printi -m",
            "printe",
            "printe -m",
            "state -v",
            "shutdown",
            "level",
            "level -m",
            "--root",
        ],
        "safekit-agent/tests/real/effects/commands.rs::logs_are_written_and_shown_and_shutdown_leaves_the_agent",
    ),
    (
        &["cluster genkey", "cluster genkey --force", "cluster delkey", "cluster delkey --force"],
        "safekit-agent/tests/real/effects/upkeep.rs::keys_are_made_and_removed_and_others_are_not_cut_off_by_mistake",
    ),
    (
        &["cluster confcheck", "cluster deconfig"],
        "safekit-agent/tests/real/effects/upkeep.rs::a_cluster_configuration_is_checked_locked_and_removed",
    ),
    (
        &["update", "update -m", "deconfig", "deconfig -m"],
        "safekit-agent/tests/real/effects/upkeep.rs::a_running_module_takes_what_may_change_and_nothing_else",
    ),
    (
        &[
            "incloop",
            "incloop -m",
            "incloop -i",
            "resetloop",
            "resetloop -m",
            "resetloop -i",
            "checkloop",
            "checkloop -m",
        ],
        "safekit-agent/tests/real/effects/upkeep.rs::automatic_actions_are_counted_checked_and_forgotten",
    ),
    (
        &["boot", "boot -m"],
        "safekit-agent/tests/real/effects/upkeep.rs::what_was_said_on_a_node_decides_about_the_start_of_a_module",
    ),
    (
        &[
            "module package",
            "module package -m",
            "module listid",
            "module getports",
            "module getports -m",
            "module getports -i",
            "errd list",
            "errd list -m",
            "kill",
            "kill --name",
            "kill --argregex",
            "kill --level",
        ],
        "safekit-agent/tests/real/effects/upkeep.rs::modules_are_packed_and_their_ids_ports_and_processes_listed",
    ),
    (
        &["boundcmd", "processtree list", "processtree kill", "help", "help --as", "-p", "-r"],
        "safekit-agent/tests/real/effects/upkeep.rs::processes_are_bounded_and_listed_and_ended_as_trees",
    ),
    (
        &[
            "logview",
            "logview -m",
            "logview -s",
            "logview -A",
            "logsave",
            "logsave -m",
            "logsave -A",
            "cmdlog",
            "cmdlog -s",
        ],
        "safekit-agent/tests/real/effects/upkeep.rs::logs_are_followed_saved_and_tell_who_gave_commands",
    ),
    (
        &["top", "top -m", "top --interval", "top --once"],
        "safekit-agent/tests/real/show.rs::the_live_demo_and_top_end_by_q_and_leave_nothing",
    ),
    (
        &[
            "errd on",
            "errd on -m",
            "errd off",
            "errd off -m",
            "errd enable",
            "errd enable -m",
            "errd disable",
            "errd disable -m",
        ],
        "safekit-agent/tests/real/effects/errd.rs::classes_are_watched_while_enabled_and_nothing_while_the_monitor_is_off",
    ),
    (
        &["start -i", "stop -i", "stopstart -i", "forcestop -i"],
        "safekit-agent/tests/real/effects/commands.rs::a_detector_gives_every_command_under_its_own_name",
    ),
];

/// Collects what is supported, each with the name of its element and of that around it.
fn supported(around: &str, element: &ElementSpec, all: &mut Vec<(String, String)>) {
    if element.status != Status::Supported {
        return;
    }
    let place = match around {
        "" | "cluster" => element.name.to_owned(),
        _ => format!("{around}/{}", element.name),
    };
    for attribute in element.attributes {
        if attribute.status == Status::Supported {
            all.push((place.clone(), attribute.name.to_owned()));
        }
    }
    element.children.iter().for_each(|child| supported(element.name, child, all));
}

#[test]
fn every_supported_attribute_has_a_test_of_its_effect() {
    let mut all = Vec::new();
    supported("", &schema::CLUSTER, &mut all);
    supported("", &schema::SAFE, &mut all);
    all.sort();
    let mut seen: Vec<(String, String)> = ATTRIBUTES
        .iter()
        .map(|(element, attribute, _)| ((*element).to_owned(), (*attribute).to_owned()))
        .collect();
    seen.sort();
    assert_eq!(seen, all, "left: those with a test; right: those of the schema");
    ATTRIBUTES.iter().for_each(|(_, _, test)| assert_test(test));
}

#[test]
fn every_command_has_a_test_of_its_effect() {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (words, test) in COMMANDS {
        seen.extend(words.iter().map(|word| (*word, *test)));
        assert_test(test);
    }
    let mut all = safekit_cli::commands();
    all.sort();
    let seen: Vec<&str> = seen.into_keys().collect();
    assert_eq!(seen, all, "left: those with a test; right: those of the command");
}

/// Fails where a test is not there.
fn assert_test(test: &str) {
    let (file, name) = test.split_once("::").unwrap();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(workspace.join(file)).unwrap();
    assert!(text.contains(&format!("#[test]\nfn {name}()")), "{file} has no test {name}");
}
