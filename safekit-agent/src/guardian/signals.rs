//! The signals that the guardian takes, each as a pipe that becomes readable.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The pipes.
#[derive(Debug)]
pub(super) struct Signals {
    pipes: Vec<(Signal, UnixStream)>,
}

impl Signals {
    /// Catches them.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn register() -> io::Result<Self> {
        let mut pipes = Vec::new();
        for (number, signal) in
            [(SIGTERM, Signal::TERM), (SIGINT, Signal::INT), (SIGHUP, Signal::HUP)]
        {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(number, writer)?;
            pipes.push((signal, reader));
        }
        Ok(Self { pipes })
    }

    /// What becomes readable when one comes.
    pub(super) fn readers(&self) -> impl Iterator<Item = &UnixStream> {
        self.pipes.iter().map(|(_, reader)| reader)
    }

    /// Tells whether one has come that was not taken.
    pub(super) fn wait(&self) -> bool {
        let mut fds: Vec<PollFd<'_>> =
            self.readers().map(|reader| PollFd::new(reader, PollFlags::IN)).collect();
        rustix::event::poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Returns the signals that came; several of one kind count once.
    pub(super) fn take(&self) -> Vec<Signal> {
        let came = |mut reader: &UnixStream| reader.read(&mut [0; 64]).is_ok_and(|count| count > 0);
        self.pipes.iter().filter(|(_, reader)| came(reader)).map(|(signal, _)| *signal).collect()
    }
}
