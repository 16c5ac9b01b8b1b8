//! The words of the table in `schema`: what can be said of an element, an attribute and a value.
//!
//! Example: [`ElementSpec`].

use std::fmt;
use std::time::Duration;

use super::duration;
pub use super::duration::Unit;

/// An element, with all that it may hold.
///
/// An editor or a console can be made of it:
///
/// ```
/// use safekit_core::config::schema::SAFE;
/// use safekit_core::config::spec::{
///     AttributeSpec, Change, Choice, DefaultValue, ElementSpec, Kind, Occurs, Origin, Status,
/// };
///
/// let service: &ElementSpec =
///     SAFE.children.iter().find(|child| child.name == "service").ok_or("<service>")?;
/// let once: Occurs = service.occurs;
/// assert_eq!((once.min, once.max), (1, 1));
///
/// let named = |name| service.attributes.iter().find(move |it| it.name == name);
/// let maxloop: &AttributeSpec = named("maxloop").ok_or("maxloop")?;
/// assert_eq!((maxloop.status, maxloop.origin), (Status::Supported, Origin::SafeKit));
/// assert_eq!((maxloop.default, maxloop.change), (DefaultValue::Text("3"), Change::WhileRunning));
///
/// let boot = named("boot").ok_or("boot")?;
/// let Kind::OneOf { choices, .. } = boot.kind else { return Err("boot is a choice") };
/// let first: &Choice = &choices[0];
/// assert_eq!(first.text, "on");
/// # Ok::<(), &str>(())
/// ```
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
    /// The most bytes of text that it may hold; none where it may hold no text.
    pub text_bytes_max: Option<usize>,
    /// The attribute whose word decides whether the rest is looked at: where that word is not supported yet, one error
    /// says so, and nothing else of the element is told.
    pub decided_by: Option<&'static str>,
}

/// How often an element comes.
///
/// Example: [`ElementSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occurs {
    /// At least that often.
    pub min: usize,
    /// At most that often.
    pub max: usize,
}

/// An attribute.
///
/// Example: [`ElementSpec`].
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
///
/// Example: [`ElementSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It does what SafeKit's reference says.
    Supported,
    /// SafeKit has it, this product not yet: an error, and nothing in it is looked at. Says what to do without it.
    KnownNotYet(&'static str),
    /// SafeKit has it, this product not yet: its faults are told, and it is an error. Says what to do without it.
    CheckedNotYet(&'static str),
    /// SafeKit has it, this product not yet: accepted and checked, with a warning. Says what does not happen.
    NoEffectYet(&'static str),
    /// Accepted with a warning, and its value is not looked at. Says why it means nothing.
    Obsolete(&'static str),
    /// Accepted and checked, without effect, with a warning. Says why.
    NoEffect(&'static str),
}

impl Status {
    /// Tells whether a file may have it and be used.
    pub(super) fn is_offered(self) -> bool {
        matches!(self, Self::Supported | Self::NoEffectYet(_))
    }
}

/// What counts where an attribute is not written.
///
/// Example: [`ElementSpec`].
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
///
/// Example: [`ElementSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is taken at once.
    WhileRunning,
    /// Only a stopped module takes it.
    WhenStopped,
}

/// Whose an attribute is.
///
/// Example: [`ElementSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// SafeKit 8.2 has it.
    SafeKit,
    /// Only this product has it.
    Ours,
}

/// One of the words that a value may be.
///
/// Example: [`ElementSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// The word.
    pub text: &'static str,
    /// Whether it is supported.
    pub status: Status,
}

/// The type of a value, with its bounds. `Display` gives it for people.
///
/// Example: [`ElementSpec`].
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
    /// One of some words, or any other text on one line. A text that is nearly a word, and holds no `/`, is taken for a
    /// slip of the pen.
    WordOr {
        /// The words.
        choices: &'static [Choice],
        /// What any other text is.
        other: &'static str,
        /// The most characters of it.
        chars_max: usize,
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
    /// An IPv4 address, an IPv6 address or a name for DNS: of something that a module has to do with.
    Target,
    /// The same, or `*` for all.
    TargetOrAny,
    /// A name as DNS has them.
    HostName,
    /// The number of a port, or `*` for all.
    PortOrAny,
    /// A word without white space, of at least one character.
    Token {
        /// The most characters.
        chars_max: usize,
    },
    /// A unicast MAC address.
    Mac,
    /// The mask of an IPv4 network.
    Netmask,
    /// A POSIX extended regular expression.
    Regex {
        /// The most characters.
        chars_max: usize,
    },
    /// Names of services of the host, separated by commas, none of them twice.
    Services {
        /// The most names.
        max: usize,
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
            Self::OneOf { choices, .. } => f.write_str(&supported_words(choices)),
            Self::WordOr { choices, other, chars_max } => {
                let words = supported_words(choices);
                write!(f, "{words}, or {other} of up to {chars_max} characters")
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
            Self::Target => f.write_str("IPv4 address, IPv6 address or host name"),
            Self::TargetOrAny => f.write_str("IPv4 address, IPv6 address, host name, or * for all"),
            Self::HostName => f.write_str("host name"),
            Self::PortOrAny => f.write_str("whole number from 1 to 65535, or * for all"),
            Self::Token { chars_max } => {
                write!(f, "1 to {chars_max} characters without white space")
            }
            Self::Mac => f.write_str("MAC address as 5a:fe:0a:00:00:01, of a single host"),
            Self::Netmask => f.write_str("mask of an IPv4 network as 255.255.255.0"),
            Self::Regex { .. } => f.write_str("POSIX extended regular expression"),
            Self::Services { max } => {
                write!(f, "1 to {max} names of services, separated by commas")
            }
        }
    }
}

fn supported_words(choices: &[Choice]) -> String {
    let supported = choices.iter().filter(|choice| choice.status.is_offered());
    let words: Vec<_> = supported.map(|choice| choice.text).collect();
    words.join(", ")
}

impl Occurs {
    pub(super) const ONCE: Self = Self { min: 1, max: 1 };
    pub(super) const MAYBE: Self = Self { min: 0, max: 1 };

    pub(super) const fn up_to(max: usize) -> Self {
        Self { min: 0, max }
    }

    pub(super) const fn one_up_to(max: usize) -> Self {
        Self { min: 1, max }
    }
}

impl ElementSpec {
    pub(super) const fn new(name: &'static str, occurs: Occurs, doc: &'static str) -> Self {
        Self {
            name,
            occurs,
            status: Status::Supported,
            doc,
            attributes: &[],
            children: &[],
            text_bytes_max: None,
            decided_by: None,
        }
    }

    pub(super) const fn checked_not_yet(self, without: &'static str) -> Self {
        Self { status: Status::CheckedNotYet(without), ..self }
    }

    pub(super) const fn no_effect(self, why: &'static str) -> Self {
        Self { status: Status::NoEffect(why), ..self }
    }

    pub(super) const fn no_effect_yet(self, what_not: &'static str) -> Self {
        Self { status: Status::NoEffectYet(what_not), ..self }
    }

    pub(super) const fn text(self, bytes_max: usize) -> Self {
        Self { text_bytes_max: Some(bytes_max), ..self }
    }

    pub(super) const fn decided_by(self, attribute: &'static str) -> Self {
        Self { decided_by: Some(attribute), ..self }
    }

    pub(super) const fn not_yet(
        name: &'static str,
        without: &'static str,
        doc: &'static str,
    ) -> Self {
        let status = Status::KnownNotYet(without);
        Self { status, ..Self::new(name, Occurs::up_to(usize::MAX), doc) }
    }

    pub(super) const fn with(
        self,
        attributes: &'static [AttributeSpec],
        children: &'static [Self],
    ) -> Self {
        Self { attributes, children, ..self }
    }
}

impl AttributeSpec {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: DefaultValue,
        doc: &'static str,
    ) -> Self {
        let (status, change, origin) = (Status::Supported, Change::WhenStopped, Origin::SafeKit);
        Self { name, kind, default, status, change, origin, doc }
    }

    pub(super) const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::new(name, kind, DefaultValue::Required, doc)
    }

    pub(super) const fn or(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self::new(name, kind, DefaultValue::Text(default), doc)
    }

    pub(super) const fn maybe(
        name: &'static str,
        kind: Kind,
        none: &'static str,
        doc: &'static str,
    ) -> Self {
        Self::new(name, kind, DefaultValue::None(none), doc)
    }

    pub(super) const fn obsolete(name: &'static str, why: &'static str) -> Self {
        Self { status: Status::Obsolete(why), ..Self::maybe(name, ANY, "-", why) }
    }

    pub(super) const fn no_effect(self, why: &'static str) -> Self {
        Self { status: Status::NoEffect(why), ..self }
    }

    pub(super) const fn no_effect_yet(self, what_not: &'static str) -> Self {
        Self { status: Status::NoEffectYet(what_not), ..self }
    }

    pub(super) const fn while_running(self) -> Self {
        Self { change: Change::WhileRunning, ..self }
    }

    pub(super) const fn ours(self) -> Self {
        Self { origin: Origin::Ours, ..self }
    }
}

pub(super) const fn yes(text: &'static str) -> Choice {
    Choice { text, status: Status::Supported }
}

pub(super) const fn no_effect(text: &'static str, why: &'static str) -> Choice {
    Choice { text, status: Status::NoEffect(why) }
}

pub(super) const fn later(text: &'static str, without: &'static str) -> Choice {
    Choice { text, status: Status::KnownNotYet(without) }
}

pub(super) const fn no_effect_yet(text: &'static str, what_not: &'static str) -> Choice {
    Choice { text, status: Status::NoEffectYet(what_not) }
}

pub(super) const fn one_of(choices: &'static [Choice]) -> Kind {
    Kind::OneOf { choices, others: None }
}

pub(super) const fn duration_in(unit: Unit, min: Duration, max: Duration) -> Kind {
    Kind::Duration { unit, min, max, zero: None }
}

pub(super) const fn duration_or_zero(unit: Unit, max: Duration, zero: &'static str) -> Kind {
    let min = Duration::from_micros(unit.microseconds());
    Kind::Duration { unit, min, max, zero: Some(zero) }
}

/// A value that is not looked at closely.
pub(super) const ANY: Kind = Kind::Text { chars_max: 1024 };
