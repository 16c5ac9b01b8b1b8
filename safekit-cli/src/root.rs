//! Finds the agent that is meant: which root, and where its control socket is.
//!
//! In: what the command was started with. Out: the folders SAFE and SAFEVAR.
//!
//! Always, the first that says something counts: `--root`, the environment variable SAFE (scripts have it), the folder
//! of the link that the command was started through, the installed product.
//! Not here: whether an agent runs there (`client`).

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::render::screen::Size;
use crate::sys::terminal;

/// Where the product is installed.
const SAFE: &str = "/opt/safekit";
/// Working files of the installed product.
const SAFEVAR: &str = "/var/safekit";
/// What the kernel calls the guardian.
const GUARDIAN: &str = "safekit-agent";
/// Most bytes that a pid is read of.
const PID_BYTES_MAX: u64 = 32;
/// Links followed at most from the name that the command was started under.
const LINKS_MAX: usize = 8;

/// What the command was started with, beside its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// Variable SAFE; set in the scripts of a module.
    pub safe: Option<OsString>,
    /// Variable SAFEVAR; set in the scripts of a module, counts only beside SAFE.
    pub safevar: Option<OsString>,
    /// Variable SAFEMODULE: the module that is meant where there is no `-m`.
    pub safemodule: Option<OsString>,
    /// Variable PATH: where a command without folder was found.
    pub path: Option<OsString>,
    /// Working directory: paths of files are made absolute with it.
    pub current_dir: Option<PathBuf>,
    /// The size of the terminal that standard input and output are; `None` where they are none that can be drawn on.
    pub terminal: Option<Size>,
}

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        Self {
            safe: variable("SAFE"),
            safevar: variable("SAFEVAR"),
            safemodule: variable("SAFEMODULE"),
            path: variable("PATH"),
            current_dir: std::env::current_dir().ok(),
            terminal: terminal::is_interactive().then(terminal::size),
        }
    }

    /// Makes a path absolute; the file need not be there.
    #[must_use]
    pub fn absolute(&self, path: &Path) -> PathBuf {
        match &self.current_dir {
            Some(dir) => dir.join(path),
            None => path.to_owned(),
        }
    }
}

/// The folders of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// SAFE.
    pub safe: PathBuf,
    /// SAFEVAR.
    pub safevar: PathBuf,
}

impl Root {
    /// Returns the folders of the root at a folder: the installed product keeps its working files elsewhere.
    #[must_use]
    pub fn at(safe: &Path) -> Self {
        let safevar =
            if safe == Path::new(SAFE) { PathBuf::from(SAFEVAR) } else { safe.join("var") };
        Self { safe: safe.to_owned(), safevar }
    }

    /// Finds the root that is meant.
    ///
    /// `option` is `--root`, `program` the name that the command was started under.
    #[must_use]
    pub fn find(option: Option<&Path>, program: Option<&Path>, environment: &Environment) -> Self {
        if let Some(root) = option {
            return Self::at(&environment.absolute(root));
        }
        if let Some(safe) = &environment.safe {
            let mut root = Self::at(Path::new(safe));
            if let Some(safevar) = &environment.safevar {
                root.safevar = PathBuf::from(safevar);
            }
            return root;
        }
        program
            .and_then(|program| located(program, environment))
            .and_then(of_link)
            .map_or_else(|| Self::at(Path::new(SAFE)), |safe| Self::at(&safe))
    }

    /// Tells whether it is the installed product, which the service manager starts.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        self.safe == Path::new(SAFE)
    }

    /// Returns the guardian of the agent, where one lives: it has written its pid into the lock, and the kernel knows it
    /// by its name. `None` where that cannot be seen.
    #[must_use]
    pub fn guardian(&self) -> Option<u32> {
        let mut text = String::new();
        let lock = std::fs::File::open(self.safevar.join("safekit.lock")).ok()?;
        lock.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
        let pid = text.trim().parse::<u32>().ok()?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim_end() == GUARDIAN).then_some(pid)
    }

    /// Returns the control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.safevar.join("safekit.sock")
    }
}

/// Says which file a program's name means: a name without folder is looked up as the shell does.
fn located(program: &Path, environment: &Environment) -> Option<PathBuf> {
    if program.components().count() > 1 || program.has_root() {
        return Some(environment.absolute(program));
    }
    let path = environment.path.as_ref()?;
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Follows links until one of them lies in a root.
fn of_link(mut program: PathBuf) -> Option<PathBuf> {
    for _ in 0..LINKS_MAX {
        let folder = program.parent()?.to_owned();
        if is_root(&folder) {
            return Some(folder);
        }
        program = folder.join(std::fs::read_link(&program).ok()?);
    }
    None
}

/// Tells whether a folder is a root: the installed product, or a folder with the working files of an agent. The root
/// of the file system has a `var`, too, and is none.
fn is_root(folder: &Path) -> bool {
    folder == Path::new(SAFE) || (folder.parent().is_some() && folder.join("var").is_dir())
}

#[cfg(test)]
mod tests;
