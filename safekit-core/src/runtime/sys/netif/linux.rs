//! Network interfaces on Linux, asked from the kernel through rtnetlink (RFC 3549, rtnetlink(7)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::runtime::host::LocalAddress;
use crate::runtime::sys::netlink::{
    self, AF_INET, AF_INET6, HEADER_BYTES, array_at, cut, u16_at, u32_at,
};

/// Lists the addresses of all interfaces, in the kernel's order.
pub(in crate::runtime) fn addresses() -> io::Result<Vec<LocalAddress>> {
    for _ in 0..DUMPS_MAX {
        if let Some(addresses) = dump()? {
            return Ok(addresses);
        }
    }
    Err(io::Error::other("the addresses of this host change faster than they can be read"))
}

/// Asks once; `None` when the kernel says that they changed meanwhile.
fn dump() -> io::Result<Option<Vec<LocalAddress>>> {
    let socket = netlink::connect(ANSWER_TIME_MAX)?;
    // struct ifaddrmsg, all zero: every family, every interface.
    netlink::send(&socket, &netlink::request(RTM_GETADDR, NLM_F_DUMP, &[0; 8]))?;
    let mut addresses = Vec::new();
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    loop {
        match read_answer(netlink::receive(&socket, &mut buffer)?, &mut addresses)? {
            Answer::More => {}
            Answer::Done => return Ok(Some(addresses)),
            Answer::Interrupted => return Ok(None),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    More,
    Done,
    Interrupted,
}

fn read_answer(mut bytes: &[u8], addresses: &mut Vec<LocalAddress>) -> io::Result<Answer> {
    while bytes.len() >= HEADER_BYTES {
        let size_bytes = usize::try_from(u32_at(bytes, 0)?).map_err(|_too_large| cut())?;
        if size_bytes < HEADER_BYTES {
            return Err(cut());
        }
        let body = bytes.get(HEADER_BYTES..size_bytes).ok_or_else(cut)?;
        let flags = u16_at(bytes, 6)?;
        if flags & NLM_F_DUMP_INTR != 0 {
            return Ok(Answer::Interrupted);
        }
        match u16_at(bytes, 4)? {
            NLMSG_DONE => return Ok(Answer::Done),
            netlink::ERROR => {
                return Err(io::Error::from_raw_os_error(netlink::error_in(body)?));
            }
            RTM_NEWADDR => addresses.extend(read_address(body)?),
            _ => {}
        }
        bytes = bytes.get(align(size_bytes)..).unwrap_or_default();
    }
    Ok(Answer::More)
}

/// Reads a struct ifaddrmsg and its attributes; `None` for a family that is not IP.
fn read_address(body: &[u8]) -> io::Result<Option<LocalAddress>> {
    let [family, prefix_bits] = array_at(body, 0)?;
    let interface_index = u32_at(body, 4)?;
    let mut attributes = body.get(8..).ok_or_else(cut)?;
    let mut address = None;
    while attributes.len() >= 4 {
        let size_bytes = usize::from(u16_at(attributes, 0)?);
        let value = attributes.get(4..size_bytes).ok_or_else(cut)?;
        match u16_at(attributes, 2)? {
            // On a point-to-point link IFA_ADDRESS is the other end.
            IFA_LOCAL => address = Some(read_ip(family, value)?),
            IFA_ADDRESS if address.is_none() => address = Some(read_ip(family, value)?),
            _ => {}
        }
        attributes = attributes.get(align(size_bytes)..).unwrap_or_default();
    }
    Ok(address.flatten().map(|address| LocalAddress { address, prefix_bits, interface_index }))
}

fn read_ip(family: u8, value: &[u8]) -> io::Result<Option<IpAddr>> {
    Ok(match family {
        AF_INET => Some(Ipv4Addr::from(array_at::<4>(value, 0)?).into()),
        AF_INET6 => Some(Ipv6Addr::from(array_at::<16>(value, 0)?).into()),
        _ => None,
    })
}

fn align(size_bytes: usize) -> usize {
    size_bytes.next_multiple_of(4)
}

const DUMPS_MAX: usize = 10;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

// linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLMSG_DONE: u16 = 3;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{Answer, addresses, read_answer};

    #[test]
    fn loopback_is_an_address_of_this_host() {
        let found = addresses().unwrap();
        let loopback = found.iter().find(|a| a.address == IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        assert_eq!(loopback.prefix_bits, 8);
        assert!(loopback.interface_index > 0);
    }

    #[test]
    fn the_local_end_counts_on_a_point_to_point_link() {
        let mut found = Vec::new();
        assert_eq!(read_answer(&message(), &mut found).unwrap(), Answer::More);
        assert_eq!(found[0].address, IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!((found[0].prefix_bits, found[0].interface_index), (32, 7));
    }

    #[test]
    fn every_cut_of_an_answer_is_refused_or_empty() {
        let message = message();
        for end in 0..message.len() {
            let mut found = Vec::new();
            // Less than a header is no message; everything else that is cut is an error.
            assert_eq!(read_answer(&message[..end], &mut found).is_ok(), end < 16, "{end}");
            assert_eq!(found, []);
        }
    }

    fn message() -> Vec<u8> {
        let mut body = vec![2, 32, 0, 0];
        body.extend(7_u32.to_ne_bytes());
        for (kind, last) in [(1_u16, 2), (2, 1)] {
            body.extend(8_u16.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend([10, 0, 0, last]);
        }
        let size_bytes = u32::try_from(16 + body.len()).unwrap();
        let mut bytes = size_bytes.to_ne_bytes().to_vec();
        bytes.extend(20_u16.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }
}
