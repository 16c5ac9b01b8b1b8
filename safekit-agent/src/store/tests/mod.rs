//! Roots on a real disk, in the temporary directory.

mod cluster;
mod folders;
mod module_files;
mod package;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use safekit_core::ids::{ModuleName, ProcessId};
use safekit_core::module::saved::{SavedBudget, SavedModule, SavedPhase};
use safekit_core::node::AgentStart;

use super::layout::{LockError, SocketAccess};
use super::saved::{self, Boot};
use super::{Layout, StoreError, files};

/// A root of its own, removed at the end.
#[derive(Debug)]
pub(crate) struct TestRoot(PathBuf);

impl TestRoot {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("safekit-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn layout(&self) -> Layout {
        let layout = Layout::new(Some(&self.0));
        layout.lay_out(None).unwrap();
        layout
    }
}

impl Drop for TestRoot {
    fn drop(&mut self) {
        files::remove_quietly(&self.0);
    }
}

pub(crate) fn module(name: &str) -> ModuleName {
    ModuleName::new(name).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn boot(id: &str, since_boot_s: u64) -> Boot {
    let wall = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    Boot { id: id.to_owned(), since_boot: Duration::from_secs(since_boot_s), wall }
}

fn up() -> SavedModule {
    SavedModule {
        phase: SavedPhase::Up,
        started: true,
        watched: vec![ProcessId { pid: 17, started: 4711 }],
        budget: SavedBudget { used: 2, age_ms: 1000 },
        may_still_run: false,
        errd_off: false,
        classes: std::collections::BTreeSet::new(),
    }
}

#[test]
fn a_root_is_laid_out_once_and_stays_as_it_is() {
    let root = TestRoot::new();
    let layout = root.layout();
    assert_eq!(mode(&layout.safevar), 0o750);
    assert_eq!(mode(&layout.safebin()), 0o755);
    fs::write(layout.modules().join("kept"), "kept").unwrap();
    fs::set_permissions(layout.modules(), fs::Permissions::from_mode(0o700)).unwrap();
    layout.lay_out(None).unwrap();
    assert_eq!(fs::read_to_string(layout.modules().join("kept")).unwrap(), "kept");
    assert_eq!(mode(&layout.modules()), 0o700, "an administrator's mode is left alone");
}

#[test]
fn what_a_crash_left_is_removed() {
    let root = TestRoot::new();
    let layout = root.layout();
    let place = layout.module(&module("web"));
    let built = files::building_place(&place).unwrap();
    fs::create_dir_all(built.join("bin")).unwrap();
    let half = files::building_place(&layout.incarnation_file()).unwrap();
    fs::write(&half, "half").unwrap();
    let uservar = layout.uservar(&module("web"));
    fs::create_dir_all(&uservar).unwrap();
    let state = files::building_place(&uservar.join("state.json")).unwrap();
    fs::write(&state, "half").unwrap();
    layout.lay_out(None).unwrap();
    for gone in [built, half, state] {
        assert!(!gone.exists(), "{}", gone.display());
    }
}

#[test]
fn the_command_is_a_link_that_follows_the_executable() {
    let root = TestRoot::new();
    let layout = root.layout();
    let link = layout.safe.join("safekit");
    for executable in ["/one/safekit-agent", "/two/safekit-agent"] {
        layout.lay_out(Some(Path::new(executable))).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new(executable));
    }
    fs::remove_file(&link).unwrap();
    fs::write(&link, "a file of the installation").unwrap();
    layout.lay_out(Some(Path::new("/three"))).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
}

#[test]
fn a_root_has_one_agent() {
    let root = TestRoot::new();
    let layout = root.layout();
    let lock = layout.lock().unwrap();
    let error = layout.lock().unwrap_err();
    match &error {
        LockError::Taken { pid, .. } => assert_eq!(*pid, Some(std::process::id())),
        LockError::Store(error) => panic!("{error}"),
    }
    assert!(error.to_string().contains("choose another --root"), "{error}");
    drop(lock);
    layout.lock().unwrap();
}

#[test]
fn the_socket_is_for_the_group_or_for_the_owner() {
    let root = TestRoot::new();
    let path = root.path().join("file");
    fs::write(&path, "").unwrap();
    SocketAccess::OwnerOnly.apply(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(SocketAccess::OwnerOnly.line().unwrap().contains("safekit"));
    let gid = fs::metadata(&path).unwrap().gid();
    SocketAccess::Group { gid }.apply(&path).unwrap();
    assert_eq!(mode(&path), 0o660);
    assert_eq!(SocketAccess::Group { gid }.line(), None);
}

#[test]
fn an_atomic_write_replaces_or_leaves_the_old_content() {
    let root = TestRoot::new();
    let path = root.path().join("file");
    files::write_atomic(&path, b"old", 0o600).unwrap();
    files::write_atomic(&path, b"new", 0o600).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(mode(&path), 0o600);
    // The rename fails on a folder that is not empty: nothing is left beside it, and the folder stays.
    let folder = root.path().join("folder");
    fs::create_dir_all(folder.join("in")).unwrap();
    files::write_atomic(&folder, b"new", 0o600).unwrap_err();
    assert!(folder.join("in").is_dir());
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
}

#[test]
fn a_folder_is_replaced_as_a_whole() {
    let root = TestRoot::new();
    let place = root.path().join("place");
    for content in ["one", "two"] {
        let built = files::building_place(&place).unwrap();
        fs::create_dir(&built).unwrap();
        files::write_new(&built.join(content), content.as_bytes(), 0o640).unwrap();
        files::replace_folder(&built, &place).unwrap();
        let names: Vec<_> = fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [content]);
    }
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "the old one is gone");
}

#[test]
fn reading_is_bounded_and_never_waits() {
    let root = TestRoot::new();
    let path = root.path().join("file");
    fs::write(&path, "12345").unwrap();
    assert_eq!(files::read_bounded(&path, 5).unwrap(), b"12345");
    assert!(matches!(files::read_bounded(&path, 4), Err(StoreError::Refused(_))));
    let pipe = root.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    assert!(matches!(files::read_bounded(&pipe, 4), Err(StoreError::Refused(_))));
}

#[test]
fn a_module_is_found_as_it_was_saved_and_its_budget_has_aged() {
    let root = TestRoot::new();
    let (layout, web) = (root.layout(), module("web"));
    let nothing = saved::load(&layout, &web, &boot("a", 10)).unwrap();
    assert_eq!((nothing.saved, nothing.line), (None, None));
    saved::save(&layout, &web, &up(), &boot("a", 10)).unwrap();
    let found = saved::load(&layout, &web, &boot("a", 15)).unwrap();
    assert_eq!(found.start, AgentStart::SameBoot);
    let budget = SavedBudget { used: 2, age_ms: 6000 };
    assert_eq!(found.saved, Some(SavedModule { budget, ..up() }));
}

#[test]
fn what_an_older_agent_saved_is_understood_and_a_doubt_is_kept() {
    let root = TestRoot::new();
    let (layout, web) = (root.layout(), module("web"));
    saved::save(&layout, &web, &up(), &boot("a", 10)).unwrap();
    let text = fs::read_to_string(layout.uservar(&web).join("state.json")).unwrap();
    assert!(!text.contains("may_still_run"), "an older agent must read it too: {text}");
    assert!(!saved::load(&layout, &web, &boot("a", 10)).unwrap().saved.unwrap().may_still_run);
    let doubtful = SavedModule { may_still_run: true, ..up() };
    saved::save(&layout, &web, &doubtful, &boot("a", 10)).unwrap();
    let found = saved::load(&layout, &web, &boot("a", 10)).unwrap();
    assert!(found.saved.unwrap().may_still_run);
}

#[test]
fn after_another_boot_the_wall_clock_counts_but_never_backwards() {
    let root = TestRoot::new();
    let (layout, web) = (root.layout(), module("web"));
    saved::save(&layout, &web, &up(), &boot("a", 1000)).unwrap();
    let mut later = boot("b", 20);
    later.wall += Duration::from_secs(60);
    let found = saved::load(&layout, &web, &later).unwrap();
    assert_eq!(found.start, AgentStart::HostBooted);
    assert_eq!(found.saved.unwrap().budget.age_ms, 61_000);
    let mut earlier = boot("b", 20);
    earlier.wall -= Duration::from_secs(3600);
    assert_eq!(saved::load(&layout, &web, &earlier).unwrap().saved.unwrap().budget.age_ms, 21_000);
}

#[test]
fn a_newer_version_is_refused_by_name_and_stays() {
    let root = TestRoot::new();
    let (layout, web) = (root.layout(), module("web"));
    saved::save(&layout, &web, &up(), &boot("a", 10)).unwrap();
    let path = layout.uservar(&web).join("state.json");
    let newer = r#"{"version":2,"something":"else"}"#;
    fs::write(&path, newer).unwrap();
    let error = saved::load(&layout, &web, &boot("a", 10)).unwrap_err().to_string();
    assert!(error.contains("version 2") && error.contains("state.json"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}

#[test]
fn a_missing_file_is_told_from_a_module_that_was_never_started() {
    let root = TestRoot::new();
    let (layout, web) = (root.layout(), module("web"));
    let folder = layout.uservar(&web);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("userlog_2026-02-03T040506_stop_both.ulog"), "").unwrap();
    let written = fs::metadata(&folder).unwrap().modified().unwrap();
    let now = Boot { wall: written + Duration::from_secs(50), ..boot("a", 10_000) };
    let never = saved::load(&layout, &web, &now).unwrap();
    assert_eq!((never.saved, never.start, never.line), (None, AgentStart::HostBooted, None));

    fs::write(folder.join("userlog_2026-02-03T040506_start_both.2.ulog"), "").unwrap();
    let found = saved::load(&layout, &web, &now).unwrap();
    assert_eq!(found.saved.unwrap().phase, SavedPhase::Up);
    assert_eq!(found.start, AgentStart::SameBoot);
    assert!(found.line.unwrap().contains("is missing; the module is taken as UP"));

    let later = Boot { wall: written + Duration::from_secs(7200), ..boot("b", 1) };
    assert_eq!(
        saved::load(&layout, &web, &later).unwrap().saved,
        None,
        "the host has booted since"
    );
}

#[test]
fn a_damaged_file_is_moved_aside_and_never_taken_as_stop() {
    let root = TestRoot::new();
    let (layout, web) = (root.layout(), module("web"));
    let path = layout.uservar(&web).join("state.json");
    saved::save(&layout, &web, &up(), &boot("a", 10)).unwrap();
    let whole = fs::read(&path).unwrap();
    for damage in [&whole[..whole.len() / 2], b"", b"\0\0\0\0", b"{\"version\":1}"] {
        fs::write(&path, damage).unwrap();
        // The file is of this boot when it is newer than the begin of the boot.
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        let mut now = boot("a", 100);
        now.wall = written + Duration::from_secs(50);
        let found = saved::load(&layout, &web, &now).unwrap();
        assert_eq!(found.saved.unwrap().phase, SavedPhase::Up);
        assert_eq!(found.start, AgentStart::SameBoot);
        assert!(found.line.unwrap().contains("damaged"));
        assert!(!path.exists());
        assert_eq!(fs::read(path.with_extension("json.damaged")).unwrap(), damage);
        fs::write(&path, damage).unwrap();
        now.wall = written + Duration::from_secs(5000);
        let found = saved::load(&layout, &web, &now).unwrap();
        assert_eq!((found.saved, found.start), (None, AgentStart::HostBooted));
        assert!(found.line.unwrap().contains("boot policy"));
    }
}
