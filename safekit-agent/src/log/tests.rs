//! Lines, files and the thread that writes them.

use std::fs;
use std::time::Duration;

use jiff::civil::date;
use jiff::tz::TimeZone;

use super::file::{LineFile, old_path};
use super::line::{Level, Parts, fields_line, module_line, parts};
use super::{CommandMark, LogThread, Piece, Place, SystemLog, Which, newest, piece};
use crate::store::tests::{TestRoot, module};

/// Longer than a loaded machine needs; a test that waits this long has failed.
const LONG: Duration = Duration::from_secs(30);

fn at() -> jiff::Zoned {
    date(2026, 2, 3).at(4, 5, 6, 7_008_000).to_zoned(TimeZone::UTC).unwrap()
}

#[test]
fn a_line_has_the_documented_form() {
    let line = module_line(&at(), Level::Event, "heart", "Local state UP Ready");
    assert_eq!(line, "| 2026-02-03 04:05:06.007008 | heart | E | Local state UP Ready\n");
    let line = fields_line(&at(), &["cli", "web", "17"], &CommandMark::End(3).to_string());
    assert_eq!(line, "| 2026-02-03 04:05:06.007008 | cli | web | 17 | END 3\n");
}

#[test]
fn a_message_stays_in_its_line_and_does_nothing_to_a_terminal() {
    let hostile =
        "a\n| 2026-01-01 00:00:00.000000 | x | C | forged\r\n\u{1b}[31m\u{202e}\u{2028}é |\n";
    let line = module_line(&at(), Level::Info, "a | b\n", hostile);
    assert_eq!(line.matches('\n').count(), 1);
    assert!(!line.contains(['\r', '\u{1b}', '\u{202e}', '\u{2028}']));
    assert!(line.contains("é |"), "{line}");
    let Parts { level, origin, message } = parts(&line).unwrap();
    assert_eq!((level, origin), (Level::Info, "a / b"));
    assert!(message.starts_with("a\\n| 2026-01-01") && !message.contains('\n'));
    let long = module_line(&at(), Level::Info, &"o".repeat(10_000), &"é".repeat(10_000));
    assert!(long.len() < 5000 && long.ends_with("... (cut)\n"));
}

#[test]
fn every_level_has_its_letter() {
    for letter in "CEUSWID".chars() {
        assert_eq!(Level::from_letter(letter).unwrap().letter(), letter);
    }
    assert_eq!(Level::from_letter('x'), None);
}

#[test]
fn a_log_is_read_piece_by_piece_though_it_is_written_and_begun_anew() {
    let root = TestRoot::new();
    let path = root.path().join("log.txt");
    let read = |place| piece(&path, place, Which::All).unwrap();
    assert_eq!(read(Place::Begin), Some(Piece::default()), "a log that is not there");

    // Each file holds 2 MiB, which is several pieces.
    let mut file = LineFile::new(path.clone(), 4 << 20);
    let text = "x".repeat(200);
    let mut written = 0..;
    let mut write = |count: usize| {
        for number in written.by_ref().take(count) {
            file.append(&format!("{number} {text}\n")).unwrap();
        }
    };
    write(15_000);
    assert!(old_path(&path).exists());
    let mut numbers: Vec<u64> = Vec::new();
    let mut place = Some(Place::Begin);
    while let Some(from) = place {
        let Piece { lines, next } = read(from).unwrap();
        assert!(lines.len() < 3_000);
        let number = |line: &String| line.split(' ').next().unwrap().parse::<u64>().unwrap();
        numbers.extend(lines.iter().map(number));
        // What a reader was told of is found again, also as a word.
        place = next.map(|next| next.to_string().parse().unwrap());
        if numbers.len() < 4_000 {
            write(100);
        }
    }
    let first = numbers[0];
    let expected: Vec<u64> = (first..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "lines are missing or there twice");
    assert!(numbers.len() >= 15_000 - usize::try_from(first).unwrap());

    // Twice begun anew: the place is no longer kept.
    let Some(gone) = read(Place::Begin).unwrap().next else { panic!("one piece only") };
    write(25_000);
    assert_eq!(read(gone), None);
    for text in ["", "end", "1", "1-", "-1", "1-x", "1-2-3"] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}

#[test]
fn files_are_bounded_and_nothing_newer_is_lost() {
    let root = TestRoot::new();
    let path = root.path().join("log.txt");
    let mut file = LineFile::new(path.clone(), 1000);
    for number in 0..1000 {
        file.append(&format!("line {number}\n")).unwrap();
        let both = [path.clone(), old_path(&path)];
        let size: u64 = both.iter().filter_map(|p| fs::metadata(p).ok()).map(|m| m.len()).sum();
        assert!(size <= 1000);
    }
    let lines = newest(&path, 50, Which::All).unwrap();
    let expected: Vec<String> = (950..1000).map(|number| format!("line {number}")).collect();
    assert_eq!(lines, expected);
    assert!(newest(&path, usize::MAX, Which::All).unwrap().len() > 50);
}

#[test]
fn a_log_that_was_cut_or_removed_goes_on() {
    let root = TestRoot::new();
    let path = root.path().join("log.txt");
    fs::write(&path, "half a li").unwrap();
    let mut file = LineFile::new(path.clone(), 1000);
    file.append("next\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "half a li\nnext\n");
    fs::remove_file(&path).unwrap();
    file.append("after\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
}

#[test]
fn the_newest_lines_come_in_order_whatever_their_length() {
    let root = TestRoot::new();
    let path = root.path().join("log.txt");
    let mut all = Vec::new();
    for (index, length) in
        [1, 70_000, 3, 65_535, 65_536, 65_537, 200_000, 2].into_iter().enumerate()
    {
        all.push(format!("{index} {}", "x".repeat(length)));
    }
    fs::write(&path, all.join("\n") + "\n").unwrap();
    assert_eq!(newest(&path, 100, Which::All).unwrap(), all);
    assert_eq!(newest(&path, 3, Which::All).unwrap(), all[5..]);
    assert_eq!(newest(&path, 0, Which::All).unwrap(), Vec::<String>::new());
    assert_eq!(newest(&root.path().join("none"), 3, Which::All).unwrap(), Vec::<String>::new());
}

#[test]
fn main_lines_are_those_of_four_levels() {
    let root = TestRoot::new();
    let path = root.path().join("log.txt");
    let text: String = "CEUSWID"
        .chars()
        .map(|letter| {
            module_line(&at(), Level::from_letter(letter).unwrap(), "o", &letter.to_string())
        })
        .collect();
    fs::write(&path, text + "not a line | of | ours | E\n").unwrap();
    let main = newest(&path, 100, Which::Main).unwrap();
    let last: String = main.iter().filter_map(|line| line.chars().last()).collect();
    assert_eq!(last, "CEUS");
    assert_eq!(newest(&path, 100, Which::All).unwrap().len(), 8);
}

#[test]
fn lines_of_many_threads_are_whole_and_all_there() {
    let root = TestRoot::new();
    let layout = root.layout();
    let (log, thread) = LogThread::start(&layout, SystemLog::none()).unwrap();
    let (web, path) = (module("web"), layout.uservar(&module("web")).join("log.txt"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    log.module(&web, Level::Event, "test", "hello");
                }
            });
        }
    });
    log.node(Level::Event, "test", "of the node");
    log.command("cli", Some(&web), 17, CommandMark::Start("start -m web"));
    assert!(log.written(LONG));
    let lines = newest(&path, 1000, Which::Main).unwrap();
    assert_eq!(lines.len(), 800);
    assert!(lines.iter().all(|line| line.ends_with("| test | E | hello")));
    assert!(thread.finish(&log));
    let node = newest(&layout.node_log(), 10, Which::Main).unwrap();
    assert!(node.len() == 1 && node[0].ends_with("| test | E | of the node"), "{node:?}");
    let commands = newest(&layout.command_log(), 10, Which::All).unwrap();
    assert!(commands[0].ends_with("| cli | web | 17 | START start -m web"), "{commands:?}");
}

#[test]
fn the_end_waits_for_no_other_handle_and_loses_nothing() {
    let root = TestRoot::new();
    let layout = root.layout();
    let (log, thread) = LogThread::start(&layout, SystemLog::none()).unwrap();
    let (web, other) = (module("web"), log.clone());
    for _ in 0..1000 {
        other.module(&web, Level::Event, "test", "last words");
    }
    assert!(thread.finish(&log), "it ended while another handle lives");
    let lines = newest(&layout.uservar(&web).join("log.txt"), 2000, Which::All).unwrap();
    assert_eq!(lines.len(), 1000);
    other.module(&web, Level::Event, "test", "too late: nobody waits, nothing breaks");
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_said_later() {
    let root = TestRoot::new();
    let layout = root.layout();
    let web = module("web");
    // A file where the module's folder should be: nothing can be written.
    fs::write(layout.uservar(&web), "in the way").unwrap();
    let (log, thread) = LogThread::start(&layout, SystemLog::none()).unwrap();
    for _ in 0..3 {
        log.module(&web, Level::Event, "test", "lost");
    }
    assert!(log.written(LONG));
    fs::remove_file(layout.uservar(&web)).unwrap();
    log.module(&web, Level::Event, "test", "found");
    assert!(thread.finish(&log));
    let lines = newest(&layout.uservar(&web).join("log.txt"), 10, Which::All).unwrap();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("| C | 3 lines before this one are lost"), "{lines:?}");
    assert!(lines[1].ends_with("found"));
}

#[test]
fn main_messages_go_to_the_system_log_once() {
    let root = TestRoot::new();
    let (layout, web) = (root.layout(), module("web"));
    let path = root.path().join("journal");
    let reader = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let (log, thread) = LogThread::start(&layout, SystemLog::journal(path)).unwrap();
    log.module(&web, Level::Info, "test", "verbose");
    log.module(&web, Level::Event, "te\nst", "main\nMESSAGE=forged");
    log.node(Level::Critical, "agent", "of the node");
    log.module_too(&web, Level::Critical, "agent", "of the node");
    log.module(&web, Level::User, "test", "last");
    assert!(thread.finish(&log));
    let mut entries = Vec::new();
    reader.set_nonblocking(true).unwrap();
    let mut bytes = [0; 8192];
    while let Ok(length) = reader.recv(&mut bytes) {
        entries.push(String::from_utf8(bytes[..length].to_vec()).unwrap());
    }
    assert_eq!(entries.len(), 3, "{entries:?}");
    assert_eq!(entries[0].matches("\nMESSAGE=").count(), 1, "{entries:?}");
    assert!(entries[0].contains("\nMODULE=web\n") && entries[0].contains("\nORIGIN=te\\nst\n"));
    assert!(entries[1].contains("\nMESSAGE=- | agent | of the node\n"), "{entries:?}");
    assert!(entries[2].ends_with("web | test | last\n"));
    let lines = newest(&layout.uservar(&web).join("log.txt"), 10, Which::Main).unwrap();
    assert_eq!(lines.len(), 3, "the log of the module has what concerns the node too: {lines:?}");
}

#[test]
fn old_lines_of_a_log_that_nobody_writes_to_go_at_the_start() {
    let root = TestRoot::new();
    let layout = root.layout();
    let path = layout.uservar(&module("quiet")).join("log.txt");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let long_ago = date(2001, 2, 3).at(4, 5, 6, 0).to_zoned(TimeZone::UTC).unwrap();
    fs::write(&path, module_line(&long_ago, Level::Event, "heart", "old")).unwrap();
    let (log, thread) = LogThread::start(&layout, SystemLog::none()).unwrap();
    assert!(log.written(LONG));
    assert!(!path.exists());
    assert!(thread.finish(&log));
}

#[test]
fn a_full_disk_takes_back_what_it_took_in_part() {
    // /dev/full refuses every byte; it cannot be cut, so the error comes from there, and no thread dies.
    let root = TestRoot::new();
    let path = root.path().join("log.txt");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let mut file = LineFile::new(path.clone(), 1000);
    file.append("lost\n").unwrap_err();
    fs::remove_file(&path).unwrap();
    file.append("found\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "found\n");
}
