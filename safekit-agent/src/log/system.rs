//! The system log: main messages, one datagram each, to the journal or to the syslog of this host.
//!
//! In: lines in the form of the module logs. Out: an entry of the journal with the fields MODULE, ORIGIN and LEVEL
//! (`journalctl -t safekit`), or, where there is no journal, a message of RFC 3164 as /dev/log takes it. The message is
//! `AM | origin | message`, with `-` instead of the module for what concerns the node.
//!
//! Always: nothing waits for the reader. A message that is not taken is counted, and the count is told with the next one
//! that is.
//! Not here: which messages go there (`thread`).

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use jiff::Zoned;

use super::line::{Level, Parts};
use super::lines::{messages_lost, no_system_log};

/// What entries are found by: `journalctl -t safekit`.
const IDENTIFIER: &str = "safekit";
/// Where the journal takes entries with fields.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// Where a syslog takes messages.
const SYSLOG: &str = "/dev/log";
/// The facility "daemon" of RFC 3164.
const FACILITY: u8 = 3;

/// The system log of this host.
#[derive(Debug)]
pub(crate) struct SystemLog {
    doors: Vec<(Form, PathBuf)>,
    socket: Option<UnixDatagram>,
    lost: u64,
    absence_told: bool,
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Fields, one a line.
    Journal,
    /// RFC 3164 without the host's name.
    Syslog,
}

impl SystemLog {
    /// The journal of this host, else its syslog.
    pub(crate) fn of_host() -> Self {
        Self::with(vec![(Form::Journal, JOURNAL.into()), (Form::Syslog, SYSLOG.into())])
    }

    /// A journal at another place.
    pub(crate) fn journal(path: PathBuf) -> Self {
        Self::with(vec![(Form::Journal, path)])
    }

    /// No system log: a root of its own keeps everything under its folder.
    pub(crate) fn none() -> Self {
        Self::with(Vec::new())
    }

    fn with(doors: Vec<(Form, PathBuf)>) -> Self {
        Self { doors, socket: None, lost: 0, absence_told: false }
    }

    /// Sends a message. Returns what is to be told instead, the first time that there is no system log.
    pub(super) fn send(&mut self, module: Option<&str>, parts: &Parts<'_>) -> Option<String> {
        if self.doors.is_empty() {
            return None;
        }
        match self.try_send(module, parts) {
            Ok(()) => None,
            Err(error) => {
                self.lost = self.lost.saturating_add(1);
                let absent = error.kind() == io::ErrorKind::NotFound;
                let first = absent && !std::mem::replace(&mut self.absence_told, absent);
                first.then(no_system_log)
            }
        }
    }

    fn try_send(&mut self, module: Option<&str>, parts: &Parts<'_>) -> io::Result<()> {
        if self.lost > 0 {
            let text = messages_lost(self.lost);
            let lost = Parts { level: Level::Critical, origin: IDENTIFIER, message: &text };
            self.send_one(None, &lost)?;
            self.lost = 0;
        }
        self.send_one(module, parts)
    }

    fn send_one(&mut self, module: Option<&str>, parts: &Parts<'_>) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket
            }
        };
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for (form, path) in &self.doors {
            let bytes = match form {
                Form::Journal => journal_entry(module, parts),
                Form::Syslog => syslog_message(&Zoned::now(), module, parts),
            };
            // By its path each time: a reader that was started anew is found.
            match socket.send_to(bytes.as_bytes(), path) {
                Ok(_) => {
                    self.socket = Some(socket);
                    return Ok(());
                }
                // The reason of the door that is there says more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => last = error,
            }
        }
        self.socket = Some(socket);
        Err(last)
    }
}

/// Makes an entry for the journal. No part holds a line end, so none can begin a field.
fn journal_entry(module: Option<&str>, parts: &Parts<'_>) -> String {
    let Parts { level, origin, message } = *parts;
    let priority = priority(level);
    let shown = module.unwrap_or("-");
    let mut entry = format!(
        "SYSLOG_IDENTIFIER={IDENTIFIER}\nSYSLOG_FACILITY={FACILITY}\nPRIORITY={priority}\n"
    );
    if let Some(module) = module {
        entry.push_str(&format!("MODULE={module}\n"));
    }
    entry.push_str(&format!(
        "ORIGIN={origin}\nLEVEL={}\nMESSAGE={shown} | {origin} | {message}\n",
        level.letter()
    ));
    entry
}

/// Makes a message for a syslog.
fn syslog_message(at: &Zoned, module: Option<&str>, parts: &Parts<'_>) -> String {
    let Parts { level, origin, message } = *parts;
    let number = FACILITY.saturating_mul(8).saturating_add(priority(level));
    let (time, pid) = (at.strftime("%b %e %H:%M:%S"), std::process::id());
    let module = module.unwrap_or("-");
    format!("<{number}>{time} {IDENTIFIER}[{pid}]: {module} | {origin} | {message}")
}

/// Returns the severity of RFC 5424.
fn priority(level: Level) -> u8 {
    match level {
        Level::Critical => 2,
        Level::Warning => 4,
        Level::Event | Level::User => 5,
        Level::Script | Level::Info => 6,
        Level::Debug => 7,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::store::tests::TestRoot;

    const PARTS: Parts<'_> =
        Parts { level: Level::Event, origin: "heart", message: "Local state UP Ready" };

    fn received(reader: &UnixDatagram) -> String {
        let mut bytes = [0; 8192];
        let length = reader.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_journal_gets_fields_and_the_documented_message() {
        assert_eq!(
            journal_entry(Some("web"), &PARTS),
            "SYSLOG_IDENTIFIER=safekit\nSYSLOG_FACILITY=3\nPRIORITY=5\nMODULE=web\nORIGIN=heart\nLEVEL=E\n\
             MESSAGE=web | heart | Local state UP Ready\n"
        );
        assert!(
            journal_entry(None, &PARTS).ends_with("MESSAGE=- | heart | Local state UP Ready\n")
        );
        assert!(!journal_entry(None, &PARTS).contains("MODULE="));
    }

    #[test]
    fn a_syslog_gets_the_local_form_of_rfc_3164() {
        let at = date(2026, 2, 3).at(4, 5, 6, 0).to_zoned(TimeZone::UTC).unwrap();
        let pid = std::process::id();
        assert_eq!(
            syslog_message(&at, Some("web"), &PARTS),
            format!("<29>Feb  3 04:05:06 safekit[{pid}]: web | heart | Local state UP Ready")
        );
    }

    #[test]
    fn the_syslog_is_used_where_there_is_no_journal() {
        let root = TestRoot::new();
        let (journal, syslog) = (root.path().join("journal"), root.path().join("log"));
        let reader = UnixDatagram::bind(&syslog).unwrap();
        let mut system =
            SystemLog::with(vec![(Form::Journal, journal.clone()), (Form::Syslog, syslog)]);
        assert_eq!(system.send(Some("web"), &PARTS), None);
        assert!(received(&reader).starts_with("<29>"));
        let journal = UnixDatagram::bind(journal).unwrap();
        assert_eq!(system.send(Some("web"), &PARTS), None);
        assert!(received(&journal).starts_with("SYSLOG_IDENTIFIER=safekit\n"));
    }

    #[test]
    fn absence_is_told_once_and_what_was_lost_is_counted() {
        let root = TestRoot::new();
        let path = root.path().join("journal");
        let mut system = SystemLog::journal(path.clone());
        assert!(system.send(None, &PARTS).unwrap().contains("no system log"));
        assert_eq!(system.send(None, &PARTS), None);
        let reader = UnixDatagram::bind(path).unwrap();
        assert_eq!(system.send(None, &PARTS), None);
        assert!(received(&reader).contains("2 messages before this one are not in the system log"));
        assert!(received(&reader).contains("Local state UP Ready"));
        assert_eq!(SystemLog::none().send(None, &PARTS), None);
    }

    #[test]
    fn a_reader_that_does_not_read_costs_messages_and_no_time() {
        let root = TestRoot::new();
        let path = root.path().join("journal");
        let reader = UnixDatagram::bind(&path).unwrap();
        let mut system = SystemLog::journal(path);
        // The queue of a socket holds far fewer; a send that waits would never come back.
        for _ in 0..5000 {
            assert_eq!(system.send(None, &PARTS), None);
        }
        assert!(system.lost > 0);
        received(&reader);
        received(&reader);
        assert_eq!(system.send(None, &PARTS), None);
        assert_eq!(system.lost, 0);
    }
}
