//! userconfig.xml: reading, canonical text (safeconf.xml), and what it has to do with cluster.xml.
//!
//! Example: [`parse()`].

use std::collections::BTreeMap;

use super::check::{self, Checked};
use super::cluster::line;
use super::cross;
use super::diagnostic::{
    Code, DIAGNOSTICS_MAX, Diagnostic, Named, Parsed, Place, Report, Said, Severity, did_you_mean,
};
use super::duration::{self, Unit};
use super::escape::escape;
use super::macros;
use super::model::{
    BootPolicy, ClusterConfig, ErrdConfig, Logging, ModuleConfig, ModuleMode, ProcAction,
    ProcClass, ProcConfig, ProcKind, Signature, UserConfig,
};
use super::reader;
use super::schema::{MACRO, SAFE};
use super::value::BETWEEN_SERVICES;
use crate::ids::{LanName, ModuleName, NodeName};

/// What SafeKit's templates have where the name of a process belongs.
const PLACEHOLDER: &str = "PROCESS_NAME";

/// Reads userconfig.xml of a module.
///
/// `file_name` is only repeated in the diagnostics; `environment` gives the value of a variable, for `%NAME%` that is no macro.
///
/// ```
/// use safekit_core::config::module;
/// use safekit_core::ids::ModuleName;
///
/// let text = br#"<safe><service mode="farm"><farm><lan name="default"/></farm></service></safe>"#;
/// let name = ModuleName::new("farm")?;
/// let parsed = module::parse(&name, "userconfig.xml", text, &|_| None);
/// assert_eq!(parsed.model.map(|module| module.maxloop), Some(3));
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[must_use]
pub fn parse(
    name: &ModuleName,
    file_name: &str,
    bytes: &[u8],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Parsed<ModuleConfig> {
    let (text, fault) = reader::decode(bytes);
    let mut report = Report::new(file_name, text);
    let mut document = reader::read(text, fault.as_ref(), SAFE.name, &mut report);
    macros::expand(&mut document, environment, &mut report);
    let checked = check::check(&document, &SAFE, Some(&MACRO), &mut report);
    let service = checked.as_ref().and_then(|safe| safe.child("service"));
    let Some(service) = service else { return report.finish(None, Vec::new()) };
    if document.complete {
        check_mode(service, &mut report);
    }
    let mut places = check_lans(service, &mut report);
    check_user(service, &mut report);
    places.extend(check_procs(service, &mut report));
    cross::check_service(service, &mut report);
    places.extend(cross::check_checkers(service, &mut report));
    places.extend(cross::check_vip(service, &mut report));
    let model = if report.failed() { None } else { build(name, service) };
    report.finish(model, places)
}

/// A farm needs its lans; to a light module they mean nothing.
fn check_mode(service: &Checked, report: &mut Report<'_>) {
    match (service.word("mode"), service.child("farm")) {
        (Some("farm"), None) => report.error(service.at, Code::MissingElement, || {
            Said::new("<service> needs a <farm>")
                .hint("mode=\"light\" is that of a module on one node alone")
        }),
        (Some("light"), Some(farm)) => report.warning(farm.at, Code::NoEffect, || {
            Said::new("<farm> has no effect in a light module")
                .hint("other nodes do not matter to it: leave it out")
        }),
        _ => {}
    }
}

fn check_lans(service: &Checked, report: &mut Report<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let farms = service.children("farm").filter(|_| service.word("mode") != Some("light"));
    let lans = farms.flat_map(|farm| farm.children("lan"));
    let mut seen = BTreeMap::new();
    for lan in lans {
        let Some(name) = lan.lan_name("name") else { continue };
        let at = lan.value_at("name");
        once(&mut seen, "lan", name.as_str(), at, report);
        places.push(report.place(at, Named::Lan, name.as_str()));
        check_addresses(lan, &mut places, report);
    }
    places
}

/// Looks at the nodes of a lan, as they were written before SafeKit 7.2.
fn check_addresses(lan: &Checked, places: &mut Vec<Place>, report: &mut Report<'_>) {
    let mut seen = BTreeMap::new();
    for node in lan.children("node") {
        let Some(name) = node.node_name("name") else { continue };
        let at = node.value_at("name");
        once(&mut seen, "node", name.as_str(), at, report);
        places.push(report.place(at, Named::Node, name.as_str()));
    }
}

fn check_user(service: &Checked, report: &mut Report<'_>) {
    let mut seen = BTreeMap::new();
    for var in service.children("user").flat_map(|user| user.children("var")) {
        if let Some(name) = var.text("name") {
            once(&mut seen, "var", name, var.value_at("name"), report);
        }
    }
    if let Some(errd) = service.child("errd").filter(|_| service.child("user").is_none()) {
        report.error(errd.at, Code::Contradiction, || {
            Said::new("<errd> requires <user>: without it no script runs that could mend a fault")
                .hint("add <user/>")
        });
    }
}

/// Looks at `<proc>`. Returns the classes of the user's own that are named.
fn check_procs(service: &Checked, report: &mut Report<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let mut seen = BTreeMap::new();
    for proc in service.children("errd").flat_map(|errd| errd.children("proc")) {
        if let Some(name) = proc.text("name") {
            let at = proc.value_at("name");
            once(&mut seen, "proc", name, at, report);
            if name == PLACEHOLDER {
                report.warning(at, Code::Placeholder, || {
                    Said::new(format!("{PLACEHOLDER} is the placeholder of the template")).hint(
                        "replace it by the name of your process; a wrong name makes the module stop right after its start",
                    )
                });
            }
        }
        if let Some(ProcClass::User(class)) = proc.text("class").and_then(ProcClass::from_text) {
            places.push(report.place(proc.value_at("class"), Named::Class, &class));
        }
        check_counts(proc, report);
        check_handler(proc, report);
        cross::check_proc(proc, report);
    }
    places
}

/// Refuses a handler below bin that is not below bin.
fn check_handler(proc: &Checked, report: &mut Report<'_>) {
    let handler = proc.text("action").map(ProcAction::from_text);
    let handler = handler.as_ref().and_then(ProcAction::handler);
    if handler.is_some_and(|file| file.split('/').any(|part| part == "..") || file.ends_with('/')) {
        report.error(proc.value_at("action"), Code::BadValue, || {
            Said::new("a handler is a file below the module's bin, or has an absolute path")
                .hint("write it without '..'")
        });
    }
    if handler.is_none() && proc.duration("handlertimeout").is_some() {
        report.warning(proc.value_at("handlertimeout"), Code::NoEffect, || {
            Said::new("handlertimeout has no effect: action names no handler")
        });
    }
}

/// Refuses counts that no number of processes satisfies.
fn check_counts(proc: &Checked, report: &mut Report<'_>) {
    let (Some(atleast), Some(atmax)) = (proc.number("atleast"), proc.number("atmax")) else {
        return;
    };
    // atmax is the first number that is a fault; 0 and 1 both mean "already the first".
    let fault_from = atmax.max(1);
    if atleast < 1 || atmax < 0 || atleast < fault_from {
        return;
    }
    report.error(proc.value_at("atmax"), Code::Contradiction, || {
        let message = format!(
            "atleast {atleast} and atmax {atmax} are a fault with any number of processes: {fault_from} or more are too many"
        );
        Said::new(message).hint(match atmax {
            0 => "write atleast=\"-1\" where no process may run".to_owned(),
            _ => format!("for {atleast} and no more write atmax=\"{}\"", atleast + 1),
        })
    });
}

/// Tells of a name that comes a second time.
pub(super) fn once<'n>(
    seen: &mut BTreeMap<&'n str, usize>,
    element: &str,
    name: &'n str,
    at: usize,
    report: &mut Report<'_>,
) {
    let Some(first) = seen.insert(name, at) else { return };
    let line = report.line(first);
    report.error(at, Code::Duplicate, || {
        Said::new(format!("<{element}> '{name}' is there twice"))
            .hint(format!("first in line {line}"))
    });
}

fn build(name: &ModuleName, service: &Checked) -> Option<ModuleConfig> {
    let mode = ModuleMode::from_word(service.word("mode")?)?;
    let lans: Option<Vec<LanName>> = match mode {
        ModuleMode::Farm => {
            let farm = service.child("farm")?;
            farm.children("lan").map(|lan| lan.lan_name("name").cloned()).collect()
        }
        ModuleMode::Light => Some(Vec::new()),
    };
    let user = match service.child("user") {
        Some(user) => Some(build_user(user)?),
        None => None,
    };
    let errd = match service.child("errd") {
        Some(errd) => Some(build_errd(errd)?),
        None => None,
    };
    let mut config = ModuleConfig {
        name: name.clone(),
        mode,
        boot: BootPolicy::from_word(service.word("boot")?)?,
        boot_delay: service.duration("boot_delay")?,
        maxloop: service.unsigned("maxloop")?,
        loop_interval: service.duration("loop_interval")?,
        drain: service.duration("drain")?,
        lans: lans?,
        user,
        errd,
        signature: Signature::default(),
    };
    config.signature = Signature::of(&config.to_xml());
    Some(config)
}

fn build_user(user: &Checked) -> Option<UserConfig> {
    let vars: Option<Vec<(String, String)>> = user
        .children("var")
        .map(|var| Some((var.text("name")?.to_owned(), var.text("value")?.to_owned())))
        .collect();
    Some(UserConfig {
        nicestoptimeout: user.duration("nicestoptimeout")?,
        forcestoptimeout: user.duration("forcestoptimeout")?,
        starttimeout: user.duration("starttimeout").filter(|limit| !limit.is_zero()),
        logging: Logging::from_word(user.word("logging")?)?,
        userlogsize_bytes: user.unsigned::<u64>("userlogsize")?.checked_mul(1024)?,
        vars: vars?,
    })
}

fn build_errd(errd: &Checked) -> Option<ErrdConfig> {
    let mut procs = Vec::new();
    for proc in errd.children("proc") {
        let class = proc.text("class")?;
        // What belongs to a mirror was told, and is never watched.
        let Some(class) = ProcClass::from_text(class) else { continue };
        procs.push(ProcConfig {
            name: proc.text("name")?.to_owned(),
            nameregex: proc.text("nameregex").map(str::to_owned),
            argregex: proc.text("argregex").map(str::to_owned),
            atleast: proc.unsigned("atleast"),
            atmax: proc.unsigned("atmax"),
            kind: ProcKind::from_word(proc.word("service")?),
            action: ProcAction::from_text(proc.text("action")?),
            restart_services: proc
                .text("restart_services")
                .map(|list| list.split(BETWEEN_SERVICES).map(str::to_owned).collect())
                .unwrap_or_default(),
            handlertimeout: proc.duration("handlertimeout"),
            class,
            start_after: proc.unsigned("start_after")?,
        });
    }
    Some(ErrdConfig { polltimer: errd.duration("polltimer")?, procs })
}

impl Parsed<ModuleConfig> {
    /// Checks the module against a cluster: every lan and node that it names must be there. At most [`DIAGNOSTICS_MAX`]
    /// of those that are not are told; they are told of a file without a model, too.
    #[must_use]
    pub fn check_against(&self, cluster: &ClusterConfig) -> Vec<Diagnostic> {
        let lans: Vec<&str> = cluster.lans.iter().map(|lan| lan.name.as_str()).collect();
        let nodes: Vec<&str> = cluster.nodes.values().map(NodeName::as_str).collect();
        let mut missing = Vec::new();
        for place in &self.places {
            let (what, code, names) = match place.named {
                Named::Lan => ("lan", Code::UnknownLan, &lans),
                Named::Node => ("node", Code::UnknownNode, &nodes),
                Named::Program | Named::Class => continue,
            };
            if missing.len() < DIAGNOSTICS_MAX && !names.contains(&place.name.as_str()) {
                missing.push(place.missing(what, code, names));
            }
        }
        missing
    }

    /// Checks the module against the files of its bin: every program of a `<custom>` that is named by a path below it must be there.
    /// At most [`DIAGNOSTICS_MAX`] of those that are not are told. Handlers of `<proc>` are in the model
    /// ([`ProcAction::handler`](super::model::ProcAction::handler)).
    #[must_use]
    pub fn check_programs(&self, is_there: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
        let programs = self.places.iter().filter(|place| place.named == Named::Program);
        let below = programs.filter(|place| !place.name.starts_with('/'));
        let missing = below.filter(|place| !is_there(place.name.trim_start_matches("./")));
        let told = missing.take(DIAGNOSTICS_MAX).map(|place| {
            let message = format!("there is no file bin/{}", place.name.trim_start_matches("./"));
            Diagnostic::new(&place.file, Severity::Error, Code::BadValue, message)
                .at(place.line, place.column)
                .hint("the program of a <custom> lies in the bin of the module, or has an absolute path".to_owned())
        });
        told.collect()
    }

    /// Checks the module against its scripts: a class of the user's own is watched once `safekit errd enable` has named it, which
    /// is mostly a script's affair. Warns of those that `is_enabled` does not know; of at most [`DIAGNOSTICS_MAX`].
    #[must_use]
    pub fn check_classes(&self, is_enabled: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
        let classes = self.places.iter().filter(|place| place.named == Named::Class);
        let idle = classes.filter(|place| !is_enabled(&place.name));
        let told = idle.take(DIAGNOSTICS_MAX).map(|place| {
            let message = format!("no script enables the class '{}': nothing is watched", place.name);
            Diagnostic::new(&place.file, Severity::Warning, Code::Doubtful, message)
                .at(place.line, place.column)
                .hint(format!(
                    "let start_both run 'safekit errd enable {}' at its end, or give that command by hand",
                    place.name
                ))
        });
        told.collect()
    }
}

impl Place {
    /// Tells that the name is none of those of cluster.xml.
    fn missing(&self, what: &str, code: Code, names: &[&str]) -> Diagnostic {
        const NAMED_MAX: usize = 8;
        let hint = did_you_mean(&self.name, names.iter().copied()).unwrap_or_else(|| {
            let some: Vec<&str> = names.iter().copied().take(NAMED_MAX).collect();
            let more = if names.len() > NAMED_MAX { ", ..." } else { "" };
            format!("cluster.xml has {}{more}", some.join(", "))
        });
        let message = format!("{what} '{}' is not in cluster.xml", self.name);
        Diagnostic::new(&self.file, Severity::Error, code, message)
            .at(self.line, self.column)
            .hint(hint)
    }
}

impl ModuleConfig {
    /// Returns the names of lans that a cluster does not have, for a module whose text is not at hand.
    #[must_use]
    pub fn lans_missing_in(&self, cluster: &ClusterConfig) -> Vec<&LanName> {
        self.lans.iter().filter(|lan| cluster.lan_by_name(lan).is_none()).collect()
    }

    /// Returns the canonical text, which is safeconf.xml: complete, macros replaced, defaults included, without comments.
    /// It reads as the same model, in any environment.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = String::from("<!DOCTYPE safe>\n<safe>\n");
        let service = format!(
            "<service mode=\"{}\" boot=\"{}\" boot_delay=\"{}\" maxloop=\"{}\" loop_interval=\"{}\" drain=\"{}\">",
            self.mode.as_str(),
            self.boot.as_str(),
            duration::text(self.boot_delay, Unit::Second),
            self.maxloop,
            duration::text(self.loop_interval, Unit::Hour),
            duration::text(self.drain, Unit::Second),
        );
        line(&mut xml, 1, &service);
        if self.mode == ModuleMode::Farm {
            line(&mut xml, 2, "<farm>");
            for lan in &self.lans {
                line(&mut xml, 3, &format!("<lan name=\"{lan}\"/>"));
            }
            line(&mut xml, 2, "</farm>");
        }
        if let Some(errd) = &self.errd {
            errd.write_xml(&mut xml);
        }
        if let Some(user) = &self.user {
            user.write_xml(&mut xml);
        }
        line(&mut xml, 1, "</service>");
        xml.push_str("</safe>\n");
        xml
    }
}

impl UserConfig {
    fn write_xml(&self, xml: &mut String) {
        let seconds = |duration| duration::text(duration, Unit::Second);
        let start = self.starttimeout.map(|limit| format!(" starttimeout=\"{}\"", seconds(limit)));
        let user = format!(
            "<user nicestoptimeout=\"{}\" forcestoptimeout=\"{}\"{} logging=\"{}\" userlogsize=\"{}\">",
            seconds(self.nicestoptimeout),
            seconds(self.forcestoptimeout),
            start.unwrap_or_default(),
            self.logging.as_str(),
            self.userlogsize_bytes / 1024,
        );
        line(xml, 2, &user);
        for (name, value) in &self.vars {
            line(xml, 3, &format!("<var name=\"{name}\" value=\"{}\"/>", escape(value)));
        }
        line(xml, 2, "</user>");
    }
}

impl ErrdConfig {
    fn write_xml(&self, xml: &mut String) {
        let polltimer = duration::text(self.polltimer, Unit::Second);
        line(xml, 2, &format!("<errd polltimer=\"{polltimer}\">"));
        let count = |count: Option<u32>| count.map_or_else(|| "-1".to_owned(), |n| n.to_string());
        let maybe = |name: &str, value: Option<String>| {
            value.map(|value| format!(" {name}=\"{value}\"")).unwrap_or_default()
        };
        for proc in &self.procs {
            let service = proc.kind == ProcKind::Service;
            let services = proc.services_text();
            let limit = proc.handlertimeout.map(|limit| duration::text(limit, Unit::Second));
            let proc = format!(
                "<proc name=\"{}\"{}{}{} atleast=\"{}\" atmax=\"{}\" action=\"{}\"{}{} class=\"{}\" start_after=\"{}\"/>",
                escape(&proc.name),
                maybe("service", service.then(|| "yes".to_owned())),
                maybe("nameregex", proc.nameregex.as_deref().map(escape)),
                maybe("argregex", proc.argregex.as_deref().map(escape)),
                count(proc.atleast),
                count(proc.atmax),
                escape(proc.action.as_str()),
                maybe("handlertimeout", limit),
                maybe("restart_services", services.map(|list| escape(&list))),
                escape(proc.class.as_str()),
                proc.start_after,
            );
            line(xml, 3, &proc);
        }
        line(xml, 2, "</errd>");
    }
}
