//! How long lines are kept: what is older goes, once a day.
//!
//! Always: a file is replaced as a whole or not at all; one without lines of ours is left alone.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use jiff::Zoned;

use super::file::{LOG_BYTES_MAX, old_path};
use crate::store::files;

/// How long lines are kept.
pub(super) const AGE_MAX: Duration = Duration::from_hours(30 * 24);
/// How often files are looked through; so lines are kept for a day longer at most.
pub(super) const AGE_INTERVAL: Duration = Duration::from_hours(24);

/// How many bytes the time of a line has, and where it begins.
const TIME: std::ops::Range<usize> = 2..28;

/// Removes from a log and its predecessor the lines that are older than [`AGE_MAX`] at `now`.
///
/// # Errors
/// When the operating system refuses: nothing is lost, and the next day tries again.
pub(super) fn forget_old(path: &Path, now: &Zoned) -> io::Result<()> {
    let Ok(oldest) = now.checked_sub(AGE_MAX) else { return Ok(()) };
    let oldest = oldest.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
    forget_before(&old_path(path), oldest.as_bytes())?;
    forget_before(path, oldest.as_bytes())
}

fn forget_before(path: &Path, oldest: &[u8]) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // A file that somebody else made bigger is no log of ours.
    if file.metadata()?.len() > LOG_BYTES_MAX {
        return Ok(());
    }
    let mut reader = BufReader::new(file.take(LOG_BYTES_MAX));
    let (mut line, mut older) = (Vec::new(), false);
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return if older { fs::remove_file(path) } else { Ok(()) };
        }
        match time(&line) {
            Some(time) if time >= oldest => break,
            Some(_) => older = true,
            None => {}
        }
    }
    if !older {
        return Ok(());
    }
    reader.read_to_end(&mut line)?;
    files::write_atomic(path, &line, 0o640).map_err(io::Error::other)
}

/// Returns the time that a line of ours begins with.
fn time(line: &[u8]) -> Option<&[u8]> {
    let end = line.get(TIME.end..)?;
    (line.starts_with(b"| ") && end.starts_with(b" | ")).then_some(())?;
    line.get(TIME)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::log::line::{Level, module_line};
    use crate::store::tests::TestRoot;

    fn line(day: i8, text: &str) -> String {
        let at = date(2026, 2, day).at(1, 2, 3, 0).to_zoned(TimeZone::UTC).unwrap();
        module_line(&at, Level::Event, "o", text)
    }

    #[test]
    fn lines_older_than_thirty_days_go_and_the_others_stay() {
        let root = TestRoot::new();
        let path = root.path().join("log.txt");
        fs::write(old_path(&path), line(1, "a") + &line(2, "b")).unwrap();
        let newer = line(4, "d") + "half a li\n" + &line(28, "e");
        fs::write(&path, line(3, "c") + &newer).unwrap();
        let now = date(2026, 3, 6).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        forget_old(&path, &now).unwrap();
        assert!(!old_path(&path).exists());
        assert_eq!(fs::read_to_string(&path).unwrap(), newer);
        forget_old(&path, &now).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), newer, "nothing more to do");
    }

    #[test]
    fn what_is_no_log_of_ours_is_left_alone() {
        let root = TestRoot::new();
        let path = root.path().join("log.txt");
        let now = date(2026, 3, 6).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        forget_old(&path, &now).unwrap();
        assert!(!path.exists());
        for text in ["", "| x\n", "0000-00-00 a text of somebody else, long enough\n"] {
            fs::write(&path, text).unwrap();
            forget_old(&path, &now).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
