//! The thread that writes the logs, and the handle that others give lines to.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Zoned;
use safekit_core::explain::Line;
use safekit_core::ids::{MODULES_MAX, ModuleName};
use safekit_core::runtime::clock;

use super::age::{self, AGE_INTERVAL};
use super::file::{LOG_BYTES_MAX, LineFile};
use super::line::{self, Level, fields_line, module_line};
use super::lines::lines_lost;
use super::sync::Syncer;
use super::system::SystemLog;
use crate::store::Layout;

/// The most lines that wait for the disk; further ones are counted and lost.
const QUEUE_MAX: usize = 4096;
/// Why lines are lost that never came to the disk.
const QUEUE_FULL: &str = "too many came at once";
/// The most folders of modules that are looked into for old lines: those of uninstalled ones may be among them.
const FOLDERS_MAX: usize = 256;
/// How long the end of the agent waits for a disk that does not answer.
const FINISH_MAX: Duration = Duration::from_secs(2);

/// Takes lines for the logs; every clone writes to the same ones. Never waits.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    queue: SyncSender<Order>,
    overflow: Arc<Overflow>,
    faults: Faults,
}

/// How many lines found no room in the queue, until the next line of such a log says so.
#[derive(Debug, Default)]
struct Overflow {
    /// Of modules, whichever.
    modules: AtomicU64,
    node: AtomicU64,
    commands: AtomicU64,
}

impl Overflow {
    fn count(&self, order: &Order) {
        let count = match order {
            Order::Module { .. } => &self.modules,
            Order::Node { .. } => &self.node,
            Order::Command { .. } => &self.commands,
            Order::End | Order::Forget { .. } | Order::Written { .. } => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The files that cannot be written at this moment, and why. Never locked while the disk is waited for.
#[derive(Clone, Debug, Default)]
struct Faults(Arc<Mutex<BTreeMap<PathBuf, String>>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a line of the command log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandMark<'a> {
    /// The command begins, with these arguments.
    Start(&'a str),
    /// The command has ended, with this exit code.
    End(i32),
}

impl fmt::Display for CommandMark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(arguments) => write!(f, "START {arguments}"),
            Self::End(code) => write!(f, "END {code}"),
        }
    }
}

/// Where a line is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// In its file, and in the system log.
    Everywhere,
    /// In its file only: the system log has it from elsewhere.
    FileOnly,
}

#[derive(Debug)]
enum Order {
    Module { module: ModuleName, line: String, told: Told },
    Node { line: String },
    Command { line: String },
    Forget { module: ModuleName },
    Written { tell: SyncSender<()> },
    End,
}

impl Log {
    /// Writes a line to a module's log.
    pub(crate) fn module(&self, module: &ModuleName, level: Level, origin: &str, message: &str) {
        let line = module_line(&Zoned::now(), level, origin, message);
        self.order(Order::Module { module: module.clone(), line, told: Told::Everywhere });
    }

    /// Writes an event to a module's log.
    pub(crate) fn line(&self, module: &ModuleName, line: &Line) {
        self.module(module, Level::of(line.severity), line.origin, &line.text);
    }

    /// Writes to a module's log what was told of the node: the system log does not get it again.
    pub(crate) fn module_too(
        &self,
        module: &ModuleName,
        level: Level,
        origin: &str,
        message: &str,
    ) {
        let line = module_line(&Zoned::now(), level, origin, message);
        self.order(Order::Module { module: module.clone(), line, told: Told::FileOnly });
    }

    /// Writes a line to the node's own log.
    pub(crate) fn node(&self, level: Level, origin: &str, message: &str) {
        let line = module_line(&Zoned::now(), level, origin, message);
        self.order(Order::Node { line });
    }

    /// Writes a line to the command log: who (`kind`, `pid`), on which module, what.
    pub(crate) fn command(
        &self,
        kind: &str,
        module: Option<&ModuleName>,
        pid: u32,
        mark: CommandMark<'_>,
    ) {
        let module = module.map_or("-", ModuleName::as_str);
        let fields = [kind, module, &pid.to_string()];
        let line = fields_line(&Zoned::now(), &fields, &mark.to_string());
        self.order(Order::Command { line });
    }

    /// Returns which logs lack lines because their files cannot be written, each with what to do.
    pub(crate) fn faults(&self) -> Vec<String> {
        let tell = |(path, why): (&PathBuf, &String)| {
            let path = path.display();
            format!(
                "lines are lost that belong into {path}: {why}; mend that, or move the file away: the next line makes a new one"
            )
        };
        self.faults.lock().iter().map(tell).collect()
    }

    /// Closes the file of a module that is being uninstalled.
    pub(crate) fn forget(&self, module: &ModuleName) {
        self.order(Order::Forget { module: module.clone() });
    }

    /// Waits until all lines handed in before are written, or given up; at most `wait_max`. For readers of the files
    /// that want their own lines in them; never called on the event loop. Returns whether it was so.
    pub(crate) fn written(&self, wait_max: Duration) -> bool {
        let (tell, told) = sync_channel(1);
        match self.queue.try_send(Order::Written { tell }) {
            Ok(()) => told.recv_timeout(wait_max).is_ok(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    fn order(&self, order: Order) {
        match self.queue.try_send(order) {
            Ok(()) => {}
            Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => {
                self.overflow.count(&order);
            }
        }
    }
}

/// The thread that writes the logs.
#[derive(Debug)]
pub(crate) struct LogThread {
    thread: JoinHandle<()>,
    ending: Arc<AtomicBool>,
    ended: Receiver<()>,
    syncer: Syncer,
}

impl LogThread {
    /// Starts it.
    ///
    /// # Errors
    /// When the operating system gives no more threads.
    pub(crate) fn start(layout: &Layout, system: SystemLog) -> io::Result<(Log, Self)> {
        Self::start_with(layout, system, Syncer::start(File::sync_data)?)
    }

    /// Starts it with another disk.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub(super) fn start_with(
        layout: &Layout,
        system: SystemLog,
        syncer: Syncer,
    ) -> io::Result<(Log, Self)> {
        let (queue, orders) = sync_channel(QUEUE_MAX);
        let (tell_end, ended) = sync_channel(1);
        let overflow = Arc::new(Overflow::default());
        let faults = Faults::default();
        let ending = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&ending);
        let mut writer = Writer {
            layout: layout.clone(),
            modules: BTreeMap::new(),
            node: Lines::new(LineFile::new(layout.node_log(), LOG_BYTES_MAX)),
            commands: Lines::new(LineFile::new(layout.command_log(), LOG_BYTES_MAX)),
            overflow: Arc::clone(&overflow),
            faults: faults.clone(),
            system,
            syncer: syncer.clone(),
            forget_at: clock::now(),
        };
        let work = move || {
            writer.run(&orders, &ends);
            // Nobody may wait for it any more.
            let _ = tell_end.try_send(());
        };
        let thread = Builder::new().name("safekit-log".to_owned()).spawn(work)?;
        Ok((Log { queue, overflow, faults }, Self { thread, ending, ended, syncer }))
    }

    /// Ends the thread once its queue is written; lines that come later are lost. A disk that does not answer is left
    /// alone after 2 s. Returns whether the queue was written.
    pub(crate) fn finish(self, log: &Log) -> bool {
        self.ending.store(true, Ordering::Release);
        // Wakes a thread that has nothing to write; one whose queue is full sees the mark when it is empty.
        log.order(Order::End);
        let until = clock::now() + FINISH_MAX;
        match self.ended.recv_timeout(FINISH_MAX) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                let written = self.thread.join().is_ok();
                self.syncer.finish(until);
                written
            }
            Err(RecvTimeoutError::Timeout) => false,
        }
    }
}

struct Writer {
    layout: Layout,
    modules: BTreeMap<ModuleName, Lines>,
    node: Lines,
    commands: Lines,
    overflow: Arc<Overflow>,
    faults: Faults,
    system: SystemLog,
    syncer: Syncer,
    /// When old lines are removed the next time.
    forget_at: Instant,
}

impl Writer {
    /// Writes until the end is asked for and nothing waits any more, or until nobody is left to ask.
    fn run(&mut self, orders: &Receiver<Order>, ending: &AtomicBool) {
        loop {
            let ends = ending.load(Ordering::Acquire);
            let now = clock::now();
            if now >= self.forget_at && !ends {
                self.forget_at = now + AGE_INTERVAL;
                self.forget_old();
            }
            let wait = self.forget_at.saturating_duration_since(now);
            let order = if ends {
                orders.try_recv().map_err(|_nothing| RecvTimeoutError::Disconnected)
            } else {
                orders.recv_timeout(wait)
            };
            match order {
                Ok(order) => self.handle(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Removes the lines that are too old, also from logs of modules that write nothing.
    fn forget_old(&self) {
        let modules = fs::read_dir(self.layout.safevar.join("modules")).into_iter().flatten();
        let modules = modules.flatten().take(FOLDERS_MAX).map(|entry| entry.path().join("log.txt"));
        let now = Zoned::now();
        for path in [self.layout.node_log(), self.layout.command_log()].into_iter().chain(modules) {
            // A file that cannot be changed stays within its size; the next day tries again.
            drop(age::forget_old(&path, &now));
        }
    }

    /// Tells a main message to the system log, before the disk is waited for.
    fn tell_system(&mut self, module: Option<&ModuleName>, line: &str) {
        let Some(parts) = line::parts(line).filter(|parts| parts.level.is_main()) else { return };
        if let Some(text) = self.system.send(module.map(ModuleName::as_str), &parts) {
            let line = module_line(&Zoned::now(), Level::Info, "safekit", &text);
            self.node.write(&line, module_lost_line, &self.faults);
        }
    }

    fn handle(&mut self, order: Order) {
        match order {
            Order::Module { module, line, told } => {
                if told == Told::Everywhere {
                    self.tell_system(Some(&module), &line);
                }
                let overflow = Arc::clone(&self.overflow);
                let (faults, syncer) = (self.faults.clone(), self.syncer.clone());
                let lines = self.lines(module);
                lines.lacks(&overflow.modules);
                lines.write(&line, module_lost_line, &faults);
                if is_main(&line) {
                    lines.sync(&syncer);
                }
            }
            Order::Node { line } => {
                self.tell_system(None, &line);
                self.node.lacks(&self.overflow.node);
                self.node.write(&line, module_lost_line, &self.faults);
                if is_main(&line) {
                    self.node.sync(&self.syncer);
                }
            }
            Order::Command { line } => {
                self.commands.lacks(&self.overflow.commands);
                self.commands.write(&line, command_lost_line, &self.faults);
                self.commands.sync(&self.syncer);
            }
            // The mark says the same; what came before it is written first.
            Order::End => {}
            Order::Forget { module } => {
                if let Some(lines) = self.modules.remove(&module) {
                    self.faults.lock().remove(lines.file.path());
                }
            }
            // Who asked may have given up.
            Order::Written { tell } => {
                let _ = tell.try_send(());
            }
        }
    }

    fn lines(&mut self, module: ModuleName) -> &mut Lines {
        if self.modules.len() >= MODULES_MAX && !self.modules.contains_key(&module) {
            // Only modules that were uninstalled meanwhile can fill it up; files open again by themselves.
            self.modules.clear();
            self.faults.lock().clear();
        }
        let path = self.layout.uservar(&module).join("log.txt");
        let make = || Lines::new(LineFile::new(path, LOG_BYTES_MAX));
        self.modules.entry(module).or_insert_with(make)
    }
}

/// A file, and how many lines it lacks.
struct Lines {
    file: LineFile,
    lost: u64,
    why: String,
    /// The last line could not be written.
    faulty: bool,
}

impl Lines {
    fn new(file: LineFile) -> Self {
        Self { file, lost: 0, why: QUEUE_FULL.to_owned(), faulty: false }
    }

    /// Takes the count of lines that found no room in the queue.
    fn lacks(&mut self, overflow: &AtomicU64) {
        self.lost = self.lost.saturating_add(overflow.swap(0, Ordering::Relaxed));
    }

    /// Has what is written brought to the disk itself.
    fn sync(&self, syncer: &Syncer) {
        if let Some(file) = self.file.file() {
            syncer.add(file);
        }
    }

    /// Writes a line; before it, where lines are lacking, one that says so. Both or none: alone it would fit into the last
    /// bytes of a full disk again and again, where no other line does.
    fn write(&mut self, line: &str, lost_line: fn(&str) -> String, faults: &Faults) {
        let result = if self.lost > 0 {
            let text = lines_lost(self.lost, &self.why);
            self.file.append(&(lost_line(&text) + line)).map(|()| {
                self.lost = 0;
                QUEUE_FULL.clone_into(&mut self.why);
            })
        } else {
            self.file.append(line)
        };
        match result {
            Ok(()) if self.faulty => {
                self.faulty = false;
                faults.lock().remove(self.file.path());
            }
            Ok(()) => {}
            Err(error) => {
                self.lost = self.lost.saturating_add(1);
                self.why = error.to_string();
                self.faulty = true;
                faults.lock().insert(self.file.path().to_owned(), self.why.clone());
            }
        }
    }
}

fn is_main(line: &str) -> bool {
    line::parts(line).is_some_and(|parts| parts.level.is_main())
}

fn module_lost_line(text: &str) -> String {
    module_line(&Zoned::now(), Level::Critical, "safekit", text)
}

fn command_lost_line(text: &str) -> String {
    fields_line(&Zoned::now(), &["safekit", "-", &std::process::id().to_string()], text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Which, newest};
    use crate::store::tests::{TestRoot, module};

    #[test]
    fn lines_that_find_no_room_are_told_in_the_log_that_lacks_them() {
        let root = TestRoot::new();
        let layout = root.layout();
        let (queue, orders) = sync_channel(2);
        let (overflow, faults) = (Arc::<Overflow>::default(), Faults::default());
        let log = Log { queue, overflow: Arc::clone(&overflow), faults: faults.clone() };
        let mut writer = Writer {
            layout: layout.clone(),
            modules: BTreeMap::new(),
            node: Lines::new(LineFile::new(layout.node_log(), LOG_BYTES_MAX)),
            commands: Lines::new(LineFile::new(layout.command_log(), LOG_BYTES_MAX)),
            overflow,
            faults,
            system: SystemLog::none(),
            syncer: Syncer::start(File::sync_data).unwrap(),
            forget_at: clock::now(),
        };
        for _ in 0..5 {
            log.node(Level::Event, "test", "too many");
        }
        log.command("cli", None, 17, CommandMark::End(0));
        let ends = AtomicBool::new(true);
        writer.run(&orders, &ends);
        // A module lacks nothing.
        log.module(&module("web"), Level::Event, "test", "found");
        log.command("cli", None, 18, CommandMark::End(0));
        writer.run(&orders, &ends);
        log.node(Level::Event, "test", "found");
        writer.run(&orders, &ends);
        let lines = |path: &std::path::Path| newest(path, 10, Which::All).unwrap();
        assert_eq!(lines(&layout.uservar(&module("web")).join("log.txt")).len(), 1);
        let node = lines(&layout.node_log());
        assert_eq!(node.len(), 4);
        let lost = "3 lines before this one are lost: too many came at once";
        assert!(node.iter().any(|line| line.ends_with(lost)), "{node:?}");
        let commands = lines(&layout.command_log());
        assert_eq!(commands.len(), 2);
        assert!(commands[0].contains("1 line before this one is lost"), "{commands:?}");
    }
}
