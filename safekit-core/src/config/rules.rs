//! Checks the failover rules of `<failover>`: text of the first language, `label: if ( condition ) then action();`.
//!
//! In: the text with the place of each character, and which checkers there are. Out: faults; nothing is built.
//!
//! ```text
//! rules     := { label ":" "if" "(" any ")" "then" action "(" ")" ";" }
//! any       := all { "||" all }
//! all       := one { "&&" one }
//! one       := "!" one | "(" any ")" | operand ( "==" | "!=" ) operand
//! operand   := [ "local." ] class "." ( name | "*" | "?" ) | "init" | "down" | "up" | "unknown"
//! action    := "stop" | "stopstart" | "wait" | "restart"
//! ```
//!
//! Comments are written `/* ... */`. What belongs to mirror modules (`remote.`, swap, the classes heartbeat, rfs and splitbrain) is told,
//! not refused. After a fault the pass goes on behind the next `;`: one wrong rule is one fault, as a rule.
//! Not here: rules in Lua, which nobody reads yet; what rules do.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Code, Report, Said, did_you_mean, quoted};

/// The deepest nesting of parentheses and `!`.
const DEPTH_MAX: usize = 32;

const STATES: [&str; 4] = ["init", "down", "up", "unknown"];
const ACTIONS: [&str; 4] = ["stop", "stopstart", "wait", "restart"];
const CLASSES: [&str; 7] = ["tcp", "ping", "intf", "ip", "custom", "module", "proc"];
/// Classes of mirror modules.
const MIRROR_CLASSES: [&str; 3] = ["heartbeat", "rfs", "splitbrain"];
/// Actions of mirror modules.
const MIRROR_ACTIONS: [&str; 1] = ["swap"];

/// The names that resources of a class have by the rest of the file; a class that is not in it has names from elsewhere.
pub(super) type Known<'a> = BTreeMap<&'static str, BTreeSet<&'a str>>;

/// Checks a text.
pub(super) fn check(text: &[(usize, char)], known: &Known<'_>, report: &mut Report<'_>) {
    let mut rules = Rules { tokens: Tokens { text, at: 0 }, known, report, depth: 0 };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        match rules.rule(&mut seen) {
            Ok(More::Yes) => {}
            Ok(More::No) => return,
            Err(fault) => {
                rules.report.error(fault.at, fault.code, || fault.said);
                if rules.tokens.behind_semicolon() == More::No {
                    return;
                }
            }
        }
    }
}

/// What is wrong, and where.
struct Fault {
    at: usize,
    code: Code,
    said: Said,
}

type Checks<T> = Result<T, Fault>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Yes,
    No,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// One of `: ( ) ; ! && || == !=`.
    Sign(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Word(word) => quoted(word),
            Self::Sign(sign) => format!("'{sign}'"),
        }
    }
}

const SIGNS: [&str; 9] = ["&&", "||", "==", "!=", ":", "(", ")", ";", "!"];

/// Takes the words and signs out of a text.
struct Tokens<'a> {
    text: &'a [(usize, char)],
    at: usize,
}

impl Tokens<'_> {
    fn peek_char(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at.saturating_add(ahead)).map(|(_, c)| *c)
    }

    /// Where the next character stands; behind the last one where there is none.
    fn place(&self) -> usize {
        let end = || self.text.last().map_or(0, |(at, c)| at.saturating_add(c.len_utf8()));
        self.text.get(self.at).map_or_else(end, |(at, _)| *at)
    }

    fn begins_with(&self, sign: &str) -> bool {
        sign.chars().enumerate().all(|(ahead, c)| self.peek_char(ahead) == Some(c))
    }

    fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    /// Skips white space and comments.
    fn skip_blank(&mut self) -> Checks<()> {
        loop {
            if self.begins_with("/*") {
                let at = self.place();
                self.skip(2);
                while !self.begins_with("*/") {
                    if self.peek_char(0).is_none() {
                        let said =
                            Said::new("a comment that is never closed").hint("it ends with */");
                        return Err(Fault { at, code: Code::Syntax, said });
                    }
                    self.skip(1);
                }
                self.skip(2);
            } else if self.peek_char(0).is_some_and(char::is_whitespace) {
                self.skip(1);
            } else {
                return Ok(());
            }
        }
    }

    /// Takes the next word or sign, with its place; `None` at the end.
    fn take(&mut self) -> Checks<(Option<Token>, usize)> {
        self.skip_blank()?;
        let at = self.place();
        let Some(first) = self.peek_char(0) else { return Ok((None, at)) };
        if let Some(sign) = SIGNS.into_iter().find(|sign| self.begins_with(sign)) {
            self.skip(sign.len());
            return Ok((Some(Token::Sign(sign)), at));
        }
        let mut word = String::new();
        while let Some(c) = self.peek_char(0) {
            // The name of a resource may be an address.
            let inside =
                c.is_alphanumeric() || "_.-*?%@/".contains(c) || (c == ':' && word.contains('.'));
            if !inside || self.begins_with("/*") {
                break;
            }
            word.push(c);
            self.skip(1);
        }
        if word.is_empty() {
            self.skip(1);
            let said =
                Said::new(format!("{} has no meaning in a rule", quoted(&first.to_string())));
            let said = match first {
                '=' => said.hint("write == or !="),
                '&' | '|' => said.hint("write && or ||"),
                _ => said,
            };
            return Err(Fault { at, code: Code::Syntax, said });
        }
        Ok((Some(Token::Word(word)), at))
    }

    fn peek(&mut self) -> Checks<Option<Token>> {
        let before = self.at;
        let token = self.take();
        self.at = before;
        token.map(|(token, _)| token)
    }

    /// Goes on behind the next `;`, that of a comment left out.
    fn behind_semicolon(&mut self) -> More {
        loop {
            match self.take() {
                Ok((Some(Token::Sign(";")), _)) => return More::Yes,
                Ok((Some(_), _)) => {}
                // An open comment takes everything behind it.
                Err(_) if self.peek_char(0).is_some() => {}
                Ok((None, _)) | Err(_) => return More::No,
            }
        }
    }
}

struct Rules<'t, 'k, 'r, 's> {
    tokens: Tokens<'t>,
    known: &'k Known<'k>,
    report: &'r mut Report<'s>,
    depth: usize,
}

impl Rules<'_, '_, '_, '_> {
    fn rule(&mut self, seen: &mut BTreeMap<String, usize>) -> Checks<More> {
        let (label, at) = match self.tokens.take()? {
            (None, _) => return Ok(More::No),
            // An empty rule.
            (Some(Token::Sign(";")), _) => return Ok(More::Yes),
            (Some(Token::Word(label)), at) => (label, at),
            (Some(token), at) => return Err(expected("the label of a rule", &token, at)),
        };
        self.sign(":", "behind the label of a rule")?;
        let first = seen.get(&label).copied();
        seen.entry(label.clone()).or_insert(at);
        self.word("if")?;
        self.sign("(", "behind 'if'")?;
        self.any()?;
        self.sign(")", "behind the condition")?;
        self.word("then")?;
        self.action()?;
        self.sign("(", "behind an action")?;
        self.sign(")", "behind the '(' of an action")?;
        self.sign(";", "at the end of a rule")?;
        if let Some(first) = first {
            let line = self.report.line(first);
            self.report.error(at, Code::Duplicate, || {
                Said::new(format!("rule {} is there twice", quoted(&label)))
                    .hint(format!("first in line {line}"))
            });
        }
        Ok(More::Yes)
    }

    fn any(&mut self) -> Checks<()> {
        self.all()?;
        while self.tokens.peek()? == Some(Token::Sign("||")) {
            self.tokens.take()?;
            self.all()?;
        }
        Ok(())
    }

    fn all(&mut self) -> Checks<()> {
        self.one()?;
        while self.tokens.peek()? == Some(Token::Sign("&&")) {
            self.tokens.take()?;
            self.one()?;
        }
        Ok(())
    }

    fn one(&mut self) -> Checks<()> {
        let (token, at) = self.tokens.take()?;
        match token {
            Some(Token::Sign("!")) => self.nested(at, Self::one),
            Some(Token::Sign("(")) => {
                self.nested(at, Self::any)?;
                self.sign(")", "behind a condition in parentheses")
            }
            Some(Token::Word(word)) => self.comparison(&word, at),
            Some(token) => Err(expected("a resource", &token, at)),
            None => Err(ended("a resource", at)),
        }
    }

    fn nested(&mut self, at: usize, inner: fn(&mut Self) -> Checks<()>) -> Checks<()> {
        if self.depth >= DEPTH_MAX {
            let said = Said::new(format!("a condition is nested deeper than {DEPTH_MAX}"));
            return Err(Fault { at, code: Code::Limit, said });
        }
        self.depth = self.depth.saturating_add(1);
        let done = inner(self);
        self.depth = self.depth.saturating_sub(1);
        done
    }

    fn comparison(&mut self, left: &str, at: usize) -> Checks<()> {
        let before = self.tokens.at;
        match self.tokens.take()? {
            (Some(Token::Sign("==" | "!=")), _) => {}
            (Some(Token::Sign("(")), _) => {
                let said = Said::new(format!("{} is no function that is known", quoted(left)))
                    .hint("functions such as cluster() belong to rules of mirror modules");
                return Err(Fault { at, code: Code::BadValue, said });
            }
            _ => {
                self.tokens.at = before;
                self.operand(left, at)?;
                let said = Said::new(format!("{} is compared with nothing", quoted(left)))
                    .hint(format!("write {left} == down"));
                return Err(Fault { at, code: Code::Syntax, said });
            }
        }
        self.operand(left, at)?;
        match self.tokens.take()? {
            (Some(Token::Word(right)), at) => self.operand(&right, at),
            (Some(token), at) => Err(expected("init, down, up, unknown or a resource", &token, at)),
            (None, at) => Err(ended("init, down, up, unknown or a resource", at)),
        }
    }

    /// Looks at a resource or a state.
    fn operand(&mut self, word: &str, at: usize) -> Checks<()> {
        if STATES.contains(&word) {
            return Ok(());
        }
        let local = word.strip_prefix("local.").unwrap_or(word);
        if let Some(remote) = local.strip_prefix("remote.") {
            self.report.warning(at, Code::Doubtful, || {
                Said::new(format!("{} never has a state", quoted(word))).hint(format!(
                    "resources of the other node belong to mirror modules: write {remote}"
                ))
            });
            return Ok(());
        }
        let Some((class, name)) = local.split_once('.') else {
            let hint = did_you_mean(local, STATES.into_iter()).unwrap_or_else(|| {
                "a state is init, down, up or unknown, a resource is written class.name".to_owned()
            });
            let said = Said::new(format!("{} is neither a state nor a resource", quoted(word)));
            return Err(Fault { at, code: Code::BadValue, said: said.hint(hint) });
        };
        if MIRROR_CLASSES.contains(&class) {
            self.report.warning(at, Code::Doubtful, || {
                Said::new(format!("{} never has a state in this module", quoted(word)))
                    .hint(format!("the class {class} belongs to mirror modules"))
            });
            return Ok(());
        }
        if !CLASSES.contains(&class) {
            let said = Said::new(format!("{} is no class of resources", quoted(class)));
            let hint = did_you_mean(class, CLASSES.into_iter())
                .unwrap_or_else(|| format!("there are {}", CLASSES.join(", ")));
            return Err(Fault { at, code: Code::BadValue, said: said.hint(hint) });
        }
        if name.is_empty() {
            let said = Said::new(format!("{} names no resource", quoted(word)))
                .hint(format!("{class}.* is all of them, {class}.? any one"));
            return Err(Fault { at, code: Code::BadValue, said });
        }
        self.name(class, name, word, at);
        Ok(())
    }

    /// Tells of a resource that nothing in the file makes.
    fn name(&mut self, class: &str, name: &str, word: &str, at: usize) {
        let Some(names) = self.known.get(class).filter(|names| !names.contains(name)) else {
            return;
        };
        if matches!(name, "*" | "?") {
            return;
        }
        self.report.warning(at, Code::Doubtful, || {
            let said = Said::new(format!("nothing here gives {} a state", quoted(word)));
            match did_you_mean(name, names.iter().copied()) {
                Some(hint) => said.hint(hint),
                None if class == "proc" => said.hint(format!("there is no <proc name=\"{name}\">")),
                None => said.hint(format!("there is no <{class} ident=\"{name}\">")),
            }
        });
    }

    fn action(&mut self) -> Checks<()> {
        let (token, at) = self.tokens.take()?;
        let word = match token {
            Some(Token::Word(word)) => word,
            Some(token) => return Err(expected("an action", &token, at)),
            None => return Err(ended("an action", at)),
        };
        if MIRROR_ACTIONS.contains(&word.as_str()) {
            self.report.warning(at, Code::Doubtful, || {
                Said::new(format!("action {} does nothing in this module", quoted(&word)))
                    .hint("it belongs to mirror modules")
            });
            return Ok(());
        }
        if ACTIONS.contains(&word.as_str()) {
            return Ok(());
        }
        let said = Said::new(format!("{} is no action", quoted(&word)));
        let hint = did_you_mean(&word, ACTIONS.into_iter()).unwrap_or_else(|| {
            format!("there are {}", ACTIONS.map(|it| format!("{it}()")).join(", "))
        });
        Err(Fault { at, code: Code::BadValue, said: said.hint(hint) })
    }

    fn word(&mut self, word: &'static str) -> Checks<()> {
        match self.tokens.take()? {
            (Some(Token::Word(found)), _) if found == word => Ok(()),
            (Some(token), at) => Err(expected(&format!("'{word}'"), &token, at)),
            (None, at) => Err(ended(&format!("'{word}'"), at)),
        }
    }

    fn sign(&mut self, sign: &'static str, place: &str) -> Checks<()> {
        match self.tokens.take()? {
            (Some(Token::Sign(found)), _) if found == sign => Ok(()),
            (Some(token), at) => Err(expected(&format!("'{sign}' {place}"), &token, at)),
            (None, at) => Err(ended(&format!("'{sign}' {place}"), at)),
        }
    }
}

const FORM: &str = "a rule is written label: if ( tcp.web == down ) then restart();";

fn expected(what: &str, found: &Token, at: usize) -> Fault {
    let said = Said::new(format!("{} stands where {what} is expected", found.shown())).hint(FORM);
    Fault { at, code: Code::Syntax, said }
}

fn ended(what: &str, at: usize) -> Fault {
    let said = Said::new(format!("the rules end where {what} is expected")).hint(FORM);
    Fault { at, code: Code::Syntax, said }
}
