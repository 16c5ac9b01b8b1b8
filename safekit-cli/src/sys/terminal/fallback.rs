//! No terminal to draw on, on this platform.

use std::io;
use std::time::Duration;

use super::Key;
use crate::render::screen::{Frame, Size};

/// There is none.
#[derive(Debug)]
pub enum Terminal {}

impl Terminal {
    /// Says that there is none.
    ///
    /// # Errors
    /// Always [`io::ErrorKind::Unsupported`].
    pub fn open() -> io::Result<Self> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn draw(&mut self, _: &Frame) -> io::Result<()> {
        match *self {}
    }

    /// Is never called.
    pub fn key(&mut self, _: Duration) -> Option<Key> {
        match *self {}
    }
}

/// Returns the size of an old terminal.
#[must_use]
pub fn size() -> Size {
    Size { columns: 80, lines: 24 }
}
