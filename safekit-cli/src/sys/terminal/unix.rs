//! A terminal with the sequences of ECMA-48 that all of them have, its mode by termios.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};
use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::{Key, keys};
use crate::render::screen::{Frame, Size};

/// Another screen, without cursor; the shell's is kept behind it.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
/// The shell's screen again, with colours and cursor as they were.
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";
/// Where the size is not told.
const USUAL: Size = Size { columns: 80, lines: 24 };
/// More is not drawn.
const LARGEST: Size = Size { columns: 500, lines: 200 };
/// Bytes of keys that are read at once.
const CHUNK: usize = 64;

/// What the terminal was like while it is taken; here for the panic hook, which knows nothing else.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal of standard input and output, until it is dropped.
#[derive(Debug)]
pub struct Terminal {
    ended: Arc<AtomicBool>,
    signals: Vec<SigId>,
    typed: VecDeque<Key>,
    drawn: Option<Size>,
}

impl Terminal {
    /// Takes the terminal: keys come one by one and are not shown, the screen is another one.
    ///
    /// # Errors
    /// Standard input or output is no terminal, it is taken already, or signals cannot be caught.
    pub fn open() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        // From here on the end of the value gives everything back.
        let mut terminal = Self {
            ended: Arc::default(),
            signals: Vec::new(),
            typed: VecDeque::new(),
            drawn: None,
        };
        {
            let mut kept = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.is_some() {
                return Err(io::Error::other("the terminal is in use already"));
            }
            *kept = Some(before.clone());
        }
        restore_on_panic();
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            let id = signal_hook::flag::register(signal, Arc::clone(&terminal.ended))?;
            terminal.signals.push(id);
        }
        let mut raw = before;
        raw.input_modes -= InputModes::IXON | InputModes::ICRNL | InputModes::ISTRIP;
        raw.local_modes -=
            LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin(), OptionalActions::Flush, &raw)?;
        write_all(ENTER.as_bytes())?;
        Ok(terminal)
    }

    /// Draws a frame over the last one.
    ///
    /// # Errors
    /// What the operating system says: the terminal is gone; or it was given back because of a panic.
    pub fn draw(&mut self, frame: &Frame) -> io::Result<()> {
        if !is_taken() {
            return Err(io::Error::from(io::ErrorKind::NotConnected));
        }
        let size = size();
        let mut text = String::new();
        if self.drawn.replace(size) != Some(size) {
            text.push_str("\x1b[2J");
        }
        text.push_str(&frame.drawing(super::colours(), size.lines));
        write_all(text.as_bytes())
    }

    /// Waits for a key, for a time at most.
    pub fn key(&mut self, wait: Duration) -> Option<Key> {
        if self.ended.load(Ordering::Relaxed) || !is_taken() {
            return Some(Key::End);
        }
        if let Some(key) = self.typed.pop_front() {
            return Some(key);
        }
        let wait = Timespec::try_from(wait).ok();
        let input = stdin();
        let mut polled = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut polled, wait.as_ref()) {
            Ok(0) => return None,
            Err(Errno::INTR) => {}
            Err(_) => return Some(Key::End),
            Ok(_) => {
                let mut chunk = [0; CHUNK];
                match rustix::io::read(input, &mut chunk) {
                    Ok(length @ 1..) => {
                        self.typed.extend(keys::keys(chunk.get(..length).unwrap_or_default()));
                    }
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    Ok(_) | Err(_) => return Some(Key::End),
                }
            }
        }
        if self.ended.load(Ordering::Relaxed) { Some(Key::End) } else { self.typed.pop_front() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
        for signal in self.signals.drain(..) {
            signal_hook::low_level::unregister(signal);
        }
    }
}

/// Returns the size of the terminal at this moment; that of an old one where it is not told.
#[must_use]
pub fn size() -> Size {
    let Ok(told) = tcgetwinsize(stdout()) else { return USUAL };
    if told.ws_col == 0 || told.ws_row == 0 {
        return USUAL;
    }
    Size {
        columns: usize::from(told.ws_col).min(LARGEST.columns),
        lines: usize::from(told.ws_row).min(LARGEST.lines),
    }
}

/// Gives the terminal back, once.
fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // A terminal that is gone needs nothing.
        drop(write_all(LEAVE.as_bytes()));
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

/// Sees to it that a panic, of whichever thread, is told on the shell's screen. The terminal stays given back then.
fn restore_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            tell(panic);
        }));
    });
}

/// Tells whether the terminal is still taken.
fn is_taken() -> bool {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(stdout(), bytes) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
