//! Datagrams as fast as one thread can send them.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::addr::SocketAddrArg;
use rustix::net::{
    AddressFamily, MMsgHdr, SendAncillaryBuffer, SendFlags, SocketType, bind, connect, ipproto,
    sendmmsg, socket,
};

use crate::{Trouble, Try, usage};

/// How many datagrams one system call sends.
const BATCH: usize = 64;

/// Where a flood comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A socket with this address; port 0: any port.
    Socket(SocketAddrV4),
    /// Nobody's: the address is written into the packets, as only root can. It may be that of a socket in use.
    Written(SocketAddrV4),
}

/// What is sent, from where and to whom.
#[derive(Clone, Debug)]
pub struct Flood {
    /// From where.
    pub source: Source,
    /// To whom.
    pub to: SocketAddrV4,
    /// What: one after the other, again and again.
    pub datagrams: Vec<Vec<u8>>,
}

impl Flood {
    /// Sends on this thread, which is kept on a processor, until it is told to stop; returns how many were sent.
    ///
    /// # Errors
    /// When nothing can be sent at all: [`Source::Written`] needs root.
    pub fn run(&self, cpu: usize, stop: &AtomicBool) -> Try<u64> {
        usage::pin(None, cpu);
        let (socket, packets) =
            self.prepare().map_err(Trouble::io("open a socket to flood from"))?;
        let to = SocketAddr::V4(self.to).as_any();
        let slices: Vec<[IoSlice<'_>; 1]> =
            packets.iter().cycle().take(BATCH).map(|bytes| [IoSlice::new(bytes)]).collect();
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            let mut none: Vec<SendAncillaryBuffer<'_, '_, '_>> =
                slices.iter().map(|_| SendAncillaryBuffer::default()).collect();
            let mut batch: Vec<MMsgHdr<'_>> = slices
                .iter()
                .zip(&mut none)
                .map(|(slice, none)| match self.source {
                    Source::Socket(_) => MMsgHdr::new(slice, none),
                    Source::Written(_) => MMsgHdr::new_with_addr(&to, slice, none),
                })
                .collect();
            match sendmmsg(&socket, &mut batch, SendFlags::empty()) {
                Ok(count) => sent += u64::try_from(count).unwrap_or_default(),
                // Nobody listens there at the moment, or the system has no room: that is the flooded side's affair.
                Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOBUFS) => {}
                Err(error) => return Err(Trouble::io("flood")(error.into())),
            }
        }
        Ok(sent)
    }

    fn prepare(&self) -> io::Result<(OwnedFd, Vec<Vec<u8>>)> {
        match self.source {
            Source::Socket(from) => {
                let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
                bind(&socket, &SocketAddr::V4(from))?;
                connect(&socket, &SocketAddr::V4(self.to))?;
                Ok((socket, self.datagrams.clone()))
            }
            Source::Written(from) => {
                let socket = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW))?;
                let packets = self.datagrams.iter().map(|bytes| packet(from, self.to, bytes));
                Ok((socket, packets.collect()))
            }
        }
    }
}

/// Returns a datagram with its headers (RFC 791, RFC 768). The kernel adds the checksum of the one, the other has none.
fn packet(from: SocketAddrV4, to: SocketAddrV4, bytes: &[u8]) -> Vec<u8> {
    let size = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
    let mut packet = vec![0x45, 0];
    packet.extend(size(28 + bytes.len()));
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(size(8 + bytes.len()));
    packet.extend([0, 0]);
    packet.extend(bytes);
    packet
}

/// Returns how many datagrams the kernel had to drop at the sockets of an address, since they were made.
#[must_use]
pub fn dropped(address: SocketAddrV4) -> u64 {
    let text = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let own = format!("{}:{:04X}", hex(*address.ip()), address.port());
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        (words.nth(1)? == own).then(|| line.split_whitespace().last()?.parse::<u64>().ok())?
    };
    text.lines().filter_map(of_line).sum()
}

/// As the kernel writes addresses: the bytes as a number of this machine.
fn hex(ip: Ipv4Addr) -> String {
    format!("{:08X}", u32::from_ne_bytes(ip.octets()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_both_headers() {
        let from = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 4800);
        let to = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 0x1234);
        let packet = packet(from, to, b"abc");
        assert_eq!(packet.len(), 31);
        assert_eq!(packet[2..4], [0, 31]);
        assert_eq!(packet[12..20], [10, 0, 0, 1, 10, 0, 0, 2]);
        assert_eq!(packet[20..26], [0x12, 0xc0, 0x12, 0x34, 0, 11]);
        assert!(packet.ends_with(b"abc"));
    }
}
