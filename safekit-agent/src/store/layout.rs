//! Where things are, and how a root is laid out at the first start.
//!
//! ```text
//! SAFE                         /opt/safekit, or the root     0755
//! |- safekit                   link to the agent: started under this name it is the command
//! |- modules/AM/{conf,bin}     editable module               0750
//! |- modules/lastconfig        the last configurations       0750
//! |- private/bin               special commands              0755
//! |- private/modules/AM        the module as configured      0750
//! '- Application_Modules       packages: generic, backup     0755
//! SAFEVAR                      /var/safekit, or root/var     0750, group safekit where there is one
//! |- safekit.lock              one agent per root
//! |- safekit.sock              control socket
//! |- incarnation               counter of the agent's starts (guardian)
//! |- commandlog.txt            who asked for what
//! |- record                    recordings, where somebody wants them
//! |- log.txt                   what happened to the node
//! |- cluster/{cluster.xml,cluster_ip.xml,keys}
//! '- modules/AM                logs, userlogs and saved state
//! ```
//!
//! Not here: what the files mean (`cluster`, `module`, `saved`, `crate::log`, `crate::guardian`).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use safekit_core::ids::ModuleName;

use super::error::{StoreError, StoreResult};
use super::{apply, files};

/// The group whose members may give commands.
const GROUP: &str = "safekit";
/// The most bytes of /etc/group that are read.
const GROUP_FILE_BYTES_MAX: u64 = 16 << 20;

/// Where the product is installed; as `--root` it means the same as none.
const SAFE: &str = "/opt/safekit";

/// The folders of a root. Without `--root`: SAFE is /opt/safekit, SAFEVAR is /var/safekit; with it SAFE is the root
/// itself and SAFEVAR is its folder `var`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// SAFE.
    pub safe: PathBuf,
    /// SAFEVAR.
    pub safevar: PathBuf,
}

impl Layout {
    /// Makes the layout of a root.
    pub(crate) fn new(root: Option<&Path>) -> Self {
        match root.filter(|root| *root != Path::new(SAFE)) {
            Some(root) => Self { safe: root.to_owned(), safevar: root.join("var") },
            None => Self { safe: PathBuf::from(SAFE), safevar: PathBuf::from("/var/safekit") },
        }
    }

    /// SAFEBIN.
    pub(crate) fn safebin(&self) -> PathBuf {
        self.safe.join("private/bin")
    }

    /// The folder of the editable modules: SAFE/modules.
    pub(crate) fn modules(&self) -> PathBuf {
        self.safe.join("modules")
    }

    /// The editable module: SAFE/modules/AM.
    pub(crate) fn module(&self, module: &ModuleName) -> PathBuf {
        self.modules().join(module.as_str())
    }

    /// The last configurations that were applied: SAFE/modules/lastconfig.
    pub(crate) fn last_configs(&self) -> PathBuf {
        self.modules().join("lastconfig")
    }

    /// The module as last configured: SAFE/private/modules/AM; SAFEUSERBIN and SAFEUSERCONF are its bin and conf.
    pub(crate) fn active(&self, module: &ModuleName) -> PathBuf {
        self.safe.join("private/modules").join(module.as_str())
    }

    /// Packages that can be installed by name: `SAFE/Application_Modules`.
    pub(crate) fn packages(&self) -> PathBuf {
        self.safe.join("Application_Modules")
    }

    /// Packages of modules that were uninstalled: `SAFE/Application_Modules/backup`.
    pub(crate) fn backups(&self) -> PathBuf {
        self.packages().join("backup")
    }

    /// SAFEUSERVAR: SAFEVAR/modules/AM.
    pub(crate) fn uservar(&self, module: &ModuleName) -> PathBuf {
        self.safevar.join("modules").join(module.as_str())
    }

    /// The cluster's files: SAFEVAR/cluster.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.safevar.join("cluster")
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.safevar.join("safekit.sock")
    }

    /// The lock: held by guardian and agent as long as one of them lives.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.safevar.join("safekit.lock")
    }

    /// The counter of the agent's starts; the guardian's.
    pub(crate) fn incarnation_file(&self) -> PathBuf {
        self.safevar.join("incarnation")
    }

    /// Who asked for what.
    pub(crate) fn command_log(&self) -> PathBuf {
        self.safevar.join("commandlog.txt")
    }

    /// What happened to the node.
    pub(crate) fn node_log(&self) -> PathBuf {
        self.safevar.join("log.txt")
    }

    /// Where what the node is told is recorded, if somebody has made this folder.
    pub(crate) fn records(&self) -> PathBuf {
        self.safevar.join("record")
    }

    /// All folders and their modes.
    fn folders(&self) -> [(PathBuf, u32); 12] {
        [
            (self.safe.clone(), 0o755),
            (self.modules(), 0o750),
            (self.last_configs(), 0o750),
            (self.safe.join("private"), 0o755),
            (self.safebin(), 0o755),
            (self.safe.join("private/modules"), 0o750),
            (self.packages(), 0o755),
            (self.packages().join("generic"), 0o755),
            (self.backups(), 0o750),
            (self.safevar.clone(), 0o750),
            (self.cluster(), 0o750),
            (self.safevar.join("modules"), 0o750),
        ]
    }

    /// Lays the root out: what is missing is made, what a crash left is removed, everything else stays as it is.
    /// Sets the umask of this process to 027. To be called under the lock, by one thread.
    ///
    /// `command` is the file that SAFE/safekit links to: the agent's own executable. A plain file at that place stays.
    ///
    /// Returns lines for the log.
    ///
    /// # Errors
    /// When the operating system refuses; what was made by then stays and does no harm.
    pub(crate) fn lay_out(&self, command: Option<&Path>) -> StoreResult<Vec<String>> {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
        for (folder, mode) in self.folders() {
            files::create_folder(&folder, mode)?;
            files::clear_leftovers(&folder);
        }
        for folder in fs::read_dir(self.safevar.join("modules")).into_iter().flatten().flatten() {
            files::clear_leftovers(&folder.path());
        }
        let mut lines = apply::finish_all(&self.safe.join("private/modules"));
        lines.extend(self.socket_access().line().map(str::to_owned));
        if let Some(command) = command {
            self.link_command(command)?;
        }
        Ok(lines)
    }

    /// Lets those who may give commands reach the control socket: its folder and itself.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn open_socket(&self, access: SocketAccess) -> StoreResult<()> {
        if let SocketAccess::Group { gid } = access {
            own_by_group(&self.safevar, gid);
        }
        access.apply(&self.socket())
    }

    fn link_command(&self, command: &Path) -> StoreResult<()> {
        let link = self.safe.join("safekit");
        match fs::symlink_metadata(&link) {
            Ok(there) if !there.is_symlink() => return Ok(()),
            Ok(_) if fs::read_link(&link).is_ok_and(|target| target == command) => return Ok(()),
            Ok(_) | Err(_) => {}
        }
        let built = files::building_place(&link)?;
        std::os::unix::fs::symlink(command, &built).map_err(StoreError::io("link", &link))?;
        fs::rename(&built, &link).map_err(StoreError::io("link", &link))
    }

    /// Tells who may open the control socket, and so which mode and group it is to get.
    pub(crate) fn socket_access(&self) -> SocketAccess {
        let groups = files::read_bounded(Path::new("/etc/group"), GROUP_FILE_BYTES_MAX);
        match groups.ok().and_then(|groups| group_id(&groups)) {
            Some(gid) => SocketAccess::Group { gid },
            None => SocketAccess::OwnerOnly,
        }
    }

    /// Takes the root for this process, and for those that it hands the lock to.
    ///
    /// # Errors
    /// When another one has it: the error names its pid.
    pub(crate) fn lock(&self) -> Result<RootLock, LockError> {
        let path = self.lock_file();
        files::create_folder(&self.safe, 0o755).map_err(LockError::Store)?;
        files::create_folder(&self.safevar, 0o750).map_err(LockError::Store)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&path)
            .map_err(|error| LockError::Store(StoreError::io("open", &path)(error)))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let (root, pid) = (self.safe.clone(), lock_owner(&mut file));
                return Err(LockError::Taken { root, pid });
            }
            Err(TryLockError::Error(error)) => {
                return Err(LockError::Store(StoreError::io("lock", &path)(error)));
            }
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        // The pid is for people only: on a full disk the lock holds all the same.
        drop(written);
        Ok(RootLock { file })
    }
}

/// Who may open the control socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketAccess {
    /// Root and the members of the group `safekit`: mode 0660, and this group.
    Group {
        /// The group's number.
        gid: u32,
    },
    /// The owner only, because there is no group `safekit`: mode 0600.
    OwnerOnly,
}

impl SocketAccess {
    /// Gives the socket (or another file that the group may use) its mode and group.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn apply(self, path: &Path) -> StoreResult<()> {
        use std::os::unix::fs::PermissionsExt;
        let mode = match self {
            // A plain user who is not in the group keeps the socket to himself.
            Self::Group { gid } if own_by_group(path, gid) => 0o660,
            Self::Group { .. } | Self::OwnerOnly => 0o600,
        };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(StoreError::io("set the mode of", path))
    }

    /// Returns the line for the log, where there is something to say.
    pub(crate) fn line(self) -> Option<&'static str> {
        match self {
            Self::Group { .. } => None,
            Self::OwnerOnly => Some(
                "there is no group 'safekit' on this host: only root may give commands (groupadd safekit, then start the agent again)",
            ),
        }
    }
}

/// Returns whether the file has that group now.
fn own_by_group(path: &Path, gid: u32) -> bool {
    std::os::unix::fs::chown(path, None, Some(gid)).is_ok()
}

/// Returns the number of the group `safekit` in the text of /etc/group.
fn group_id(groups: &[u8]) -> Option<u32> {
    String::from_utf8_lossy(groups).lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == GROUP).then_some(())?;
        fields.nth(1)?.parse().ok()
    })
}

/// Why a root cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another agent has it; nothing has changed.
    #[error(
        "{} is served by another agent already{}: stop that one first, or choose another --root",
        root.display(),
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Taken {
        /// SAFE.
        root: PathBuf,
        /// The process that took it, where it says so.
        pid: Option<u32>,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Store(StoreError),
}

/// The hold on a root: it ends when this and all its copies in other processes are gone, however they end.
#[derive(Debug)]
pub(crate) struct RootLock {
    file: File,
}

impl RootLock {
    /// Takes over a hold that was handed to this process.
    pub(crate) fn from_file(file: File) -> Self {
        Self { file }
    }

    /// Returns the open file that holds, for handing it to another process.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// Reads the pid in the lock file.
fn lock_owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(16).read_to_string(&mut text));
    read.ok().and_then(|_| text.trim().parse().ok())
}
