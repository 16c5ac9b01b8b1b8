//! Says in clear words why a script cannot be started, where the kernel says "No such file" of a file that is there.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Checks that a file can be run as a program.
///
/// # Errors
/// A text for people that says what is wrong and what to do.
pub(in crate::runtime) fn check_program(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("{shown}: this is not a file"));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("{shown}: the file is not executable; chmod +x makes it so"));
    }
    // A file that may be run and not read is the kernel's business.
    read_head(path).map_or(Ok(()), |head| check_head(path, &head))
}

fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

fn check_head(path: &Path, head: &[u8]) -> Result<(), String> {
    let shown = path.display();
    let Some(line) = head.strip_prefix(b"#!") else {
        if head.starts_with(BYTE_ORDER_MARK) {
            return Err(format!(
                "{shown}: the file begins with a byte order mark instead of #!; remove it"
            ));
        }
        // Binary programs have formats of their own, known to the kernel or registered with it.
        if head.contains(&0) {
            return Ok(());
        }
        return Err(format!(
            "{shown}: the first line does not say what runs the file, such as #!/bin/sh"
        ));
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.ends_with(b"\r") {
        return Err(format!(
            "{shown}: the first line ends with a carriage return (a Windows line end); convert the file, with dos2unix for example"
        ));
    }
    let interpreter = line.split(|byte| matches!(byte, b' ' | b'\t')).find(|word| !word.is_empty());
    let Some(interpreter) = interpreter else {
        return Err(format!("{shown}: the first line names no program after #!"));
    };
    let interpreter = Path::new(std::ffi::OsStr::from_bytes(interpreter));
    match fs::metadata(interpreter) {
        Ok(metadata) if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Err(format!(
            "{shown}: the first line asks for {}, which is not executable",
            interpreter.display()
        )),
        Err(error) => {
            Err(format!("{shown}: the first line asks for {}: {error}", interpreter.display()))
        }
    }
}

const HEAD_BYTES: u64 = 512;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
