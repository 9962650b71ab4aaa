//! Who may connect: `ZMQ_TCP_ACCEPT_FILTER` and `ZMQ_IPC_FILTER_*`.

use std::net::IpAddr;

use crate::{
    endpoint::{Host, Literal, ip_literal, strtol},
    error::{Error, Result},
};

/// The filters of a socket. An empty list keeps nobody out.
#[derive(Clone, Debug, Default)]
pub struct AcceptFilters {
    /// Networks of TCP peers, of which one must match.
    pub tcp: Vec<TcpFilter>,
    /// User ids of IPC peers. An IPC peer passes if any of the three lists has it, or if all three are empty.
    pub uids: Vec<u32>,
    /// Group ids of IPC peers: of the process, or of any group that its user is a member of.
    pub gids: Vec<u32>,
    /// Process ids of IPC peers.
    pub pids: Vec<i32>,
}

impl AcceptFilters {
    /// Whether a TCP peer may connect.
    pub fn accept_tcp(&self, peer: IpAddr) -> bool {
        self.tcp.is_empty() || self.tcp.iter().any(|filter| filter.matches(peer))
    }
}

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFilter {
    network: IpAddr,
    bits: u32,
}

impl TcpFilter {
    /// Reads `address[/bits]`, up to the first NUL. The address is numeric, and of the family that `ipv6` says.
    /// A zone may follow it, but only its form is looked at: peers are compared by address. EINVAL: else.
    pub fn parse(text: &[u8], ipv6: bool) -> Result<TcpFilter> {
        let text = text.split(|&b| b == 0).next().unwrap_or_default();
        let (address, mask) = match text.iter().rposition(|&b| b == b'/') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let Literal::Address(network) = ip_literal(Host::parse(address)?.name, ipv6) else {
            return Err(Error::EINVAL);
        };
        let full = if network.is_ipv6() { 128 } else { 32 };
        let bits = match mask {
            None => full,
            Some(b"0") => 0,
            Some(mask) => match strtol(mask) {
                bits if (1..=i64::from(full)).contains(&bits) => bits as u32,
                _ => return Err(Error::EINVAL),
            },
        };
        Ok(TcpFilter { network, bits })
    }

    /// Whether `peer` is in the network. Families must be the same: with IPv6 on, IPv4 peers come as mapped addresses.
    pub fn matches(&self, peer: IpAddr) -> bool {
        let differ = match (self.network, peer) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()).leading_zeros()
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()).leading_zeros()
            }
            _ => return false,
        };
        differ >= self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Networks let in exactly their own, down to odd numbers of bits.
    #[test]
    fn matching() {
        for (filter, ipv6, inside, outside) in [
            ("10.1.2.3", false, "10.1.2.3", "10.1.2.2"),
            ("10.1.2.3/31", false, "10.1.2.2", "10.1.2.1"),
            ("10.0.0.0/9", false, "10.127.0.1", "10.128.0.1"),
            ("10.0.0.0/0", false, "1.2.3.4", "::ffff:1.2.3.4"),
            ("[fe80::1%lo]/10", true, "febf::1", "fec0::1"),
            ("2001:db8::/33", true, "2001:db8:7fff::1", "2001:db8:8000::"),
            ("127.0.0.1", true, "::ffff:127.0.0.1", "127.0.0.1"),
        ] {
            let filter = TcpFilter::parse(filter.as_bytes(), ipv6).unwrap();
            assert!(filter.matches(ip(inside)), "{filter:?}");
            assert!(!filter.matches(ip(outside)), "{filter:?}");
        }
    }

    /// What zmq_setsockopt(3) refuses.
    #[test]
    fn errors() {
        for text in [
            "",
            "x",
            "1.2.3.4/",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/x",
            "/8",
            "::1",
            "*",
            "1.2.3.4%/8",
        ] {
            assert_eq!(
                TcpFilter::parse(text.as_bytes(), false),
                Err(Error::EINVAL),
                "{text}"
            );
        }
        assert!(TcpFilter::parse(b"1.2.3.4/8x\0y", false).is_ok());
    }
}
