//! Bytes of answers: status line, header fields, body.
//!
//! Every answer has `Date` and, except 204 and 304, `Content-Length`. Answers are appended to a connection's output;
//! nothing here allocates but the growth of that output.

use std::time::{Duration, Instant};

use super::request::ApiResponse;

/// Whether a connection goes on after an answer, and how that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// HTTP/1.1: goes on, which need not be said.
    Implied,
    /// HTTP/1.0 that asked for it: goes on.
    Named,
    /// Ends.
    Close,
}

/// Whether the body is sent: not in answer to HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Send it.
    Sent,
    /// Only say how long it is.
    Measured,
}

/// A request that is answered by closing, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Status of the answer.
    pub(super) status: u16,
    /// One line for a person.
    pub(super) why: &'static str,
}

/// An answer of which all but date and connection is made in advance.
#[derive(Debug)]
pub(super) struct Page {
    head: Vec<u8>,
    body: &'static [u8],
    #[cfg(test)]
    reason: &'static str,
}

impl Page {
    /// Makes the answer to a probe: 200 or 404, never a redirect and never 204, which some balancers take for up and
    /// others for down.
    pub(super) fn health(ready: bool, reason: &'static str) -> Self {
        let visible = reason.bytes().all(|byte| byte.is_ascii_graphic());
        let reason = if visible { reason } else { "unnamed" };
        let (status, body): (u16, &'static [u8]) =
            if ready { (200, b"OK\n") } else { (404, b"NOT FOUND\n") };
        let mut head = Vec::new();
        push_status(&mut head, status);
        push_field(&mut head, "Content-Type", "text/plain");
        push_length(&mut head, body.len());
        push_field(&mut head, "Cache-Control", "no-store");
        push_field(&mut head, "X-SafeKit-Reason", reason);
        Self {
            head,
            body,
            #[cfg(test)]
            reason,
        }
    }

    /// Makes the answer to a method that is not among `allowed`.
    pub(super) fn not_allowed(allowed: &str) -> Self {
        let body: &'static [u8] = b"this method is not allowed here\n";
        let mut head = Vec::new();
        push_status(&mut head, 405);
        push_field(&mut head, "Content-Type", "text/plain");
        push_length(&mut head, body.len());
        push_field(&mut head, "Allow", allowed);
        Self {
            head,
            body,
            #[cfg(test)]
            reason: "",
        }
    }

    /// Returns the reason that the answer names.
    #[cfg(test)]
    pub(super) fn reason(&self) -> &'static str {
        self.reason
    }
}

/// Appends an answer made in advance.
pub(super) fn push_page(
    out: &mut Vec<u8>,
    page: &Page,
    date: &DateLine,
    persistence: Persistence,
    body: Body,
) {
    out.extend_from_slice(&page.head);
    push_end(out, date, persistence);
    match body {
        Body::Sent => out.extend_from_slice(page.body),
        Body::Measured => {}
    }
}

/// Appends an answer of one line of text.
pub(super) fn push_plain(
    out: &mut Vec<u8>,
    refusal: Refusal,
    date: &DateLine,
    persistence: Persistence,
    body: Body,
) {
    push_status(out, refusal.status);
    push_field(out, "Content-Type", "text/plain; charset=utf-8");
    push_length(out, refusal.why.len() + 1);
    match refusal.status {
        405 => push_field(out, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        503 => push_field(out, "Retry-After", "1"),
        _ => {}
    }
    push_end(out, date, persistence);
    match body {
        Body::Sent => {
            out.extend_from_slice(refusal.why.as_bytes());
            out.push(b'\n');
        }
        Body::Measured => {}
    }
}

/// Appends the answer of a handler; `Err`, and nothing appended, when it breaks the rules of [`ApiResponse`].
pub(super) fn push_response(
    out: &mut Vec<u8>,
    response: &ApiResponse,
    date: &DateLine,
    persistence: Persistence,
    body: Body,
) -> Result<(), BadResponse> {
    let own = response.headers.iter().any(|(name, _)| {
        ["date", "connection", "content-length", "content-type", "transfer-encoding"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
    });
    let good = response.headers.iter().all(|(name, value)| is_token(name) && is_value(value));
    if own || !good || !is_value(&response.content_type) || !(200..=599).contains(&response.status)
    {
        return Err(BadResponse);
    }
    push_status(out, response.status);
    let bodiless = matches!(response.status, 204 | 304);
    if !bodiless {
        push_field(out, "Content-Type", &response.content_type);
        push_length(out, response.body.len());
    }
    for (name, value) in &response.headers {
        push_field(out, name, value);
    }
    push_end(out, date, persistence);
    match body {
        Body::Sent if !bodiless => out.extend_from_slice(&response.body),
        Body::Sent | Body::Measured => {}
    }
    Ok(())
}

/// A handler's answer that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadResponse;

/// What tells a client that waits before it sends a body to go on.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token_byte)
}

/// Tells whether a byte may stand in a method or in the name of a field (RFC 9110, section 5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

fn push_status(out: &mut Vec<u8>, status: u16) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_number(out, usize::from(status));
    out.push(b' ');
    out.extend_from_slice(phrase(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn push_field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(b"Content-Length: ");
    push_number(out, length);
    out.extend_from_slice(b"\r\n");
}

fn push_end(out: &mut Vec<u8>, date: &DateLine, persistence: Persistence) {
    out.extend_from_slice(&date.line);
    match persistence {
        Persistence::Implied => {}
        Persistence::Named => push_field(out, "Connection", "keep-alive"),
        Persistence::Close => push_field(out, "Connection", "close"),
    }
    out.extend_from_slice(b"\r\n");
}

fn push_number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(number.to_string().as_bytes());
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NOT FOUND",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Other",
    }
}

/// The `Date` field, made once a second.
#[derive(Debug, Default)]
pub(super) struct DateLine {
    line: Vec<u8>,
    until: Option<Instant>,
}

impl DateLine {
    /// Makes the line again when its second has passed; `wall` reads the time since 1970.
    pub(super) fn refresh(&mut self, now: Instant, wall: impl FnOnce() -> Duration) {
        if self.until.is_some_and(|until| now < until) {
            return;
        }
        let wall = wall();
        self.line.clear();
        self.line.extend_from_slice(b"Date: ");
        self.line.extend_from_slice(http_date(wall.as_secs()).as_bytes());
        self.line.extend_from_slice(b"\r\n");
        let rest =
            Duration::from_secs(1).saturating_sub(Duration::from_nanos(wall.subsec_nanos().into()));
        self.until = now.checked_add(rest);
    }
}

/// Writes a time as RFC 9110 section 5.6.7 wants it. The calendar is counted in eras of 400 years from 1 March 0000,
/// so that the leap day is the last day of a year.
fn http_date(unix_seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let days = unix_seconds / 86_400;
    let second = unix_seconds % 86_400;
    let weekday = usize::try_from(days % 7).ok().and_then(|day| DAYS.get(day)).unwrap_or(&"Thu");
    let since_march = days + 719_468;
    let (era, day_of_era) = (since_march / 146_097, since_march % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(month >= 10);
    let month = usize::try_from(month).ok().and_then(|at| MONTHS.get(at)).unwrap_or(&"Jan");
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_at_the_edges_of_the_calendar() {
        for (seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (1_735_689_600, "Wed, 01 Jan 2025 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(http_date(seconds), expected);
        }
    }

    #[test]
    fn the_date_changes_at_the_second() {
        let base = crate::sim_clock_base();
        let mut date = DateLine::default();
        date.refresh(base, || Duration::from_millis(1_700));
        let first = date.line.clone();
        date.refresh(base + Duration::from_millis(299), || panic!("not due"));
        date.refresh(base + Duration::from_millis(300), || Duration::from_millis(2_000));
        assert!(first.ends_with(b"00:00:01 GMT\r\n"));
        assert!(date.line.ends_with(b"00:00:02 GMT\r\n"));
    }

    #[test]
    fn the_answers_to_probes_are_these_bytes() {
        let mut date = DateLine::default();
        date.refresh(crate::sim_clock_base(), || Duration::from_secs(784_111_777));
        for (ready, reason, persistence, body, expected) in [
            (
                true,
                "ready",
                Persistence::Implied,
                Body::Sent,
                "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCache-Control: no-store\r\nX-SafeKit-Reason: ready\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nOK\n",
            ),
            (
                true,
                "ready",
                Persistence::Named,
                Body::Measured,
                "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCache-Control: no-store\r\nX-SafeKit-Reason: ready\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: keep-alive\r\n\r\n",
            ),
            (
                false,
                "stopped",
                Persistence::Close,
                Body::Sent,
                "404 NOT FOUND\r\nContent-Type: text/plain\r\nContent-Length: 10\r\nCache-Control: no-store\r\nX-SafeKit-Reason: stopped\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n\r\nNOT FOUND\n",
            ),
        ] {
            let mut out = Vec::new();
            push_page(&mut out, &Page::health(ready, reason), &date, persistence, body);
            assert_eq!(String::from_utf8(out).unwrap(), format!("HTTP/1.1 {expected}"));
        }
    }

    #[test]
    fn a_reason_cannot_add_a_header_field() {
        let page = Page::health(true, "a\r\nSet-Cookie: b");
        assert!(page.head.ends_with(b"X-SafeKit-Reason: unnamed\r\n"));
    }

    #[test]
    fn an_answer_that_would_break_the_framing_is_not_sent() {
        let good = ApiResponse::text(200, "x").with_header("X-A", "b");
        let date = DateLine::default();
        let push = |response: &ApiResponse| {
            let mut out = Vec::new();
            let pushed = push_response(&mut out, response, &date, Persistence::Implied, Body::Sent);
            assert!(pushed.is_ok() || out.is_empty());
            pushed
        };
        assert_eq!(push(&good), Ok(()));
        for bad in [
            ApiResponse::text(200, "x").with_header("X-B", "a\r\nSet-Cookie: b"),
            ApiResponse::text(200, "x").with_header("X B", "a"),
            ApiResponse::text(200, "x").with_header("", "a"),
            ApiResponse::text(200, "x").with_header("content-length", "7"),
            ApiResponse::text(200, "x").with_header("Transfer-Encoding", "chunked"),
            ApiResponse::new(200, "text/plain\r\n\r\n", Vec::new()),
            ApiResponse::text(100, ""),
            ApiResponse::text(99, ""),
            ApiResponse::text(600, ""),
        ] {
            assert_eq!(push(&bad), Err(BadResponse), "{bad:?}");
        }
        let mut out = Vec::new();
        let none = ApiResponse::text(204, "never sent");
        push_response(&mut out, &none, &date, Persistence::Implied, Body::Sent).unwrap();
        assert_eq!(out, b"HTTP/1.1 204 No Content\r\n\r\n");
    }
}
