//! cluster.xml and userconfig.xml through the public door: tables of faults, the templates, hostile files, damaged bytes.

#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use safekit_core::config::model::Host;
use safekit_core::config::{
    ClusterConfig, Code, DEPTH_MAX, DIAGNOSTICS_MAX, Diagnostic, FILE_BYTES_MAX, ModuleConfig,
    PARTS_MAX, Parsed, Severity, cluster, module,
};
use safekit_core::ids::{ModuleName, NODES_MAX, NodeName};

#[path = "config/coverage.rs"]
mod coverage;
#[path = "config/edit.rs"]
mod edit;
#[path = "config/reference.rs"]
mod reference;

const LINUX: &str = include_str!("../testdata/config/seed_linux_userconfig.xml");
const WINDOWS: &str = include_str!("../testdata/config/seed_windows_userconfig.xml");

fn parse_module(text: &[u8]) -> Parsed<ModuleConfig> {
    let environment = |name: &str| match name {
        "HOME_OF_APP" => Some("/opt/app".to_owned()),
        "BELL" => Some("\u{7}".to_owned()),
        _ => None,
    };
    module::parse(&ModuleName::new("farm").unwrap(), "userconfig.xml", text, &environment)
}

fn parse_cluster(text: &[u8]) -> Parsed<ClusterConfig> {
    cluster::parse("cluster.xml", text)
}

/// Tells whether the files that tests compare with are to be written anew.
fn writes_anew() -> bool {
    std::env::var_os("SAFEKIT_WRITE").is_some_and(|value| value == "1")
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<Code> {
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

mod tables {
    use super::*;

    /// One case: `==== kind [show]: title`, the input, `----`, what comes out.
    pub(super) struct Case<'t> {
        pub(super) header: &'t str,
        pub(super) input: &'t str,
        expected: &'t str,
    }

    pub(super) fn cases(table: &str) -> Vec<Case<'_>> {
        let (_comment, cases) = table.split_once("\n==== ").expect("a table has cases");
        cases
            .split("\n==== ")
            .map(|case| {
                let (header, rest) = case.split_once('\n').expect("a header is a line");
                let (input, expected) = rest.split_once("----\n").expect("a case has a line ----");
                Case { header, input, expected }
            })
            .collect()
    }

    fn outcome(diagnostics: &[Diagnostic], xml: Option<String>, show: bool) -> String {
        let mut text = String::new();
        for diagnostic in diagnostics {
            writeln!(text, "{diagnostic} [{}]", diagnostic.code).unwrap();
        }
        match xml {
            Some(xml) if show => text.push_str(&xml),
            Some(_) => text.push_str("accepted\n"),
            None => {}
        }
        text
    }

    pub(super) fn run(case: &Case<'_>) -> String {
        let (kind, _title) = case.header.split_once(": ").expect("a header has a title");
        let show = kind.ends_with(" show");
        if kind.starts_with("cluster") {
            let parsed = parse_cluster(case.input.as_bytes());
            outcome(&parsed.diagnostics, parsed.model.map(|model| model.to_xml()), show)
        } else {
            let parsed = parse_module(case.input.as_bytes());
            outcome(&parsed.diagnostics, parsed.model.map(|model| model.to_xml()), show)
        }
    }

    /// Compares a table with what comes out. With `SAFEKIT_WRITE=1` in the environment the table is written anew instead:
    /// what has changed is then to be read, line by line.
    fn check_table(name: &str, table: &str) {
        let (comment, _cases) = table.split_once("\n==== ").expect("a table has cases");
        let mut actual = format!("{}\n\n", comment.trim_end());
        let mut wrong = Vec::new();
        for case in cases(table) {
            let outcome = run(&case);
            write!(actual, "==== {}\n{}----\n{outcome}\n", case.header, case.input).unwrap();
            if outcome.trim_end() != case.expected.trim_end() {
                wrong.push(case.header);
            }
        }
        if writes_anew() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/config");
            fs::write(folder.join(name), format!("{}\n", actual.trim_end())).unwrap();
            return;
        }
        assert!(
            wrong.is_empty(),
            "{name}: comes out as\n\n{actual}\n{name} differs in {wrong:#?}\nSAFEKIT_WRITE=1 cargo test -p safekit-core --test config writes it anew"
        );
    }

    macro_rules! tables {
        ($($name:ident)*) => {
            /// All tables.
            pub(super) const TABLES: &[&str] =
                &[$(include_str!(concat!("../testdata/config/", stringify!($name), ".txt")),)*];

            $(
                #[test]
                fn $name() {
                    let table = include_str!(concat!("../testdata/config/", stringify!($name), ".txt"));
                    check_table(concat!(stringify!($name), ".txt"), table);
                }
            )*
        };
    }

    tables! {
        xml cluster_attributes cluster_contradictions module_attributes module_contradictions macros not_yet
        checkers failover vip farm mirror doubtful published
    }
}

#[test]
fn the_templates_of_the_product_pass_unmodified() {
    for text in [LINUX, WINDOWS] {
        let parsed = parse_module(text.as_bytes());
        assert_eq!(codes(&parsed.diagnostics), [Code::Placeholder]);
        assert_eq!(parsed.diagnostics[0].severity, Severity::Warning);
        let config = parsed.model.expect("accepted");
        assert_eq!(config.maxloop, 3);
        assert_eq!(config.loop_interval.as_secs(), 24 * 3600);
        assert_eq!(config.errd.as_ref().unwrap().polltimer.as_secs(), 10);
        assert_eq!(config.user.as_ref().unwrap().nicestoptimeout.as_secs(), 300);
        // With the byte order mark and the line ends of a Windows editor it says the same, at the same places.
        let edited = parse_module(format!("\u{feff}{}", text.replace('\n', "\r\n")).as_bytes());
        assert_eq!(edited.diagnostics, parsed.diagnostics);
        assert_eq!(edited.model, Some(config));
        // The word in the template's comment is no fault.
        let replaced = text.replace("\"PROCESS_NAME\"", "\"nginx\"");
        assert_eq!(parse_module(replaced.as_bytes()).diagnostics, []);
    }
}

#[test]
fn an_encoding_that_cannot_be_read_is_named_with_its_place() {
    let parsed = parse_module(b"<safe>\n  <!-- d\xe9mon -->\n</safe>");
    assert_eq!(parsed.diagnostics.len(), 1);
    assert_eq!(
        parsed.diagnostics[0].to_string(),
        "userconfig.xml:2:9: error: this byte is not UTF-8 (save the file in UTF-8)"
    );
    let utf_16: Vec<u8> = "\u{feff}<safe/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(codes(&parse_module(&utf_16).diagnostics), [Code::Encoding]);
}

#[test]
fn texts_that_are_too_long_are_refused() {
    let module = |inside: String| {
        let text = format!(
            "<safe><service mode=\"farm\"><farm><lan name=\"default\"/></farm>{inside}</service></safe>"
        );
        codes(&parse_module(text.as_bytes()).diagnostics)
    };
    let var =
        |count| module(format!("<user><var name=\"A\" value=\"{}\"/></user>", "é".repeat(count)));
    assert_eq!(var(8_192), []);
    assert_eq!(var(8_193), [Code::OutOfRange]);
    let regex = |count| {
        let regex = "x".repeat(count);
        module(format!("<user/><errd><proc name=\"p\" argregex=\"{regex}\"/></errd>"))
    };
    assert_eq!(regex(1_024), []);
    assert_eq!(regex(1_025), [Code::OutOfRange]);
}

#[test]
fn a_lan_that_cluster_xml_lacks_is_named_with_its_place() {
    let cluster = parse_cluster(
        br#"<cluster><lans>
          <lan name="default"><node name="a" addr="10.0.0.1"/><node name="b" addr="10.0.0.2"/></lan>
          <lan name="private"><node name="a" addr="10.1.0.1"/><node name="b" addr="10.1.0.2"/></lan>
        </lans></cluster>"#,
    );
    let cluster = cluster.model.unwrap();
    let text = "<safe><service mode=\"farm\"><farm>\n<lan name=\"default\"/>\n<lan name=\"privat\"/>\n\
                <lan name=\"backup-network\"/></farm></service></safe>";
    let module = parse_module(text.as_bytes());
    let told: Vec<String> =
        module.check_against(&cluster).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "userconfig.xml:3:12: error: lan 'privat' is not in cluster.xml (did you mean 'private'?)",
            "userconfig.xml:4:12: error: lan 'backup-network' is not in cluster.xml (cluster.xml has default, private)",
        ]
    );
    let missing: Vec<String> =
        module.model.unwrap().lans_missing_in(&cluster).iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["privat", "backup-network"]);
}

/// What cluster.xml has to say is told of a file that has faults of its own, too.
#[test]
fn a_node_that_cluster_xml_lacks_is_named_with_its_place() {
    let cluster = parse_cluster(
        br#"<cluster><lans><lan name="default">
          <node name="node1" addr="10.0.0.1"/><node name="node2" addr="10.0.0.2"/>
        </lan></lans></cluster>"#,
    );
    let text = r#"<safe><service mode="farm"><farm><lan name="default">
<node name="nod1" addr="10.0.0.1"/></lan></farm>
<vip><interface_list><interface><virtual_interface><virtual_addr addr="10.0.0.9"/></virtual_interface></interface></interface_list>
<loadbalancing_list><group name="g"><cluster><host name="node1" power="1"/>
<host name="server" power="1"/></cluster><rule/></group></loadbalancing_list></vip></service></safe>"#;
    let module = parse_module(text.as_bytes());
    assert_eq!(codes(&module.diagnostics), [Code::NoEffect, Code::NotSupportedYet]);
    let told: Vec<String> = module
        .check_against(&cluster.model.unwrap())
        .iter()
        .map(|diagnostic| format!("{diagnostic} [{}]", diagnostic.code))
        .collect();
    assert_eq!(
        told,
        [
            "userconfig.xml:2:13: error: node 'nod1' is not in cluster.xml (did you mean 'node1'?) [unknown-node]",
            "userconfig.xml:5:13: error: node 'server' is not in cluster.xml (cluster.xml has node1, node2) [unknown-node]",
        ]
    );
}

#[test]
fn programs_that_are_not_in_the_bin_are_told_with_their_places() {
    let text = r#"<safe><service mode="farm"><farm><lan name="default"/></farm><check>
<custom ident="a" when="both" exec="check_a"/>
<custom ident="b" when="both" exec="./sub/check_b"/>
<custom ident="c" when="both" exec="/usr/bin/check_c"/>
<custom ident="d" when="both" exec="check_d"/></check></service></safe>"#;
    let module = parse_module(text.as_bytes());
    let there = |file: &str| ["check_a", "sub/check_b"].contains(&file);
    let told: Vec<String> = module.check_programs(&there).iter().map(ToString::to_string).collect();
    let place = "userconfig.xml:5:37: error: there is no file bin/check_d";
    let hint = "the program of a <custom> lies in the bin of the module, or has an absolute path";
    assert_eq!(told, [format!("{place} ({hint})")]);
}

#[test]
fn classes_that_nothing_enables_are_told_with_their_places() {
    let text = r#"<safe><service mode="farm"><farm><lan name="default"/></farm><user/><errd>
<proc name="a"/>
<proc name="b" class="batch"/>
<proc name="c" class="nightly"/></errd></service></safe>"#;
    let module = parse_module(text.as_bytes());
    let told = module.check_classes(&|class| class == "batch");
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    let place = "userconfig.xml:4:23: warning: no script enables the class 'nightly'";
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with(place), "{told:?}");
}

/// What has no effect is not in the canonical text, and so no part of the signature.
#[test]
fn the_signature_sees_what_has_effect_and_nothing_else() {
    let signature = |inside: &str, service: &str| {
        let text = format!(
            "<safe><service mode=\"farm\" {service}><farm><lan name=\"default\"/></farm>{inside}</service></safe>"
        );
        parse_module(text.as_bytes()).model.expect("accepted").signature
    };
    let plain = signature("", "");
    let tcp = "<check><tcp ident=\"a\"><to addr=\"10.0.0.1\" port=\"80\"/></tcp></check>";
    assert_eq!(signature(tcp, ""), plain);
    assert_eq!(signature("<failover>a: if ( ip.x == down ) then stop();</failover>", ""), plain);
    assert_eq!(signature("", "automatic_reboot=\"on\""), plain);
    assert_ne!(signature("", "maxloop=\"4\""), plain);
}

mod names_and_addresses {
    use super::*;
    use safekit_core::config::cluster::{IdentifyError, ResolveError};

    const NAMES: &[u8] = br#"<cluster><lans>
      <lan name="default"><node name="a" addr="alpha.example"/><node name="b" addr="BETA"/></lan>
      <lan name="private"><node name="b" addr="[fd00::2]"/><node name="a" addr="192.0.2.1" laddr="10.0.0.1"/></lan>
    </lans></cluster>"#;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn names_become_the_same_addresses_whatever_the_order_of_the_answer() {
        let config = parse_cluster(NAMES).model.unwrap();
        for turn in [false, true] {
            let mut asked = Vec::new();
            let resolved = config
                .resolve(&mut |name| {
                    asked.push(name.to_owned());
                    let mut answer = match name {
                        "alpha.example" => vec![ip("2001:db8::1"), ip("10.0.0.9"), ip("10.0.0.8")],
                        _ => vec![ip("127.0.1.1"), ip("::ffff:10.0.0.2")],
                    };
                    if turn {
                        answer.reverse();
                    }
                    Ok(answer)
                })
                .unwrap();
            assert_eq!(asked, ["alpha.example", "BETA"]);
            let addresses: Vec<String> =
                resolved.lans[0].nodes.values().map(|node| node.addr.to_string()).collect();
            assert_eq!(addresses, ["10.0.0.8", "10.0.0.2"]);
            assert_ne!(resolved.signature, config.signature);
            // cluster_ip.xml reads as the same model.
            let again = parse_cluster(resolved.to_xml().as_bytes());
            assert_eq!(again.model, Some(resolved));
        }
    }

    #[test]
    fn every_name_without_a_usable_answer_is_told() {
        let config = parse_cluster(NAMES).model.unwrap();
        let errors = config
            .resolve(&mut |name| match name {
                "BETA" => Ok(vec![ip("127.0.1.1")]),
                _ => Err("is not known to DNS".to_owned()),
            })
            .unwrap_err();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "node 'a' on lan 'default': 'alpha.example' is not known to DNS",
                "node 'b' on lan 'default': 'BETA' resolves to 127.0.1.1, where other nodes cannot reach it: write its address",
            ]
        );
        let empty = config.resolve(&mut |_| Ok(Vec::new())).unwrap_err();
        assert!(empty[0].to_string().ends_with("has no address"), "{}", empty[0]);
    }

    #[test]
    fn names_that_turn_out_to_be_one_address_are_refused() {
        let config = parse_cluster(NAMES).model.unwrap();
        let errors = config.resolve(&mut |_| Ok(vec![ip("10.0.0.7")])).unwrap_err();
        assert!(matches!(errors.as_slice(), [ResolveError::Conflict { .. }]), "{errors:?}");
        assert_eq!(
            errors[0].to_string(),
            "nodes 'a' and 'b' have the same address 10.0.0.7 on lan 'default', once names are resolved"
        );
    }

    #[test]
    fn a_host_is_the_node_that_has_one_of_its_addresses() {
        let config = parse_cluster(NAMES).model.unwrap();
        let node = |name: &str| config.node_by_name(&NodeName::new(name).unwrap()).unwrap();
        assert_eq!(config.identify(&[ip("127.0.0.1"), ip("10.0.0.1")]), Ok(node("a")));
        assert_eq!(config.identify(&[ip("::ffff:10.0.0.1")]), Ok(node("a")));
        assert_eq!(config.identify(&[ip("fd00::2")]), Ok(node("b")));
        // Behind NAT the external address is not the host's own.
        let none = config.identify(&[ip("192.0.2.1")]).unwrap_err();
        assert_eq!(none, IdentifyError::None);
        assert!(none.to_string().contains("--node"));
        let both = config.identify(&[ip("fd00::2"), ip("10.0.0.1")]).unwrap_err();
        assert_eq!(
            both.to_string(),
            "the nodes 'a', 'b' of cluster.xml have addresses of this host; --node says which one it is"
        );
    }

    #[test]
    fn ids_follow_the_first_appearance_on_any_lan() {
        let config = parse_cluster(
            br#"<cluster><lans>
              <lan name="x"><node name="z" addr="10.0.0.26"/><node name="a" addr="10.0.0.1"/></lan>
              <lan name="y" command="on"><node name="m" addr="10.1.0.13"/>
                <node name="a" addr="10.1.0.1"/><node name="z" addr="10.1.0.26"/></lan>
            </lans></cluster>"#,
        );
        let config = config.model.unwrap();
        let names: Vec<&str> = config.nodes.values().map(NodeName::as_str).collect();
        assert_eq!(names, ["z", "a", "m"]);
        assert_eq!(config.command_lan().unwrap().name.as_str(), "y");
        assert_eq!(parse_cluster(config.to_xml().as_bytes()).model, Some(config));
    }

    #[test]
    fn the_signature_sees_meaning_and_nothing_else() {
        let text = std::str::from_utf8(NAMES).unwrap();
        let config = parse_cluster(NAMES).model.unwrap();
        let same = text
            .replace("<lans>", "<!-- the lans --><lans port='4800' pulse=\"100ms\">")
            .replace(r#"name="a" addr="alpha.example""#, r#"addr="alpha.example"   name="a""#);
        assert_ne!(same, text);
        assert_eq!(parse_cluster(same.as_bytes()).model.unwrap().signature, config.signature);
        for (from, to) in [
            ("<lans>", "<lans port=\"4801\">"),
            ("alpha.example", "alpha.example.org"),
            ("10.0.0.1", "10.0.0.11"),
            ("\"private\"", "\"private\" command=\"on\""),
        ] {
            let other = text.replace(from, to);
            let other = parse_cluster(other.as_bytes()).model.unwrap();
            assert_ne!(other.signature, config.signature, "{to}");
        }
    }
}

mod hostile {
    use super::*;

    /// Neither reader accepts the text, one of them gives the code, and the answer stays small.
    fn refused(text: &str, code: Code) {
        let start = &text[..text.len().min(60)];
        let answers = [
            parse_module(text.as_bytes()).into_result().map(|_| ()).unwrap_err(),
            parse_cluster(text.as_bytes()).into_result().map(|_| ()).unwrap_err(),
        ];
        let given: Vec<Vec<Code>> = answers.iter().map(|answer| codes(answer)).collect();
        assert!(given.iter().any(|given| given.contains(&code)), "{start}: {given:?}");
        for diagnostics in answers {
            assert!(diagnostics.len() <= DIAGNOSTICS_MAX + 1, "{start}");
            let longest = diagnostics.iter().map(|diagnostic| diagnostic.to_string().len()).max();
            assert!(longest < Some(700), "{start}: {longest:?}");
        }
    }

    #[test]
    fn deep_nesting() {
        refused(&"<safe>".repeat(100_000), Code::Limit);
        let within = format!("{}{}", "<a>".repeat(DEPTH_MAX), "</a>".repeat(DEPTH_MAX));
        assert!(!codes(&parse_module(within.as_bytes()).diagnostics).contains(&Code::Limit));
        let beyond = format!("{}{}", "<a>".repeat(DEPTH_MAX + 1), "</a>".repeat(DEPTH_MAX + 1));
        refused(&beyond, Code::Limit);
    }

    #[test]
    fn a_file_that_is_too_long() {
        let long = format!("<safe>{}</safe>", " ".repeat(FILE_BYTES_MAX));
        refused(&long, Code::Limit);
        let blank = format!("{LINUX}{}", " ".repeat(FILE_BYTES_MAX - LINUX.len()));
        assert!(parse_module(blank.as_bytes()).model.is_some());
    }

    #[test]
    fn a_megabyte_of_attributes() {
        let mut text = String::from("<cluster ");
        for number in 0..70_000 {
            write!(text, "a{number}=\"\" ").unwrap();
        }
        text.push_str("/>");
        assert!(text.len() < FILE_BYTES_MAX);
        refused(&text, Code::Limit);
        refused(&format!("<safe {}/>", "a='' ".repeat(PARTS_MAX - 10)), Code::Duplicate);
        refused(&format!("<safe {}/>", "a".repeat(1 << 19)), Code::Syntax);
        refused(&format!("<safe {}/>", "a ".repeat(1 << 18)), Code::Syntax);
        refused(&format!("<safe {}/>", "\"".repeat(1 << 19)), Code::Syntax);
        refused(&format!("<safe a{}/>", "=".repeat(1 << 19)), Code::Syntax);
    }

    #[test]
    fn many_elements() {
        refused(&format!("<safe>{}</safe>", "<a/>".repeat(100_000)), Code::Limit);
        refused(&format!("<safe>{}</safe>", "<a/>".repeat(PARTS_MAX - 10)), Code::MoreFaults);
        refused(&"</safe>".repeat(100_000), Code::Syntax);
        refused(&"<a><b></a>".repeat(PARTS_MAX / 2 - 1), Code::MoreFaults);
        refused(&"<!---->".repeat(100_000), Code::MissingElement);
        refused(&"\u{1}".repeat(1 << 20), Code::Encoding);
        refused(&"<".repeat(1 << 20), Code::Syntax);
        refused(&"&".repeat(1 << 20), Code::UnexpectedText);
        refused(&"<!-- -- -->".repeat(90_000), Code::Syntax);
    }

    #[test]
    fn many_nodes() {
        let mut text = String::from("<cluster><lans><lan name=\"default\">");
        for number in 0..5_000 {
            let (high, low) = (number / 250, number % 250 + 1);
            write!(text, "<node name=\"n{number}\" addr=\"10.0.{high}.{low}\"/>").unwrap();
        }
        text.push_str("</lan></lans></cluster>");
        refused(&text, Code::RepeatedElement);
        let mut text = String::from("<cluster><lans>");
        for lan in 0..2 {
            write!(text, "<lan name=\"lan{lan}\">").unwrap();
            for number in 1..=NODES_MAX {
                write!(text, "<node name=\"n{lan}-{number}\" addr=\"10.{lan}.0.{number}\"/>")
                    .unwrap();
            }
            text.push_str("</lan>");
        }
        text.push_str("</lans></cluster>");
        refused(&text, Code::Limit);
    }

    #[test]
    fn entities_and_external_files() {
        for declaration in [
            "<!DOCTYPE safe [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]>",
            "<!DOCTYPE safe SYSTEM \"file:///etc/passwd\">",
            "<!DOCTYPE safe PUBLIC \"a\" \"http://127.0.0.1/safe.dtd\">",
            "<!doctype safe>",
            "<!DOCTYPE other>",
        ] {
            refused(&format!("{declaration}<safe>&lol2;</safe>"), Code::Doctype);
        }
    }

    /// Each macro is ten times the one before it: the values may not grow without bound.
    #[test]
    fn macros_that_laugh() {
        let mut text = String::from("<safe><macro name=\"L0\" value=\"laughing\"/>\n");
        for level in 1..20 {
            let value = format!("%L{}%", level - 1).repeat(10);
            writeln!(text, "<macro name=\"L{level}\" value=\"{value}\"/>").unwrap();
        }
        text.push_str(
            "<service mode=\"farm\"><farm><lan name=\"default\"/></farm></service></safe>",
        );
        let parsed = parse_module(text.as_bytes());
        assert!(codes(&parsed.diagnostics).contains(&Code::Limit), "{:?}", parsed.diagnostics);
        assert!(parsed.model.is_none());
        let percent =
            format!("<safe><macro name=\"A\" value=\"{}\"/></safe>", "%A ".repeat(1 << 18));
        refused(&percent, Code::MissingElement);
    }

    fn in_service(inside: &str) -> String {
        format!(
            "<safe><service mode=\"farm\"><farm><lan name=\"default\"/></farm>{inside}</service></safe>"
        )
    }

    #[test]
    fn many_checkers() {
        let to = "<to addr=\"10.0.0.1\" port=\"80\"/>";
        let many_to = format!("<tcp ident=\"a\">{}</tcp>", to.repeat(6_000));
        refused(&in_service(&format!("<check>{many_to}</check>")), Code::RepeatedElement);
        let tcp = format!("<tcp ident=\"a\">{to}</tcp>");
        refused(&in_service(&format!("<check>{}</check>", tcp.repeat(256))), Code::Duplicate);
        refused(&in_service(&"<check/>".repeat(PARTS_MAX - 20)), Code::RepeatedElement);
        let module = "<module name=\"a\"/>".repeat(9_000);
        refused(&in_service(&format!("<check>{module}</check>")), Code::RepeatedElement);
        let ident = "x".repeat(1 << 19);
        let long = format!("<check><tcp ident=\"{ident}\">{to}</tcp></check>");
        refused(&in_service(&long), Code::OutOfRange);
        let deep = format!("<check>{}", "<tcp><to>".repeat(100));
        refused(&in_service(&deep), Code::Limit);
    }

    #[test]
    fn many_warnings_leave_room_for_the_errors() {
        let mut checkers = String::new();
        for number in 0..256 {
            write!(checkers, "<module name=\"m{number}\"/>").unwrap();
        }
        let parsed = parse_module(in_service(&format!("<check>{checkers}</check>")).as_bytes());
        assert!(parsed.model.is_some());
        assert_eq!(parsed.diagnostics.len(), DIAGNOSTICS_MAX / 2 + 1);
        refused(&in_service(&format!("<check>{checkers}<tcp/></check>")), Code::MissingAttribute);
    }

    #[test]
    fn rules_without_end() {
        let failover = |text: &str| in_service(&format!("<failover>{text}</failover>"));
        let fits = failover(&format!("/*{}*/", "x".repeat((1 << 16) - 4)));
        assert!(parse_module(fits.as_bytes()).model.is_some());
        refused(&failover(&format!("/*{}*/", "x".repeat((1 << 16) - 3))), Code::Limit);
        refused(&failover(&format!("<![CDATA[{}]]>", "x".repeat(1 << 19))), Code::Limit);
        refused(&failover(&"<![CDATA[x]]>".repeat(70_000)), Code::Limit);
        refused(&failover(&"x<!---->".repeat(120_000)), Code::Limit);
        refused(&failover(&"&x;".repeat(300_000)), Code::Reference);
        refused(&failover(&"& ".repeat(500_000)), Code::Reference);
    }

    #[test]
    fn many_virtual_addresses_and_hosts() {
        let address = "<virtual_addr addr=\"10.0.0.9\"/>".repeat(64);
        let interface =
            format!("<interface><virtual_interface>{address}</virtual_interface></interface>");
        let list = format!("<interface_list>{}</interface_list>", interface.repeat(64));
        refused(&in_service(&format!("<vip>{list}</vip>")), Code::Duplicate);
        let mut hosts = String::new();
        for number in 0..NODES_MAX {
            write!(hosts, "<host name=\"n{number}\" power=\"1\"/>").unwrap();
        }
        let group = format!("<group name=\"g\"><cluster>{hosts}</cluster><rule/></group>");
        let groups = format!("<loadbalancing_list>{}</loadbalancing_list>", group.repeat(45));
        let text = in_service(&format!("<vip>{groups}</vip>"));
        refused(&text, Code::Duplicate);
        let cluster = parse_cluster(
            br#"<cluster><lans><lan name="default"><node name="n" addr="10.0.0.1"/></lan></lans></cluster>"#,
        );
        let told = parse_module(text.as_bytes()).check_against(&cluster.model.unwrap());
        assert_eq!(told.len(), DIAGNOSTICS_MAX);
    }

    #[test]
    fn regular_expressions_that_explode() {
        let mut text = String::from(
            "<safe><service mode=\"farm\"><farm><lan name=\"default\"/></farm><user/><errd>",
        );
        for number in 0..256 {
            write!(text, "<proc name=\"p{number}\" argregex=\"((a{{1000}}){{1000}}){{1000}}\"/>")
                .unwrap();
        }
        text.push_str("</errd></service></safe>");
        refused(&text, Code::BadValue);
    }
}

mod damage {
    use super::*;

    /// Xorshift: the damage is the same on each run.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, end: usize) -> usize {
            usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
        }
    }

    /// Pieces that mean something to the reader: damage with them goes deeper than with single bytes.
    const PIECES: [&[u8]; 32] = [
        b"<",
        b">",
        b"/>",
        b"</",
        b"\"",
        b"'",
        b"=",
        b"&",
        b";",
        b"&#0;",
        b"&#xffff;",
        b"&amp;",
        b"%",
        b"%A%",
        b"<!--",
        b"-->",
        b"--",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE safe>",
        b"<?xml version=\"1.0\"?>",
        b"<?",
        b"\xff",
        b"\xe2\x82",
        b"\r\n",
        b"\0",
        b"18446744073709551616",
        b"-1",
        b"0",
        b"[::1]",
        b"<!",
        b"\xef\xbb\xbf",
    ];

    fn damaged(text: &[u8], random: &mut Random) -> Vec<u8> {
        let mut bytes = text.to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            let end = (at + random.below(12)).min(bytes.len());
            match random.below(6) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
                3 => {
                    drop(bytes.splice(at..end, PIECES[random.below(PIECES.len())].iter().copied()));
                }
                4 => {
                    let from = random.below(bytes.len());
                    let copy = bytes[from..(from + random.below(60)).min(bytes.len())].to_vec();
                    drop(bytes.splice(at..at, copy));
                }
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                return bytes;
            }
        }
        bytes
    }

    const CLUSTER: &[u8] = br#"<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE cluster>
<cluster><!-- two -->
  <lans port="4800" pulse="50ms" mlost_count="20" slost_count="10">
    <lan name="default" command="on" console="on">
      <node name="node1" addr="10.0.0.1" laddr="192.168.0.1"/><node name="node2" addr="[2001:db8::2]"/>
    </lan>
    <lan name="private"><node name="node1" addr="node1.example"/><node name='node2' addr='10.1.0.2'></node></lan>
  </lans>
</cluster>"#;

    /// What is accepted without effect.
    const WITHOUT_EFFECT: &[u8] = br#"<safe><service mode="farm" automatic_reboot="on">
<farm pulse="100" slost_count="10"><lan name="default"><node name="a" addr="10.0.0.1"/></lan></farm>
<check><tcp ident="a" when="pre" action="wait"><to addr="10.0.0.1" port="80" interval="10s"/></tcp>
<custom ident="c" when="both" exec="bin/c" arg="-x"/><module name="m"/><ip ident="i"><to addr="::1"/></ip></check>
<failover extends="no" period="5s"><![CDATA[a: if ( tcp.a == down && 1 ) then stop();]]> &lt;b</failover>
<vhost><virtualhostname name="app" envfile="env" when="both"/></vhost></service></safe>"#;

    const MODULE: &[u8] = br#"<!DOCTYPE safe>
<macro name="A" value="a &lt; b"/>
<safe><macro name="B" value="%A%&#37;"/>
  <service mode="farm" boot="on" boot_delay="1500ms" maxloop="3" loop_interval="24" drain="0">
    <farm port="4801"><lan name="default"/><lan name="private"/></farm>
    <user nicestoptimeout="2m" starttimeout="0s" logging="none" userlogsize="10"><var name="X" value="%B%&#10;%A%"/></user>
    <errd polltimer="10"><proc name="p" argregex="^/bin/p( -x)?$" atleast="-1" atmax="0" action="noaction" class="pre"/>
      <proc name="q" class="prim" start_after="2"/></errd>
  </service>
</safe>"#;

    fn check_module(bytes: &[u8]) -> bool {
        let parsed = parse_module(bytes);
        let errors = parsed.diagnostics.iter().any(|d| d.severity == Severity::Error);
        assert_eq!(parsed.model.is_none(), errors, "{}", String::from_utf8_lossy(bytes));
        let Some(config) = parsed.model else { return false };
        let xml = config.to_xml();
        let nothing = |_: &str| None;
        let name = ModuleName::new("farm").unwrap();
        let again = module::parse(&name, "safeconf.xml", xml.as_bytes(), &nothing);
        assert_eq!(again.model.as_ref(), Some(&config), "{xml}\n{:?}", again.diagnostics);
        assert_eq!(again.model.map(|config| config.to_xml()), Some(xml));
        true
    }

    fn check_cluster(bytes: &[u8]) -> bool {
        let parsed = parse_cluster(bytes);
        let errors = parsed.diagnostics.iter().any(|d| d.severity == Severity::Error);
        assert_eq!(parsed.model.is_none(), errors, "{}", String::from_utf8_lossy(bytes));
        let Some(config) = parsed.model else { return false };
        let xml = config.to_xml();
        let again = parse_cluster(xml.as_bytes());
        assert_eq!(again.model.as_ref(), Some(&config), "{xml}\n{:?}", again.diagnostics);
        for address in config.lans.iter().flat_map(|lan| lan.nodes.values()) {
            if let Host::Ip(ip) = address.addr {
                assert!(!ip.is_unspecified() && !ip.is_multicast());
            }
        }
        true
    }

    /// Nothing panics, and what is accepted says the same once it is written and read again.
    #[test]
    fn damaged_files_are_refused_or_read_back_as_the_same() {
        assert!(check_cluster(CLUSTER), "{:?}", parse_cluster(CLUSTER).diagnostics);
        assert!(check_module(MODULE), "{:?}", parse_module(MODULE).diagnostics);
        let mut random = Random(0x5afe_c0de_2026_0001);
        let mut accepted = 0;
        for _ in 0..4_000 {
            accepted += u32::from(check_cluster(&damaged(CLUSTER, &mut random)));
            accepted += u32::from(check_module(&damaged(MODULE, &mut random)));
            accepted += u32::from(check_module(&damaged(LINUX.as_bytes(), &mut random)));
            accepted += u32::from(check_module(&damaged(WITHOUT_EFFECT, &mut random)));
        }
        // Damage that leaves nothing valid, or nothing damaged, would test nothing.
        assert!((500..15_500).contains(&accepted), "{accepted} of 16000 were accepted");
    }
}
