//! Reads the head of a request.
//!
//! In: the bytes that have come so far. Out: not enough yet, a refusal, or the head.
//!
//! The verdict does not depend on how the bytes were cut into pieces: limits, bare line feeds and the end are judged
//! in the order in which they stand, everything else once the head is complete. Each byte is looked at once while the
//! end is searched, however slowly it comes.
//!
//! Stricter than the parser crate, on purpose: what two programs could read differently is how requests are smuggled.
//! Refused are bare line feeds, a missing or doubled `Host`, anything but one plain number as `Content-Length` (RFC
//! 9112 allows equal ones), and every `Transfer-Encoding`: bodies in chunks are not supported.

use std::mem::MaybeUninit;

use super::answer::{Persistence, Refusal, is_token_byte};
use super::limits::{FIELDS_MAX, Limits};

/// What the bytes so far are.
#[derive(Debug)]
pub(super) enum Verdict<'b> {
    /// Not yet a whole head.
    Partial,
    /// So many bytes of line breaks before the head, to be skipped (RFC 9112, section 2.2).
    Skip(usize),
    /// Nothing that may be answered otherwise than by closing.
    Refuse(Refusal),
    /// A whole head.
    Head(Head<'b>),
}

/// How far the search for the end of a head has come. Starts anew with each head.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    at: usize,
    line: usize,
}

/// The head of a request.
#[derive(Debug)]
pub(super) struct Head<'b> {
    /// What is asked for.
    pub(super) verb: Verb,
    /// The path, beginning with `/`; `*` only for `OPTIONS`.
    pub(super) path: &'b str,
    /// What follows the `?`.
    pub(super) query: Option<&'b str>,
    /// Bytes of body that follow.
    pub(super) length: usize,
    /// Whether the connection goes on afterwards.
    pub(super) persistence: Persistence,
    /// Whether the client waits for a go-ahead before it sends the body.
    pub(super) waits: bool,
    /// Bytes of the head itself.
    pub(super) bytes: usize,
    raw: &'b [u8],
}

/// The methods that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl<'b> Head<'b> {
    /// Returns the name of the module whose health is asked, as it was sent; `None` when the path is another one.
    pub(super) fn health_of(&self) -> Option<&'b str> {
        self.path.strip_prefix("/var/modules/")?.strip_suffix("/ready.txt")
    }

    /// Returns the header fields, names in lower case.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(self.raw);
        let lines = text.split("\r\n").skip(1);
        let fields = lines.filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_ascii_lowercase(), trimmed(value).to_owned())).collect()
    }
}

/// Judges the bytes of a connection from where the next head must begin.
pub(super) fn parse<'b>(bytes: &'b [u8], scan: &mut Scan, limits: &Limits) -> Verdict<'b> {
    match bytes {
        [] | [b'\r'] => return Verdict::Partial,
        [b'\r', b'\n', ..] => return Verdict::Skip(2),
        [first, ..] if !is_token_byte(*first) => {
            return Verdict::Refuse(bad("the request does not begin with a method"));
        }
        [..] => {}
    }
    match find_end(bytes, scan, limits) {
        Ok(None) => Verdict::Partial,
        Ok(Some(end)) => match read(bytes.get(..end).unwrap_or_default(), limits) {
            Ok(head) => Verdict::Head(head),
            Err(refusal) => Verdict::Refuse(refusal),
        },
        Err(refusal) => Verdict::Refuse(refusal),
    }
}

fn bad(why: &'static str) -> Refusal {
    Refusal { status: 400, why }
}

const LONG_LINE: Refusal = Refusal { status: 414, why: "the request line is too long" };
const LONG_HEAD: Refusal = Refusal { status: 431, why: "the header fields are too long" };

/// Returns where the head ends.
fn find_end(bytes: &[u8], scan: &mut Scan, limits: &Limits) -> Result<Option<usize>, Refusal> {
    let window = bytes.get(..limits.head_bytes).unwrap_or(bytes);
    loop {
        let rest = window.get(scan.at..).unwrap_or_default();
        let Some(found) = rest.iter().position(|byte| *byte == b'\n') else { break };
        let next = scan.at + found + 1;
        if scan.line == 0 {
            if next > limits.line_bytes {
                return Err(LONG_LINE);
            }
            scan.line = next;
        }
        let upto = window.get(..next).unwrap_or_default();
        if !upto.ends_with(b"\r\n") {
            return Err(bad("a line ends without a carriage return"));
        }
        scan.at = next;
        if upto.ends_with(b"\r\n\r\n") {
            return Ok(Some(next));
        }
    }
    scan.at = window.len();
    if scan.line == 0 && window.len() >= limits.line_bytes {
        return Err(LONG_LINE);
    }
    if window.len() >= limits.head_bytes {
        return Err(LONG_HEAD);
    }
    Ok(None)
}

/// Reads a whole head.
fn read<'b>(raw: &'b [u8], limits: &Limits) -> Result<Head<'b>, Refusal> {
    let line = raw.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let minor = check_line(line)?;
    let mut table = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let table = table.get_mut(..limits.fields).unwrap_or_default();
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(raw, table) {
        Ok(httparse::Status::Complete(bytes)) if bytes == raw.len() => {}
        Ok(_) => return Err(bad("the head ends where it should not")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal { status: 431, why: "too many header fields" });
        }
        Err(_) => return Err(bad("the head is not well formed")),
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err(bad("the request line is not well formed"));
    };
    let fields = Fields::read(request.headers, minor)?;
    let verb = verb(method)?;
    let (path, query) = split_target(target, verb)?;
    let length = fields.length(limits)?;
    let waits = fields.waits && length > 0 && minor == Minor::One;
    let persistence = fields.persistence(minor);
    Ok(Head { verb, path, query, length, persistence, waits, bytes: raw.len(), raw })
}

/// The part of the version behind the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Minor {
    Zero,
    One,
}

/// Checks what the parser crate leaves open: exactly two spaces, and whether a version is unknown or no version.
fn check_line(line: &[u8]) -> Result<Minor, Refusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(_), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad("the request line is not method, target and version"));
    };
    if target.is_empty() || !target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#') {
        return Err(bad("the target has characters that it may not have"));
    }
    match version {
        b"HTTP/1.1" => Ok(Minor::One),
        b"HTTP/1.0" => Ok(Minor::Zero),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Refusal { status: 505, why: "only HTTP/1.0 and HTTP/1.1 are spoken here" })
        }
        _ => Err(bad("the version is not well formed")),
    }
}

fn verb(method: &str) -> Result<Verb, Refusal> {
    match method {
        "GET" => Ok(Verb::Get),
        "HEAD" => Ok(Verb::Head),
        "POST" => Ok(Verb::Post),
        "PUT" => Ok(Verb::Put),
        "PATCH" => Ok(Verb::Patch),
        "DELETE" => Ok(Verb::Delete),
        "OPTIONS" => Ok(Verb::Options),
        "CONNECT" | "TRACE" => Err(Refusal { status: 405, why: "this method is not allowed" }),
        _ => Err(Refusal { status: 501, why: "this method is not known" }),
    }
}

fn split_target(target: &str, verb: Verb) -> Result<(&str, Option<&str>), Refusal> {
    if target == "*" && verb == Verb::Options {
        return Ok((target, None));
    }
    let scheme = |name: &str| {
        let (head, rest) = target.split_at_checked(name.len())?;
        head.eq_ignore_ascii_case(name).then_some(rest)
    };
    let local = match scheme("http://").or_else(|| scheme("https://")) {
        Some(rest) => rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/"),
        None if target.starts_with('/') => target,
        None => return Err(bad("the target is not a path")),
    };
    let (path, query) = match local.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (local, None),
    };
    Ok((if path.is_empty() { "/" } else { path }, query))
}

/// What the header fields say about the framing of the request.
#[derive(Debug, Default)]
struct Fields<'h> {
    length: Option<&'h [u8]>,
    hosts: usize,
    close: bool,
    keep_alive: bool,
    waits: bool,
}

impl<'h> Fields<'h> {
    fn read(headers: &[httparse::Header<'h>], minor: Minor) -> Result<Self, Refusal> {
        let mut fields = Self::default();
        for header in headers {
            fields.add(header.name, header.value)?;
        }
        match (fields.hosts, minor) {
            (1, _) | (0, Minor::Zero) => Ok(fields),
            (0, Minor::One) => Err(bad("the field Host is missing")),
            _ => Err(bad("the field Host is there more than once")),
        }
    }

    fn add(&mut self, name: &str, value: &'h [u8]) -> Result<(), Refusal> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("host") {
            self.hosts += 1;
            let good = |byte: &u8| byte.is_ascii_graphic() && !b"/?#@,\\\"<>".contains(byte);
            if !value.iter().all(good) {
                return Err(bad("the field Host has characters that it may not have"));
            }
        } else if is("content-length") {
            if self.length.replace(value).is_some() {
                return Err(bad("the field Content-Length is there more than once"));
            }
        } else if is("transfer-encoding") {
            return Err(Refusal { status: 501, why: "no transfer encoding is supported" });
        } else if is("expect") {
            if !value.eq_ignore_ascii_case(b"100-continue") {
                return Err(Refusal { status: 417, why: "this expectation cannot be met" });
            }
            self.waits = true;
        } else if is("connection") {
            for option in value.split(|byte| *byte == b',') {
                let option = option.trim_ascii();
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        Ok(())
    }

    fn length(&self, limits: &Limits) -> Result<usize, Refusal> {
        let Some(digits) = self.length else { return Ok(0) };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(bad("the field Content-Length is not a number"));
        }
        let length = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<usize>().ok());
        let fits = length.filter(|length| *length <= limits.body_bytes);
        fits.ok_or(Refusal { status: 413, why: "the body is too long" })
    }

    fn persistence(&self, minor: Minor) -> Persistence {
        match minor {
            _ if self.close => Persistence::Close,
            Minor::One => Persistence::Implied,
            Minor::Zero if self.keep_alive => Persistence::Named,
            Minor::Zero => Persistence::Close,
        }
    }
}

/// Takes away the blanks around a value (RFC 9112, section 5: space and tab).
fn trimmed(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests;
