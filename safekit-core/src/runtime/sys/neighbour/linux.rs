//! Neighbours on Linux, through rtnetlink (rtnetlink(7), arp(7)).
//!
//! The kernel asks for the hardware address of a host that does not answer once a second, and keeps what is sent to it
//! until then. After a cable was out that second would be the time in which a healthy node is not heard.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::runtime::sys::netif;
use crate::runtime::sys::netlink::{self, AF_INET, AF_INET6, HEADER_BYTES, u16_at};

/// A connection to the kernel's table of neighbours, made at the first use.
#[derive(Debug, Default)]
pub(in crate::runtime) struct Neighbours {
    socket: Option<OwnedFd>,
    /// Own addresses, and the number of the interface that has each.
    interfaces: BTreeMap<IpAddr, u32>,
}

impl Neighbours {
    /// Has the kernel ask anew, with the next datagram, where a neighbour is, if it waits for that neighbour's answer on
    /// the network of an own address. Tells whether it did.
    ///
    /// # Errors
    /// What the kernel says: [`io::ErrorKind::PermissionDenied`] where this process may not (`CAP_NET_ADMIN`). A neighbour
    /// that the kernel does not look for is no error.
    pub(in crate::runtime) fn ask_anew(&mut self, own: IpAddr, peer: IpAddr) -> io::Result<bool> {
        let asked = self.try_ask_anew(own, peer);
        if asked.is_err() {
            // Interfaces come and go.
            self.socket = None;
            self.interfaces.clear();
        }
        asked
    }

    fn try_ask_anew(&mut self, own: IpAddr, peer: IpAddr) -> io::Result<bool> {
        let interface = match self.interfaces.get(&own) {
            Some(interface) => *interface,
            None => {
                let addresses = netif::addresses()?;
                let found = addresses.iter().find(|local| local.address == own);
                let found = found.ok_or(io::ErrorKind::AddrNotAvailable)?.interface_index;
                self.interfaces.insert(own, found);
                found
            }
        };
        match self.exchange(&request(RTM_GETNEIGH, 0, interface, peer))? {
            Answer::Neighbour { state } if state & (NUD_INCOMPLETE | NUD_FAILED) != 0 => {}
            Answer::Neighbour { .. } | Answer::Done | Answer::Absent => return Ok(false),
        }
        let forget = request(RTM_DELNEIGH, NLM_F_ACK, interface, peer);
        Ok(matches!(self.exchange(&forget)?, Answer::Done))
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            // It answers within the call that asks.
            None => netlink::connect(ANSWER_TIME_MAX)?,
        };
        netlink::send(&socket, request)?;
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let answer = netlink::receive(&socket, &mut buffer)?;
        self.socket = Some(socket);
        read_answer(answer)
    }
}

/// What the kernel says.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It knows that neighbour, or looks for it.
    Neighbour { state: u16 },
    /// It has done what was asked.
    Done,
    /// It does not know that neighbour.
    Absent,
}

/// Makes a message about one neighbour.
fn request(kind: u16, flags: u16, interface: u32, peer: IpAddr) -> Vec<u8> {
    let (family, address) = match peer {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    };
    let mut body = Vec::with_capacity(32);
    // struct ndmsg: family, interface; state, flags and type are 0.
    body.extend([family, 0, 0, 0]);
    body.extend(interface.to_ne_bytes());
    body.extend([0; 4]);
    body.extend(if family == AF_INET { 8_u16 } else { 20 }.to_ne_bytes());
    body.extend(NDA_DST.to_ne_bytes());
    body.extend(address);
    netlink::request(kind, flags, &body)
}

fn read_answer(bytes: &[u8]) -> io::Result<Answer> {
    let body = bytes.get(HEADER_BYTES..).ok_or_else(netlink::cut)?;
    match u16_at(bytes, 4)? {
        // Family and padding, interface, state.
        RTM_NEWNEIGH => Ok(Answer::Neighbour { state: u16_at(body, 8)? }),
        netlink::ERROR => match netlink::error_in(body)? {
            0 => Ok(Answer::Done),
            ENOENT => Ok(Answer::Absent),
            code => Err(io::Error::from_raw_os_error(code)),
        },
        _ => Err(netlink::cut()),
    }
}

const ANSWER_BYTES_MAX: usize = 1024;
const ANSWER_TIME_MAX: Duration = Duration::from_millis(10);

// linux/netlink.h, linux/rtnetlink.h, linux/neighbour.h, asm-generic/errno-base.h
const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const RTM_GETNEIGH: u16 = 30;
const NLM_F_ACK: u16 = 4;
const NDA_DST: u16 = 1;
const NUD_INCOMPLETE: u16 = 0x01;
const NUD_FAILED: u16 = 0x20;
const ENOENT: i32 = 2;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::thread::{UnshareFlags, unshare_unsafe};

    use super::*;
    use crate::runtime::thread;

    #[test]
    fn every_cut_of_an_answer_is_refused() {
        let mut neighbour = vec![0; 28];
        neighbour[4..6].copy_from_slice(&RTM_NEWNEIGH.to_ne_bytes());
        neighbour[24..26].copy_from_slice(&NUD_FAILED.to_ne_bytes());
        assert_eq!(read_answer(&neighbour).unwrap(), Answer::Neighbour { state: NUD_FAILED });
        for end in 0..26 {
            assert!(read_answer(&neighbour[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn what_nobody_waits_for_is_left_alone() {
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        // Root or not: nothing is changed, and so nothing refused.
        let peer = "127.0.0.2".parse().unwrap();
        assert!(!Neighbours::default().ask_anew(loopback, peer).unwrap());
        let absent = "198.51.100.7".parse().unwrap();
        assert!(Neighbours::default().ask_anew(absent, peer).is_err());
    }

    #[test]
    fn a_neighbour_that_does_not_answer_is_asked_for_anew() {
        if !rustix::process::geteuid().is_root() {
            println!("left out: it needs root");
            return;
        }
        let work = || {
            own_network();
            let [own, peer] = ["10.9.9.1", "10.9.9.2"].map(|it| it.parse::<IpAddr>().unwrap());
            let mut neighbours = Neighbours::default();
            assert!(!neighbours.ask_anew(own, peer).unwrap(), "nobody has asked for it");
            let socket = crate::runtime::sys::socket::bind_udp((own, 0).into(), 4096).unwrap();
            let to = std::net::SocketAddr::from((peer, 4800)).into();
            for _ in 0..2 {
                socket.send_to(b"x", &to).unwrap();
                assert!(neighbours.ask_anew(own, peer).unwrap(), "nobody answers here");
                assert!(!neighbours.ask_anew(own, peer).unwrap(), "it is forgotten");
            }
        };
        // On a thread of its own: it leaves the network of the others.
        thread::spawn("alone", work).unwrap().join().unwrap();
    }

    /// Takes this thread to a network with an interface on which nobody answers.
    #[expect(unsafe_code, reason = "a thread that leaves the network of the others")]
    fn own_network() {
        // SAFETY: only the network namespace is left, not the table of descriptors.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
        for arguments in [
            "link add near type veth peer name far",
            "addr add 10.9.9.1/24 dev near",
            "link set near up",
            "link set far up",
        ] {
            let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
            assert!(status.success(), "{arguments}");
        }
    }
}
