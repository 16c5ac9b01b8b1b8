//! The commands that change the cluster or carry it over.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use safekit_core::control::{ClusterConfigRequest, ClusterKeysRequest};

use super::{Context, write};
use crate::args::{Keys, Lock, Others, Output, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sys::secret_file;

/// First bytes of a zip file.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// `cluster config [FILE]`.
///
/// # Errors
/// Faults of the file, or a refusal.
pub(super) fn config(
    context: &mut Context<'_>,
    source: &Source,
    lock: Option<Lock>,
) -> Result<Exit, Failure> {
    let mut request = ClusterConfigRequest {
        lock: lock.map(|lock| lock == Lock::Lock),
        ..ClusterConfigRequest::default()
    };
    match source {
        Source::File(path) => request.path = Some(path.clone()),
        Source::Current => request.current = true,
        Source::Nothing => {}
    }
    context.order("cluster/config", &request)
}

/// `cluster genkey` and `cluster delkey`.
///
/// # Errors
/// A refusal.
pub(super) fn keys(context: &mut Context<'_>, keys: Keys, others: Others) -> Result<Exit, Failure> {
    let route = match keys {
        Keys::New => "cluster/genkey",
        Keys::None => "cluster/delkey",
    };
    context.order(route, &ClusterKeysRequest { force: others == Others::CutOff })
}

/// `cluster export FILE.zip`: the file holds keys, only its owner may read it, and it is whole or not there.
///
/// # Errors
/// A refusal of the agent, or a file that cannot be written.
pub(super) fn export(context: &mut Context<'_>, file: &Path) -> Result<Exit, Failure> {
    if file.is_dir() {
        return Err(Failure::usage(format!("{} is a folder: name a file", file.display())));
    }
    let bytes = context.client.download("cluster/export")?;
    save_zip(file, &bytes)?;
    if context.output == Output::Text {
        let text = format!(
            "{} holds the cluster's configuration and keys: copy it to the other nodes, run 'safekit cluster config {}' there, and keep it secret\n",
            file.display(),
            file.file_name().unwrap_or(file.as_os_str()).display(),
        );
        write(context.out, &text)?;
    }
    Ok(Exit::Done)
}

/// Writes a zip file that the agent has sent: whole or not at all, and readable for its owner only.
///
/// # Errors
/// What was sent is no zip file, or the file cannot be written.
pub(super) fn save_zip(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if !bytes.starts_with(ZIP_MAGIC) {
        return Err(Failure::internal("the agent's answer is not understood: it is no zip file"));
    }
    save(file, bytes)
}

/// Writes a file: whole or not at all, and readable for its owner only.
///
/// # Errors
/// It cannot be written.
pub(super) fn save(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if file.is_dir() {
        return Err(Failure::usage(format!("{} is a folder: name a file", file.display())));
    }
    write_whole(file, bytes)
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", file.display())))
}

fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = part_of(file);
    let mut to = secret_file::create(&part)?;
    let saved =
        to.write_all(bytes).and_then(|()| to.sync_all()).and_then(|()| fs::rename(&part, file));
    if saved.is_err() {
        // The reason that is told is the one of the write.
        drop(fs::remove_file(&part));
    }
    saved
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    PathBuf::from(name)
}
