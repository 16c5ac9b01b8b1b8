//! Says what is wrong with a configuration file, where, and how to mend it; collects all faults of one pass.
//!
//! Bounded: at most [`DIAGNOSTICS_MAX`] are kept, the rest is counted, and the text of one that is not kept is never made.

use std::cell::Cell;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The most diagnostics that one pass keeps; one more then says how many were left off.
pub const DIAGNOSTICS_MAX: usize = 100;
/// The most characters of a file's own text that a message repeats.
const QUOTED_CHARS_MAX: usize = 64;

/// One fault of a configuration file.
///
/// ```
/// use safekit_core::config::{Code, Diagnostic, Severity, cluster};
///
/// let text = br#"<cluster>
///   <lans pulse="1h"><lan name="default"><node name="node1" addr="10.0.0.1"/></lan></lans>
/// </cluster>"#;
/// let first: &Diagnostic = &cluster::parse("cluster.xml", text).diagnostics[0];
/// assert_eq!((first.line, first.column), (2, 16));
/// // For programs: stable.
/// assert_eq!((first.severity, first.code), (Severity::Error, Code::OutOfRange));
/// // For people: may change.
/// assert!(first.to_string().starts_with("cluster.xml:2:16: error: "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// What kind of fault it is; stable, for programs.
    pub code: Code,
    /// What is wrong, and the limit that was broken; for people.
    pub message: String,
    /// How to mend it, where that can be said.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Makes one about a file as a whole: at its first character, without a hint.
    #[must_use]
    pub fn new(file: &str, severity: Severity, code: Code, message: String) -> Self {
        Self { file: file.to_owned(), line: 1, column: 1, severity, code, message, hint: None }
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        (self.line, self.column) = (line, column);
        self
    }

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl fmt::Display for Diagnostic {
    /// Writes `file:line:column: error: message (hint)`, the form that editors and terminals know how to jump to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, severity, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}: {message}")?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// How bad a fault is.
///
/// Example: [`Diagnostic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// The file is used, and probably does not do what its author wants.
    Warning,
    /// The file is not used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What kind of fault it is. The texts ([`Code::as_str`]) are stable.
///
/// Example: [`Diagnostic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Code {
    /// A bound against hostile files is passed.
    Limit,
    /// Not UTF-8, or a character that XML does not allow.
    Encoding,
    /// Not well-formed XML.
    Syntax,
    /// A document type that is not the file's own, or one with an internal subset.
    Doctype,
    /// A reference (`&name;`) that is not defined.
    Reference,
    /// An element that is not known at this place.
    UnknownElement,
    /// An attribute that this element does not have.
    UnknownAttribute,
    /// An element is missing.
    MissingElement,
    /// A required attribute is missing.
    MissingAttribute,
    /// An element comes more often than it may.
    RepeatedElement,
    /// Text where none is allowed.
    UnexpectedText,
    /// Known from SafeKit 8.2, and not supported yet.
    NotSupportedYet,
    /// Accepted, and without any meaning today.
    Obsolete,
    /// Accepted, and without effect here.
    NoEffect,
    /// A value that is not of the attribute's type.
    BadValue,
    /// A value beyond its bounds.
    OutOfRange,
    /// `%NAME%` that is neither a macro nor in the environment, or a macro that is not well made.
    Macro,
    /// The same name or address twice.
    Duplicate,
    /// Two things that are right each by itself contradict each other.
    Contradiction,
    /// A placeholder of the template was not replaced.
    Placeholder,
    /// A lan that cluster.xml does not have.
    UnknownLan,
    /// A node that cluster.xml does not have.
    UnknownNode,
    /// Allowed, and probably not what is wanted.
    Doubtful,
    /// There are more faults than are listed.
    MoreFaults,
}

impl Code {
    /// Returns the stable text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Encoding => "encoding",
            Self::Syntax => "syntax",
            Self::Doctype => "doctype",
            Self::Reference => "reference",
            Self::UnknownElement => "unknown-element",
            Self::UnknownAttribute => "unknown-attribute",
            Self::MissingElement => "missing-element",
            Self::MissingAttribute => "missing-attribute",
            Self::RepeatedElement => "repeated-element",
            Self::UnexpectedText => "unexpected-text",
            Self::NotSupportedYet => "not-supported-yet",
            Self::Obsolete => "obsolete",
            Self::NoEffect => "no-effect",
            Self::BadValue => "bad-value",
            Self::OutOfRange => "out-of-range",
            Self::Macro => "macro",
            Self::Duplicate => "duplicate",
            Self::Contradiction => "contradiction",
            Self::Placeholder => "placeholder",
            Self::UnknownLan => "unknown-lan",
            Self::UnknownNode => "unknown-node",
            Self::Doubtful => "doubtful",
            Self::MoreFaults => "more-faults",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a configuration file holds, and all that is wrong with it.
///
/// ```
/// use safekit_core::config::{ModuleConfig, Parsed, module};
/// use safekit_core::ids::ModuleName;
///
/// let text = br#"<safe><service mode="farm" maxloop="-1"><farm><lan name="default"/></farm></service></safe>"#;
/// let parsed: Parsed<ModuleConfig> =
///     module::parse(&ModuleName::new("web")?, "userconfig.xml", text, &|_| None);
/// match parsed.into_result() {
///     Ok((config, warnings)) => println!("{} with {} warnings", config.name, warnings.len()),
///     Err(faults) => assert_eq!(faults.len(), 1),
/// }
/// # Ok::<(), safekit_core::ids::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parsed<T> {
    /// What the file says; `None` exactly when one of the diagnostics is an error.
    pub model: Option<T>,
    /// All faults, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// Where names stand that only other files can confirm.
    pub(crate) places: Vec<Place>,
}

impl<T> Parsed<T> {
    /// Gives the model with the warnings, or all faults.
    ///
    /// # Errors
    /// The diagnostics, of which at least one is an error: the author of the file has to mend it; nothing was changed.
    pub fn into_result(self) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        match self.model {
            Some(model) => Ok((model, self.diagnostics)),
            None => Err(self.diagnostics),
        }
    }
}

/// Where a name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) named: Named,
    pub(crate) name: String,
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Lan,
    Node,
    /// A file below the bin of the module.
    Program,
    /// A class of processes of the user's own.
    Class,
}

/// What a diagnostic says: message and hint.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    message: String,
    hint: Option<String>,
}

impl Said {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn hint_maybe(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// Collects the faults of one file.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    /// The byte whose column was asked for last, and that column.
    last: Cell<(usize, usize)>,
    kept: Vec<(usize, Diagnostic)>,
    warnings: usize,
    left_off: usize,
    failed: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let after_breaks =
            text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        let line_starts = std::iter::once(0).chain(after_breaks).collect();
        Self {
            file,
            text,
            line_starts,
            last: Cell::new((0, 1)),
            kept: Vec::new(),
            warnings: 0,
            left_off: 0,
            failed: false,
        }
    }

    /// Adds an error at a byte of the text.
    pub(crate) fn error(&mut self, at: usize, code: Code, said: impl FnOnce() -> Said) {
        self.failed = true;
        self.add(Severity::Error, at, code, said);
    }

    /// Adds a warning at a byte of the text.
    pub(crate) fn warning(&mut self, at: usize, code: Code, said: impl FnOnce() -> Said) {
        self.add(Severity::Warning, at, code, said);
    }

    fn add(&mut self, severity: Severity, at: usize, code: Code, said: impl FnOnce() -> Said) {
        // Warnings may not crowd out the errors.
        let warnings_full = severity < Severity::Error && self.warnings >= DIAGNOSTICS_MAX / 2;
        if self.kept.len() >= DIAGNOSTICS_MAX || warnings_full {
            self.left_off += 1;
            return;
        }
        self.warnings += usize::from(severity < Severity::Error);
        let Said { message, hint } = said();
        let (line, column) = self.position(at);
        let file = self.file.to_owned();
        let diagnostic = Diagnostic { file, line, column, severity, code, message, hint };
        self.kept.push((at, diagnostic));
    }

    /// Tells whether an error was added.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    /// Returns the line of a byte, counted from 1; cheap enough to be asked for each element.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// Returns line and column of a byte, both counted from 1; the column in characters. Faults mostly come in the
    /// order of the file, so the count goes on from the last one in the same line: a long line is walked through once.
    fn position(&self, at: usize) -> (u32, u32) {
        let line = self.line(at);
        let start = line.checked_sub(1).and_then(|i| self.line_starts.get(i)).copied().unwrap_or(0);
        let (last_at, last_column) = self.last.get();
        let goes_on = (start..=at).contains(&last_at);
        let (from, column) = if goes_on { (last_at, last_column) } else { (start, 1) };
        let column = column + self.text.get(from..at).map_or(0, |text| text.chars().count());
        self.last.set((at, column));
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// Returns the place of a name.
    pub(crate) fn place(&self, at: usize, named: Named, name: &str) -> Place {
        let (line, column) = self.position(at);
        Place { file: self.file.to_owned(), line, column, named, name: name.to_owned() }
    }

    /// Ends the pass: the model counts only where nothing was wrong. The places count in any case: what other files
    /// have to say of a file is told together with its own faults.
    pub(crate) fn finish<T>(mut self, model: Option<T>, places: Vec<Place>) -> Parsed<T> {
        debug_assert!(model.is_some() || self.failed, "a file without a model has an error");
        if self.left_off > 0 {
            let count = self.left_off;
            let at = self.text.len();
            let (line, column) = self.position(at);
            let severity = if self.failed { Severity::Error } else { Severity::Warning };
            let file = self.file.to_owned();
            let message = format!("{count} more faults are not listed");
            let code = Code::MoreFaults;
            let more = Diagnostic { file, line, column, severity, code, message, hint: None };
            self.kept.push((at, more));
        }
        self.kept.sort_by_key(|(at, _)| *at);
        let diagnostics = self.kept.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        let model = if self.failed { None } else { model };
        Parsed { model, diagnostics, places }
    }
}

/// Makes a text of the file fit to be repeated in a message: short, without control characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = chars.by_ref().take(QUOTED_CHARS_MAX).map(visible).collect();
    if chars.next().is_some() {
        short.push_str("...");
    }
    format!("'{short}'")
}

/// Returns the hint "did you mean", when one of the names is close to what was written.
pub(crate) fn did_you_mean<'n>(
    written: &str,
    names: impl Iterator<Item = &'n str>,
) -> Option<String> {
    let written: Vec<char> =
        written.chars().take(QUOTED_CHARS_MAX).flat_map(char::to_lowercase).collect();
    let allowed = (written.len() / 3).max(1);
    let near = names.map(|name| (distance(&written, &name.to_lowercase()), name)).min();
    near.filter(|(d, _)| *d <= allowed).map(|(_, name)| format!("did you mean '{name}'?"))
}

/// Counts the edits (insert, delete, replace, swap of neighbours) from one word to another.
fn distance(written: &[char], name: &str) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=written.len()).collect();
    let mut previous_name = None;
    for (row, in_name) in name.chars().enumerate() {
        let mut current = vec![row + 1];
        let mut previous_written = None;
        for (column, in_written) in written.iter().enumerate() {
            let at = |costs: &[usize], i: usize| costs.get(i).copied().unwrap_or(usize::MAX / 2);
            let replace = at(&last, column) + usize::from(*in_written != in_name);
            let mut cost = replace.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            if previous_written == Some(in_name) && previous_name == Some(*in_written) {
                cost = cost.min(at(&before_last, column.saturating_sub(1)) + 1);
            }
            current.push(cost);
            previous_written = Some(*in_written);
        }
        previous_name = Some(in_name);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(usize::MAX)
}
