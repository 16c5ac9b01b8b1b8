//! The agent of the last release: built from its commit, once, and kept below cargo's target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A released version, as `docs/releases.md` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) version: String,
    pub(crate) commit: String,
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The last row of the table of releases.
fn last_of(page: &str) -> Option<Release> {
    let mut last = None;
    for line in page.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if let [version, _date, commit] = cells.as_slice()
            && commit.len() == 40
            && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            last = Some(Release { version: (*version).to_owned(), commit: (*commit).to_owned() });
        }
    }
    last
}

/// The last release.
pub(crate) fn last() -> Release {
    let page = fs::read_to_string(workspace().join("docs/releases.md")).unwrap();
    last_of(&page).expect("docs/releases.md has a row with version, date and commit")
}

/// The agent of the last release; `None`, and a line that says so, where it is not wanted.
///
/// `SAFEKIT_RELEASE_AGENT` names one that is there already; `SAFEKIT_NO_RELEASE` leaves such tests out.
pub(crate) fn agent() -> Option<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    if std::env::var_os("SAFEKIT_NO_RELEASE").is_some() {
        println!("left out: SAFEKIT_NO_RELEASE is set");
        return None;
    }
    if let Some(given) = std::env::var_os("SAFEKIT_RELEASE_AGENT") {
        return Some(given.into());
    }
    match BUILT.get_or_init(|| build(&last())) {
        Ok(program) => Some(program.clone()),
        Err(why) => panic!(
            "{why}\nThese tests run the agent of the last release beside that of the tree. Without git, the release's \
             commit or a compiler they can be left out with SAFEKIT_NO_RELEASE=1"
        ),
    }
}

/// Returns cargo's target folder: this program lies in `PROFILE/deps` below it.
fn target() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(3).unwrap().to_owned()
}

fn build(release: &Release) -> Result<PathBuf, String> {
    let folder = target().join("releases").join(&release.commit);
    let program = folder.join("safekit-agent");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Another run of the tests may be building it, and is waited for.
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if program.is_file() {
        return Ok(program);
    }
    let sources = folder.join("sources");
    export(release, &sources)?;
    println!("building the agent of {}: minutes, once", release.version);
    // Away from the tree's own target folder: its programs are what the tests test.
    let build = |more: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--locked", "-p", "safekit-agent", "--bin", "safekit-agent"]);
        // What the compiler makes quickest: it is run by a few tests, and nobody debugs it.
        cargo.args([
            "--config",
            "profile.dev.package.'*'.opt-level=0",
            "--config",
            "profile.dev.debug=0",
        ]);
        cargo.args(more).current_dir(&sources).env("CARGO_TARGET_DIR", folder.join("target"));
        run(&mut cargo)
    };
    // What it needs is here already as a rule; else it is fetched.
    build(&["--offline"]).or_else(|_| build(&[]))?;
    let built = folder.join("target/debug/safekit-agent");
    // Renamed when it is whole: what lies there can be used.
    let beside = folder.join("safekit-agent.new");
    fs::copy(&built, &beside).map_err(|error| format!("{}: {error}", built.display()))?;
    fs::rename(&beside, &program).map_err(|error| error.to_string())?;
    // Some hundred megabytes that nobody needs again.
    drop(fs::remove_dir_all(folder.join("target")));
    Ok(program)
}

/// Puts the sources of a release into a folder.
fn export(release: &Release, sources: &Path) -> Result<(), String> {
    let Release { version, commit } = release;
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(workspace()).args(arguments);
        run(&mut git)
    };
    git(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).map_err(|why| {
        format!(
            "the commit {commit} of release {version} (docs/releases.md) is not here: {why}\nA shallow clone gets it by \
             'git fetch --unshallow', or 'git fetch origin {commit}'"
        )
    })?;
    drop(fs::remove_dir_all(sources));
    fs::create_dir_all(sources).map_err(|error| error.to_string())?;
    let archive = sources.with_extension("tar");
    git(&["archive", "--format=tar", "-o", &archive.to_string_lossy(), commit])?;
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(sources))?;
    fs::remove_file(&archive).map_err(|error| error.to_string())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let end: Vec<&str> = said.lines().rev().take(20).collect();
    let end: Vec<&str> = end.into_iter().rev().collect();
    Err(format!("{command:?}: {}\n{}", output.status, end.join("\n")))
}

#[test]
fn the_last_row_of_the_releases_is_the_last_release() {
    let page = "| version | date | commit |\n|---|---|---|\n| 0.1.0 | d | 0123456789012345678901234567890123456789 |\n\
        | 0.2.0 | d | abcdefabcdefabcdefabcdefabcdefabcdefabcd |\n\nMore.\n";
    let last = last_of(page).unwrap();
    assert_eq!((last.version.as_str(), &last.commit[..6]), ("0.2.0", "abcdef"));
    assert_eq!(last_of("| 0.1.0 | d | soon |\n"), None);
}

#[test]
fn a_clone_without_the_release_says_how_to_get_it() {
    let release = Release { version: "9.9.9".to_owned(), commit: "0123456789".repeat(4) };
    let said = export(&release, &target().join("releases/none")).unwrap_err();
    assert!(said.contains("9.9.9") && said.contains("git fetch"), "{said}");
}

/// scripts/test does this first: what follows does not wait for the compiler.
#[test]
fn the_agent_of_the_last_release_can_be_built_and_says_its_version() {
    let Some(agent) = agent() else { return };
    let output = Command::new(agent).arg("--version").output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        format!("safekit-agent {}", last().version)
    );
}
