//! Reads one value as its type in `schema` says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::diagnostic::{Code, did_you_mean, quoted};
use super::duration::{self, DurationError, Unit};
use super::model::Host;
use super::schema::PROC_NAME_CHARS_MAX;
use super::spec::{Choice, Kind, Status};
use crate::ids::{LanName, NameError, NodeName};

/// The most characters of a name for DNS (RFC 1035), and of one label of it.
const HOST_CHARS_MAX: usize = 253;
const LABEL_CHARS_MAX: usize = 63;
/// The most bytes that a regular expression may take once it is compiled.
const REGEX_BYTES_MAX: usize = 1 << 18;

/// Stands for all ports, or all addresses.
const ANY: &str = "*";
/// Where a port belongs that was written behind an address.
const PORT_OF_LANS: &str = "the port is an attribute of <lans>";
const PORT_APART: &str = "a port is an attribute of its own";

/// A value that fits its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Word(&'static str),
    Number(i64),
    Duration(Duration),
    Node(NodeName),
    Lan(LanName),
    Host(Host),
}

/// Why a text does not fit.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) code: Code,
    /// Where in the text.
    pub(crate) at: usize,
    /// Follows the attribute's name and the text.
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
}

impl Bad {
    fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, at: 0, what: what.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads a text as a type.
pub(crate) fn read(kind: Kind, text: &str) -> Result<Value, Bad> {
    match kind {
        Kind::Text { chars_max } => bounded(text, chars_max).map(Value::Text),
        Kind::Line { chars_max } => line(text, chars_max).map(Value::Text),
        Kind::Identifier => identifier(text, kind).map(Value::Text),
        Kind::NodeName => NodeName::new(text).map(Value::Node).map_err(bad_name),
        Kind::LanName => LanName::new(text).map(Value::Lan).map_err(bad_name),
        Kind::OneOf { choices, others } => word(text, kind, choices, others).map(Value::Word),
        Kind::WordOr { choices, other, chars_max } => {
            word_or(text, choices, other, chars_max).map(Value::Text)
        }
        Kind::Number { min, max } => number(text, kind, (min, max)).map(Value::Number),
        Kind::Duration { unit, min, max, zero } => {
            let bounds = Bounds { unit, min, max, zero: zero.is_some() };
            bounds.read(text).map(Value::Duration)
        }
        Kind::Host => host(text, PORT_OF_LANS).map(Value::Host),
        Kind::Target => host(text, PORT_APART).map(Value::Host),
        Kind::TargetOrAny if text == ANY => Ok(Value::Word(ANY)),
        Kind::TargetOrAny => host(text, PORT_APART).map(Value::Host),
        Kind::HostName => host_name(text).map(Value::Host),
        Kind::PortOrAny if text == ANY => Ok(Value::Word(ANY)),
        Kind::PortOrAny => number(text, kind, (1, 65_535)).map(Value::Number),
        Kind::Token { chars_max } => token(text, chars_max).map(Value::Text),
        Kind::Mac => mac(text, kind).map(Value::Text),
        Kind::Netmask => netmask(text, kind).map(Value::Text),
        Kind::Ip => match host(text, PORT_APART)? {
            Host::Ip(ip) => Ok(Value::Host(Host::Ip(ip))),
            Host::Name(_) => {
                Err(Bad::new(Code::BadValue, "is not an address").hint(kind.to_string()))
            }
        },
        Kind::Services { max } => services(text, max).map(Value::Text),
        Kind::Regex { chars_max } => {
            let text = line(text, chars_max)?;
            match regex(&text) {
                Ok(_) => Ok(Value::Text(text)),
                Err(why) => {
                    let what = format!("is not a regular expression: {why}");
                    Err(Bad::new(Code::BadValue, what))
                }
            }
        }
    }
}

/// Returns what is said of a word in the table; `None` for a text that is none of the words.
pub(crate) fn word_status(kind: Kind, text: &str) -> Option<Status> {
    let (Kind::OneOf { choices, .. } | Kind::WordOr { choices, .. }) = kind else { return None };
    Some(choices.iter().find(|choice| choice.text == text)?.status)
}

/// Compiles a regular expression (`argregex`) within bounds.
pub(crate) fn regex(text: &str) -> Result<regex_lite::Regex, String> {
    let mut builder = regex_lite::RegexBuilder::new(text);
    builder.size_limit(REGEX_BYTES_MAX).build().map_err(|error| error.to_string())
}

/// Stands between the names of services in the canonical text, and in what scripts get.
pub(crate) const BETWEEN_SERVICES: &str = ", ";

/// Reads a list of services, and writes it canonically.
fn services(text: &str, max: usize) -> Result<String, Bad> {
    let mut names: Vec<&str> = Vec::new();
    let mut at = 0;
    for part in text.split(',') {
        let name = part.trim_matches(' ');
        let bad = |code, what: String| {
            let before = part.len() - part.trim_start_matches(' ').len();
            Bad { at: at + before, ..Bad::new(code, what) }
        };
        if let Err(why) = service_name(name) {
            return Err(bad(Code::BadValue, format!("has a name that {why}")));
        }
        if names.contains(&name) {
            return Err(bad(Code::BadValue, format!("has {} twice", quoted(name))));
        }
        if names.len() >= max {
            return Err(bad(Code::OutOfRange, format!("has more than {max} names")));
        }
        names.push(name);
        at += part.len() + 1;
    }
    Ok(names.join(BETWEEN_SERVICES))
}

/// Checks the name of a service, with or without the kind of its unit at the end.
///
/// # Errors
/// What is wrong with it, to follow on "a name that".
pub(crate) fn service_name(name: &str) -> Result<(), &'static str> {
    let known = |c: char| c.is_ascii_alphanumeric() || ":_.\\@-".contains(c);
    if name.is_empty() {
        return Err("is empty");
    }
    if name.chars().count() > PROC_NAME_CHARS_MAX {
        return Err("has more than 63 characters");
    }
    if name.starts_with(['-', '.']) || !name.chars().all(known) {
        return Err(
            "is not that of a service: letters, digits and : _ . \\ @ -, not beginning with - or .",
        );
    }
    // What follows the @ says which of many; without it no unit is meant.
    match name.strip_suffix(".service").unwrap_or(name).split_once('@') {
        Some(("", _) | (_, "")) => {
            Err("is that of a template: what is between @ and .service is missing")
        }
        Some(_) | None => Ok(()),
    }
}

fn bounded(text: &str, chars_max: usize) -> Result<String, Bad> {
    let count = text.chars().count();
    if count > chars_max {
        let what = format!("has {count} characters, more than {chars_max}");
        return Err(Bad::new(Code::OutOfRange, what));
    }
    Ok(text.to_owned())
}

fn line(text: &str, chars_max: usize) -> Result<String, Bad> {
    if text.is_empty() {
        return Err(Bad::new(Code::BadValue, "is empty"));
    }
    let text = bounded(text, chars_max)?;
    match text.chars().find(|c| c.is_control()) {
        Some(c) => {
            let what = format!("has the control character U+{:04X}", u32::from(c));
            Err(Bad::new(Code::BadValue, what))
        }
        None => Ok(text),
    }
}

fn token(text: &str, chars_max: usize) -> Result<String, Bad> {
    let text = line(text, chars_max)?;
    match text.chars().find(|c| c.is_whitespace()) {
        Some(_) => Err(Bad::new(Code::BadValue, "has white space in it")),
        None => Ok(text),
    }
}

fn mac(text: &str, kind: Kind) -> Result<String, Bad> {
    let bad = || Bad::new(Code::BadValue, "is not a MAC address").hint(kind.to_string());
    let two_digits = |part: &str| match part.len() {
        2 if part.bytes().all(|b| b.is_ascii_hexdigit()) => u8::from_str_radix(part, 16).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.split(':').map(two_digits).collect();
    match bytes.ok_or_else(bad)?.as_slice() {
        [first, _, _, _, _, _] if first & 1 == 0 => Ok(text.to_ascii_lowercase()),
        [_, _, _, _, _, _] => Err(Bad::new(Code::BadValue, "is the MAC address of a group")
            .hint("the second digit of one of a single host is even")),
        _ => Err(bad()),
    }
}

fn netmask(text: &str, kind: Kind) -> Result<String, Bad> {
    let bad = || Bad::new(Code::BadValue, "is not a netmask").hint(kind.to_string());
    let mask: Ipv4Addr = text.parse().map_err(|_ignored: std::net::AddrParseError| bad())?;
    let bits = mask.to_bits();
    if bits == 0 || bits.leading_ones() + bits.trailing_zeros() != u32::BITS {
        return Err(bad());
    }
    Ok(text.to_owned())
}

fn identifier(text: &str, kind: Kind) -> Result<String, Bad> {
    let text = bounded(text, crate::ids::NAME_BYTES_MAX)?;
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(text);
    }
    Err(Bad::new(Code::BadValue, "is not a name").hint(kind.to_string()))
}

fn bad_name(error: NameError) -> Bad {
    let code = match error {
        NameError::TooLong => Code::OutOfRange,
        NameError::Empty | NameError::Character(_) | NameError::Reserved => Code::BadValue,
    };
    Bad::new(code, "is not a name").hint(error.to_string())
}

fn word(
    text: &str,
    kind: Kind,
    choices: &'static [Choice],
    others: Option<&'static str>,
) -> Result<&'static str, Bad> {
    if let Some(choice) = choices.iter().find(|choice| choice.text == text) {
        return match choice.status {
            Status::KnownNotYet(without) | Status::CheckedNotYet(without) => {
                let what = "is known, and not supported yet";
                Err(Bad::new(Code::NotSupportedYet, what).hint(without))
            }
            Status::Supported
            | Status::Obsolete(_)
            | Status::NoEffect(_)
            | Status::NoEffectYet(_) => Ok(choice.text),
        };
    }
    let supported = choices.iter().filter(|choice| choice.status.is_offered());
    let mut hint = format!("allowed: {kind}");
    if let Some(meant) = did_you_mean(text, supported.map(|choice| choice.text)) {
        hint = meant;
    }
    match others {
        Some(thing) if !text.is_empty() => {
            let what = format!("would be {thing}: known, and not supported yet");
            Err(Bad::new(Code::NotSupportedYet, what).hint(hint))
        }
        Some(_) | None => Err(Bad::new(Code::BadValue, "is not allowed").hint(hint)),
    }
}

/// Reads a word, or another text that is no slip of the pen.
fn word_or(
    text: &str,
    choices: &'static [Choice],
    other: &str,
    chars_max: usize,
) -> Result<String, Bad> {
    if choices.iter().any(|choice| choice.text == text) {
        return Ok(text.to_owned());
    }
    let supported = choices.iter().filter(|choice| choice.status == Status::Supported);
    match did_you_mean(text, supported.map(|choice| choice.text)) {
        Some(meant) if !text.contains('/') => {
            Err(Bad::new(Code::BadValue, format!("is too like a known word to be {other}"))
                .hint(meant))
        }
        Some(_) | None => line(text, chars_max),
    }
}

fn number(text: &str, kind: Kind, (min, max): (i64, i64)) -> Result<i64, Bad> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Bad::new(Code::BadValue, "is not a whole number").hint(kind.to_string()));
    }
    // Only a number far beyond any bound does not fit in 64 bits.
    let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    let number = text.parse().unwrap_or(beyond);
    if number < min {
        return Err(Bad::new(Code::OutOfRange, format!("is below the minimum {min}")));
    }
    if number > max {
        return Err(Bad::new(Code::OutOfRange, format!("is above the maximum {max}")));
    }
    Ok(number)
}

struct Bounds {
    unit: Unit,
    min: Duration,
    max: Duration,
    zero: bool,
}

impl Bounds {
    fn read(&self, text: &str) -> Result<Duration, Bad> {
        let unit = self.unit;
        let duration = duration::parse(text, unit).map_err(|error| match error {
            DurationError::Malformed => Bad::new(Code::BadValue, error.to_string())
                .hint(format!("a whole number, then d, h, m, s, ms, us or nothing for {unit}")),
            DurationError::Overflow => Bad::new(Code::OutOfRange, error.to_string()),
            DurationError::LessThanOneUnit { .. } | DurationError::ZeroInOtherUnit { .. } => {
                Bad::new(Code::BadValue, error.to_string())
            }
        })?;
        if duration.is_zero() && self.zero {
            return Ok(duration);
        }
        if duration < self.min {
            let min = duration::text(self.min, unit);
            return Err(Bad::new(Code::OutOfRange, format!("is below the minimum {min}")));
        }
        if duration > self.max {
            let max = duration::text(self.max, unit);
            return Err(Bad::new(Code::OutOfRange, format!("is above the maximum {max}")));
        }
        Ok(duration)
    }
}

fn host(text: &str, port: &'static str) -> Result<Host, Bad> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or_else(|| {
            Bad::new(Code::BadValue, "is not an address").hint(format!("']' ends it; {port}"))
        })?;
        return ipv6(inner);
    }
    if text.contains(':') {
        // Without brackets it is still the only thing that it can be.
        return ipv6(text).map_err(|bad| match text.matches(':').count() {
            1 => Bad::new(Code::BadValue, "is not an address").hint(port),
            _ => bad,
        });
    }
    // Its last label tells an address from a name: no top-level domain is a number.
    let last = text.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) {
        let ip: Ipv4Addr = text.parse().map_err(|_ignored: std::net::AddrParseError| {
            Bad::new(Code::BadValue, "is not an IPv4 address").hint("four numbers from 0 to 255")
        })?;
        return usable(IpAddr::V4(ip)).map(Host::Ip);
    }
    host_name(text)
}

fn ipv6(text: &str) -> Result<Host, Bad> {
    if text.contains('%') {
        let hint = "use a global or unique local address of the node";
        return Err(Bad::new(Code::BadValue, "has a scope, which is not supported").hint(hint));
    }
    let ip: Ipv6Addr = text.parse().map_err(|_ignored: std::net::AddrParseError| {
        Bad::new(Code::BadValue, "is not an IPv6 address")
    })?;
    usable(IpAddr::V6(ip).to_canonical()).map(Host::Ip)
}

/// Refuses what cannot be the address of one host.
fn usable(ip: IpAddr) -> Result<IpAddr, Bad> {
    match unusable(ip) {
        Some(why) => {
            Err(Bad::new(Code::BadValue, format!("cannot be the address of one host: it is {why}")))
        }
        None => Ok(ip),
    }
}

/// Tells why an address cannot be that of one node.
pub(crate) fn unusable(ip: IpAddr) -> Option<&'static str> {
    let link_local = match ip {
        IpAddr::V4(ip) if ip.is_broadcast() => return Some("the broadcast address"),
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    if ip.is_unspecified() {
        return Some("the unspecified address");
    }
    if ip.is_multicast() {
        return Some("a multicast address");
    }
    link_local.then_some("a link-local address, which means nothing without its interface")
}

fn host_name(text: &str) -> Result<Host, Bad> {
    let bad = |why: String| Err(Bad::new(Code::BadValue, "is not a host name").hint(why));
    if text.is_empty() {
        return Err(Bad::new(Code::BadValue, "is empty"));
    }
    if text.chars().count() > HOST_CHARS_MAX {
        return bad(format!("it has more than {HOST_CHARS_MAX} characters"));
    }
    for label in text.strip_suffix('.').unwrap_or(text).split('.') {
        if label.is_empty() || label.len() > LABEL_CHARS_MAX {
            return bad(format!("each part has 1 to {LABEL_CHARS_MAX} characters"));
        }
        let wrong = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if let Some(c) = label.chars().find(wrong) {
            let c = quoted(&c.to_string());
            return bad(format!("letters, digits, '-', '_' and '.', not {c}"));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return bad("no part begins or ends with '-'".to_owned());
        }
    }
    Ok(Host::Name(text.to_owned()))
}
