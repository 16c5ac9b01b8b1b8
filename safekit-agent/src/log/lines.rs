//! What is told of the logs themselves, with origin `safekit`.

/// Tells how many lines a file lacks.
pub(super) fn lines_lost(count: u64, why: &str) -> String {
    match count {
        1 => format!("1 line before this one is lost: {why}"),
        count => format!("{count} lines before this one are lost: {why}"),
    }
}

/// Tells, in the system log, how many messages it lacks.
pub(super) fn messages_lost(count: u64) -> String {
    format!("{count} messages before this one are not in the system log")
}

/// Tells that there is no system log.
pub(super) fn no_system_log() -> String {
    "this host has no system log: main messages are in the files of the logs only".to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use safekit_core::event::Severity;
    use safekit_core::explain::Message;

    use super::*;

    /// The rows of these lines in the reference.
    pub(crate) const LOG_MESSAGES: [Message; 4] = [
        row(
            Severity::Critical,
            "1 line before this one is lost: <why>",
            "The file of this log could not be written, or too many lines came at once",
            "make room or mend the disk; `safekit state` names the file meanwhile",
        ),
        row(
            Severity::Critical,
            "<number> lines before this one are lost: <why>",
            "As above",
            "as above",
        ),
        row(
            Severity::Critical,
            "<number> messages before this one are not in the system log",
            "In the system log only: it took nothing for a while; the files of the logs have them",
            "",
        ),
        row(
            Severity::Info,
            "this host has no system log: main messages are in the files of the logs only",
            "There is neither a journal nor /dev/log",
            "",
        ),
    ];

    const fn row(
        severity: Severity,
        form: &'static str,
        meaning: &'static str,
        remedy: &'static str,
    ) -> Message {
        Message { origin: "safekit", severity, form, interface: None, meaning, remedy }
    }

    #[test]
    fn lines_have_the_form_of_their_rows() {
        let texts = [
            lines_lost(1, "disk full"),
            lines_lost(7, "disk full"),
            messages_lost(7),
            no_system_log(),
        ];
        for (row, text) in LOG_MESSAGES.iter().zip(texts) {
            assert!(row.is_form_of(&text), "{text}");
        }
    }
}
