//! The raw numbers, one JSON object a line.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::place::load_average;
use crate::{Trouble, Try};

/// A file of raw numbers that grows.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    file: File,
}

impl Record {
    /// Makes a new file in a folder, named by the time.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(folder: &Path, name: &str) -> Try<Self> {
        let path = folder.join(format!("{name}.jsonl"));
        let make = || fs::create_dir_all(folder).and_then(|()| File::create_new(&path));
        let file = make().map_err(Trouble::io(&format!("write {}", path.display())))?;
        Ok(Self { path, file })
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line; the present load average goes with it.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn line(&mut self, figure: &str, mut fields: Value) -> Try<()> {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("figure".to_owned(), json!(figure));
            fields.insert("load".to_owned(), json!(load_average()));
        }
        writeln!(self.file, "{fields}").map_err(Trouble::io("keep the raw numbers"))
    }
}

/// Returns the fields of two objects in one.
#[must_use]
pub fn joined(mut left: Value, right: Value) -> Value {
    if let (Some(left), Value::Object(right)) = (left.as_object_mut(), right) {
        left.extend(right);
    }
    left
}

/// Returns a time in microseconds, or null.
#[must_use]
pub fn micros(time: Option<Duration>) -> Value {
    json!(time.map(|time| time.as_secs_f64() * 1e6))
}
