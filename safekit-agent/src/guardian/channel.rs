//! What guardian and agent say to each other, over a pair of sockets that is the agent's standard input.
//!
//! The guardian speaks before the agent starts: [`Started`], and the hold on the root with it; later only when the disk
//! begins or ceases to take the counter ([`ToAgent`]). The agent says that it lives, that it is ready, and what to send when
//! it is dead ([`Farewell`]). A message is one datagram of JSON; what the guardian does not understand (an agent that was
//! upgraded under it) it leaves out and says so; an agent leaves it out.
//!
//! Always: a message has at most [`MESSAGE_BYTES_MAX`] bytes; neither side ever waits for the other.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use safekit_core::runtime::host;
use serde::{Deserialize, Serialize};

use crate::store::layout::RootLock;

/// The most bytes of a message: room for the addresses of 128 nodes on 8 lans.
pub(crate) const MESSAGE_BYTES_MAX: usize = 96 << 10;

/// The most bytes of what the guardian tells an agent that runs: a path and an error of the operating system.
const WORD_BYTES_MAX: usize = 16 << 10;

/// What the guardian tells the agent that it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    /// The counter of this start, for the incarnation: greater than those of all starts before that are known.
    pub counter: u32,
    /// The guardian's process: the agent's parent, and the unit's main pid.
    pub guardian_pid: u32,
    /// Why the counter is not on disk, where it is not: after a loss of the host's power the others tell it.
    pub counter_fault: Option<String>,
    /// How the agent before this one ended, where this guardian had one; for a line in the logs.
    pub previous_end: Option<String>,
}

/// What the guardian tells an agent that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToAgent {
    /// From now on the counter is on disk, or is not.
    Counter {
        /// Why it is not; `None` where it is.
        fault: Option<String>,
    },
    /// The program on the disk cannot take over: all goes on as it is.
    Kept {
        /// What is to be told.
        text: String,
    },
}

/// What is to be sent when the agent is dead. The bytes are sealed by the agent: the guardian does not understand them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Farewell {
    /// The counter that the letters are about; where it is greater than the one given, it is kept on disk too.
    pub counter: u32,
    /// The letters, one for each key.
    pub letters: Vec<Vec<u8>>,
    /// To whom, lan by lan.
    pub lans: Vec<FarewellLan>,
}

/// Whom letters go to on one lan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FarewellLan {
    /// This node's own address there, to send from; where that address is gone, the host chooses one.
    pub from: Option<IpAddr>,
    /// The other nodes.
    pub to: Vec<SocketAddr>,
}

/// What the agent tells the guardian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromAgent {
    /// It lives.
    Beat,
    /// It does its work.
    Ready,
    /// From now on this is to be sent when it is dead.
    Farewell(Farewell),
}

/// The guardian's end.
#[derive(Debug)]
pub(super) struct AgentChannel {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// What comes out of the channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A message.
    Message(FromAgent),
    /// Something that is none.
    Garbled(String),
    /// Nothing at present.
    Nothing,
    /// Nothing any more: the other end is closed, as it is while a process ends.
    Ended,
}

impl AgentChannel {
    /// Makes a channel in which `started` and the hold on the root wait already; the second end is the agent's.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn new(started: &Started, lock: &RootLock) -> io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC;
        let unix = AddressFamily::UNIX;
        let (mine, agents) = rustix::net::socketpair(unix, SocketType::SEQPACKET, flags, None)?;
        let bytes = serde_json::to_vec(started)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let handed = [lock.file().as_fd()];
        ancillary.push(SendAncillaryMessage::ScmRights(&handed));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::sendmsg(&mine, &[IoSlice::new(&bytes)], &mut ancillary, flags)?;
        Ok((Self { socket: mine, buffer: vec![0; MESSAGE_BYTES_MAX] }, agents))
    }

    /// Tells the agent something.
    ///
    /// # Errors
    /// When the agent does not read.
    pub(super) fn tell(&self, message: &ToAgent) -> io::Result<()> {
        send(&self.socket, message)
    }

    /// Takes the next message, without waiting.
    pub(super) fn receive(&mut self) -> Received {
        let received = loop {
            let mut ancillary = RecvAncillaryBuffer::default();
            let mut buffer = [IoSliceMut::new(&mut self.buffer)];
            let flags = RecvFlags::DONTWAIT;
            match rustix::net::recvmsg(&self.socket, &mut buffer, &mut ancillary, flags) {
                Ok(received) => break received,
                Err(Errno::AGAIN) => return Received::Nothing,
                // It has ended without reading everything, which is told once, and before what it has said itself.
                Err(Errno::INTR | Errno::CONNRESET) => {}
                Err(_) => return Received::Ended,
            }
        };
        let bytes = self.buffer.get(..received.bytes).unwrap_or_default();
        if bytes.is_empty() {
            return Received::Ended;
        }
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Received::Garbled(format!("longer than {MESSAGE_BYTES_MAX} bytes"));
        }
        match serde_json::from_slice(bytes) {
            Ok(message) => Received::Message(message),
            Err(error) => Received::Garbled(error.to_string()),
        }
    }
}

impl AsFd for AgentChannel {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Why a process is not the agent of a guardian.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParentError {
    /// It was not started by a guardian; nothing was done.
    #[error("this is for the guardian only: use 'safekit-agent run' ({0})")]
    NoGuardian(String),
    /// The guardian has ended meanwhile: this process has to end too.
    #[error("the guardian has ended while the agent started")]
    GuardianEnded,
    /// The operating system refused.
    #[error("cannot take what the guardian hands over: {0}")]
    Io(#[from] io::Error),
}

/// The agent's end: all that it has to tell its guardian. Nothing here ever waits.
///
/// It holds the root too: dropping it lets another agent in once the guardian has ended.
#[derive(Debug)]
pub(crate) struct Parent {
    socket: OwnedFd,
    _lock: RootLock,
}

impl Parent {
    /// Takes what the guardian hands over, binds this process's life to the guardian's, and makes standard input empty.
    /// To be called first of all, on the main thread, before any other thread is started.
    ///
    /// # Errors
    /// See [`ParentError`]; the process must then end.
    pub(crate) fn take() -> Result<(Self, Started), ParentError> {
        let stdin = io::stdin();
        let socket = rustix::io::fcntl_dupfd_cloexec(stdin.as_fd(), 3).map_err(io::Error::from)?;
        let (parent, started) = Self::from_socket(socket)?;
        let nothing = OpenOptions::new().read(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&nothing).map_err(io::Error::from)?;
        end_with(started.guardian_pid)?;
        Ok((parent, started))
    }

    /// Takes the channel's end; the rest of [`Parent::take`] concerns the whole process.
    pub(super) fn from_socket(socket: OwnedFd) -> Result<(Self, Started), ParentError> {
        let no_guardian = |why: &dyn std::fmt::Display| ParentError::NoGuardian(why.to_string());
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            &socket,
            &mut [IoSliceMut::new(&mut buffer)],
            &mut ancillary,
            RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC,
        )
        .map_err(|error| no_guardian(&error))?;
        let handed = ancillary.drain().find_map(|message| {
            let RecvAncillaryMessage::ScmRights(mut files) = message else { return None };
            files.next()
        });
        let started = serde_json::from_slice(buffer.get(..received.bytes).unwrap_or_default())
            .map_err(|error| no_guardian(&error))?;
        let handed = handed.ok_or_else(|| no_guardian(&"it hands no lock over"))?;
        Ok((Self { socket, _lock: RootLock::from_file(File::from(handed)) }, started))
    }

    /// Says that the event loop turns; to be called at least every [`super::BEAT_INTERVAL`], only from the event loop.
    /// A beat that does not fit is left out: enough others wait then.
    pub(crate) fn beat(&self) {
        // A guardian that does not read has enough beats waiting; one that has ended takes this process with it.
        drop(self.send(&FromAgent::Beat));
    }

    /// Says that the agent does its work: the unit is started.
    ///
    /// # Errors
    /// When the guardian does not read: to be tried again a little later.
    pub(crate) fn ready(&self) -> io::Result<()> {
        self.send(&FromAgent::Ready)
    }

    /// Hands over what is to be sent when this process is dead, instead of what was handed over before; also after a
    /// counter had to grow (its new value is then kept on disk) and after a change of the cluster's configuration.
    ///
    /// # Errors
    /// When the guardian does not read (to be tried again a little later), or when it is too long.
    pub(crate) fn farewell(&self, farewell: Farewell) -> io::Result<()> {
        self.send(&FromAgent::Farewell(farewell))
    }

    /// Takes the next word of the guardian, if there is one.
    pub(crate) fn hear(&self) -> Option<ToAgent> {
        let mut buffer = [0; WORD_BYTES_MAX];
        let (count, _) = rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT).ok()?;
        serde_json::from_slice(buffer.get(..count)?).ok()
    }

    fn send(&self, message: &FromAgent) -> io::Result<()> {
        send(&self.socket, message)
    }
}

fn send(socket: &OwnedFd, message: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    rustix::net::send(socket, &bytes, flags)?;
    Ok(())
}

/// Binds this process's life to that of its parent.
fn end_with(guardian_pid: u32) -> Result<(), ParentError> {
    match host::end_with_parent(guardian_pid) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ParentError::GuardianEnded),
        Err(error) => Err(ParentError::Io(error)),
        Ok(()) => Ok(()),
    }
}
