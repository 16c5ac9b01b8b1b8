//! The commands `cluster config` and `cluster export`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use safekit_core::control::ClusterConfigRequest;

use super::{Context, write};
use crate::args::Output;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sys::secret_file;

/// First bytes of a zip file.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// `cluster config [FILE]`.
///
/// # Errors
/// Faults of the file, or a refusal.
pub(super) fn config(context: &mut Context<'_>, path: Option<&str>) -> Result<Exit, Failure> {
    let request = ClusterConfigRequest { path: path.map(str::to_owned), current: path.is_none() };
    context.order("cluster/config", &request)
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
    if !bytes.starts_with(ZIP_MAGIC) {
        return Err(Failure::internal("the agent's answer is not understood: it is no zip file"));
    }
    save(file, &bytes)
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", file.display())))?;
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

fn save(file: &Path, bytes: &[u8]) -> io::Result<()> {
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
