//! Tests of the edge with real sockets and processes. Each waits on the loop's inputs; nothing depends on speed.

mod lans;
mod processes;
mod runs;
mod scripts;
mod services;
mod workers;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::config::model::Logging;
use crate::ids::{ActionId, LanId, ModuleName};
use crate::module::saved::SavedModule;
use crate::module::script::{LargeUserlogs, Script, ScriptEnd, ScriptRun};
use crate::node::{Action, Input, Outcome, Output};
use crate::runtime::{Edge, EdgeConfig, EdgeNotice, Keep, ModulePlace, clock, thread};

/// An edge with one module, `app`, in a folder of its own.
struct Bench {
    edge: Edge,
    folder: PathBuf,
    kept: Arc<Kept>,
    inputs: Vec<Input>,
    last_action: u64,
}

#[derive(Default)]
struct Kept(Mutex<Vec<(ModuleName, SavedModule)>>);

impl Keep for Kept {
    fn save(&self, module: &ModuleName, saved: &SavedModule) -> std::io::Result<()> {
        assert!(saved.budget.used != PANICS, "as the test wants");
        if saved.budget.used == FAILS {
            return Err(std::io::Error::other("the disk is full"));
        }
        self.0.lock().unwrap().push((module.clone(), saved.clone()));
        Ok(())
    }
}

const FAILS: u32 = 1_000;
const PANICS: u32 = 1_001;

/// What a test waits for at most; far more than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

impl Bench {
    fn new() -> Self {
        Self::with(|_config| {})
    }

    fn with(change: impl FnOnce(&mut EdgeConfig)) -> Self {
        static BENCHES: AtomicU64 = AtomicU64::new(0);
        let number = BENCHES.fetch_add(1, Ordering::Relaxed);
        let name = format!("safekit-edge-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("bin")).unwrap();
        let kept = Arc::new(Kept::default());
        let keep: Arc<dyn Keep> = Arc::<Kept>::clone(&kept);
        let mut config = EdgeConfig::new(keep);
        change(&mut config);
        let mut edge = Edge::new(config).unwrap();
        edge.place_module(app(), place(&folder)).unwrap();
        Self { edge, folder, kept, inputs: Vec::new(), last_action: 0 }
    }

    /// Writes a script of the module; `{}` stands for the folder of the test.
    fn script(&self, script: Script, text: &str) {
        self.file(script.as_str(), text);
    }

    /// The same for a handler, whatever its name; returns its path.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let text = text.replace("{}", self.folder.to_str().unwrap());
        let path = self.folder.join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn act(&mut self, action: Action) -> ActionId {
        self.last_action += 1;
        let id = ActionId(self.last_action);
        assert!(self.edge.perform(Output::Action { id, action }).is_none());
        id
    }

    fn run(&mut self, run: ScriptRun) -> ActionId {
        self.act(Action::RunScript(Box::new(run)))
    }

    fn turn(&mut self, deadline: Instant) {
        self.edge.wait(Some(deadline), &mut self.inputs).unwrap();
    }

    /// Turns the loop until an input is what is looked for; takes it out.
    fn until<T>(&mut self, mut looked_for: impl FnMut(&Input) -> Option<T>) -> T {
        let deadline = clock::now() + PATIENCE;
        loop {
            let found =
                self.inputs.iter().enumerate().find_map(|(i, input)| Some((i, looked_for(input)?)));
            if let Some((place, found)) = found {
                self.inputs.remove(place);
                return found;
            }
            assert!(clock::now() < deadline, "waited in vain, got {:?}", self.inputs);
            self.turn(deadline);
        }
    }

    fn outcome(&mut self, of: ActionId) -> Outcome {
        self.until(|input| {
            let Input::ActionFinished { id, outcome } = input else { return None };
            (*id == of).then(|| outcome.clone())
        })
    }

    fn end(&mut self, of: ActionId) -> (ScriptEnd, Option<String>) {
        let outcome = self.outcome(of);
        let Outcome::Script { end, userlog, .. } = outcome else { panic!("{outcome:?}") };
        (end, userlog)
    }

    /// Writes a script, runs it, and returns how it ended.
    fn end_of(&mut self, text: &str) -> ScriptEnd {
        self.script(Script::StartBoth, text);
        let id = self.run(start_both());
        self.end(id).0
    }

    /// Turns the loop until a file of the folder ends with a newline, and returns its text.
    fn text_of(&mut self, name: &str) -> String {
        let path = self.folder.join(name);
        let mut text = String::new();
        self.wait_for(|| {
            text = fs::read_to_string(&path).unwrap_or_default();
            text.ends_with('\n')
        });
        text
    }

    /// Turns the loop until there is a notice.
    fn notice(&mut self) -> EdgeNotice {
        let deadline = clock::now() + PATIENCE;
        loop {
            if let Some(notice) = self.edge.poll_notice() {
                return notice;
            }
            assert!(clock::now() < deadline, "waited in vain");
            self.turn(clock::now() + Duration::from_millis(5));
        }
    }

    /// Turns the loop until something outside has happened.
    fn wait_for(&mut self, mut happened: impl FnMut() -> bool) {
        let deadline = clock::now() + PATIENCE;
        while !happened() {
            assert!(clock::now() < deadline, "waited in vain");
            self.turn(clock::now() + Duration::from_millis(5));
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn app() -> ModuleName {
    ModuleName::new("app").unwrap()
}

fn lan(place: usize) -> LanId {
    LanId::new(place).unwrap()
}

fn place(folder: &Path) -> ModulePlace {
    ModulePlace {
        bin: folder.join("bin"),
        environment: vec![
            ("SAFEMODULE".into(), "app".into()),
            ("SAFEUSERBIN".into(), folder.join("bin").into()),
        ],
        userlogs: folder.join("var"),
        userlog_limit: 100,
    }
}

fn start_both() -> ScriptRun {
    ScriptRun {
        module: app(),
        script: Script::StartBoth,
        file: None,
        arguments: ["WAIT", "UP", "start"].map(str::to_owned).to_vec(),
        vars: vec![("COLOUR".to_owned(), "blue sky".to_owned())],
        logging: Logging::Userlog,
        large_userlogs: LargeUserlogs::Keep,
        time_limit: None,
    }
}

/// Tells whether a process is there and no zombie.
fn lives(pid: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    text.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Waits without a loop.
fn eventually(mut happened: impl FnMut() -> bool) {
    let deadline = clock::now() + PATIENCE;
    while !happened() {
        assert!(clock::now() < deadline, "waited in vain");
        thread::pause(Duration::from_millis(5));
    }
}
