//! Hosts and numeric IP addresses, read as getaddrinfo(3) reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::atoi;
use crate::error::{Error, Result};

/// The host part of a TCP address, without brackets and zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// An address, an interface's name or a host's name; `*` for any.
    pub name: &'a [u8],
    /// What followed the last `%`.
    pub zone: Option<Zone<'a>>,
}

/// The zone of a link-local IPv6 address (RFC 4007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone<'a> {
    /// By the interface's name; begins with a letter.
    Interface(&'a [u8]),
    /// By its number, never 0.
    Index(u32),
}

impl<'a> Host<'a> {
    /// Takes off the brackets and the zone. EINVAL: a zone that is empty or no number but 0.
    pub fn parse(text: &'a [u8]) -> Result<Host<'a>> {
        let text = match text {
            [b'[', inner @ .., b']'] => inner,
            _ => text,
        };
        let Some(at) = text.iter().rposition(|&b| b == b'%') else {
            return Ok(Host {
                name: text,
                zone: None,
            });
        };
        let (name, zone) = (&text[..at], &text[at + 1..]);
        let zone = match zone.first() {
            Some(b) if b.is_ascii_alphabetic() => Zone::Interface(zone),
            Some(_) => match atoi(zone) as u32 {
                0 => return Err(Error::EINVAL),
                index => Zone::Index(index),
            },
            None => return Err(Error::EINVAL),
        };
        Ok(Host {
            name,
            zone: Some(zone),
        })
    }
}

/// What a name is as a numeric address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literal {
    /// An address that can be used.
    Address(IpAddr),
    /// An IPv6 address, where IPv6 is off.
    WrongFamily,
    /// No numeric address.
    Name,
}

/// Reads `name` as a numeric address: an IPv6 address if `ipv6` is on (an IPv4 one is mapped into it), else an
/// IPv4 address (a mapped one is taken out of IPv6). IPv4 may be written in the old forms, such as `127.1`.
pub fn ip_literal(name: &[u8], ipv6: bool) -> Literal {
    if let Some(v4) = inet_aton(name) {
        return Literal::Address(match ipv6 {
            true => v4.to_ipv6_mapped().into(),
            false => v4.into(),
        });
    }
    let v6 = std::str::from_utf8(name)
        .ok()
        .and_then(|text| text.parse::<Ipv6Addr>().ok());
    match v6 {
        None => Literal::Name,
        Some(v6) if ipv6 => Literal::Address(v6.into()),
        Some(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => Literal::Address(v4.into()),
            None => Literal::WrongFamily,
        },
    }
}

/// An IPv4 address of one to four parts, each decimal, octal (`0…`) or hexadecimal (`0x…`); the last fills all
/// bytes that are left (inet_aton(3)).
fn inet_aton(text: &[u8]) -> Option<Ipv4Addr> {
    let parts: Vec<&[u8]> = text.splitn(5, |&b| b == b'.').collect();
    let (last, head) = parts.split_last()?;
    if head.len() > 3 {
        return None;
    }
    let mut address = 0u32;
    for (i, part) in head.iter().enumerate() {
        let byte = u8::try_from(inet_part(part)?).ok()?;
        address |= u32::from(byte) << (24 - 8 * i);
    }
    let rest = inet_part(last)?;
    if u64::from(rest) >= 1u64 << (32 - 8 * head.len()) {
        return None;
    }
    Some(Ipv4Addr::from(address | rest))
}

fn inet_part(text: &[u8]) -> Option<u32> {
    let (digits, radix) = match text {
        [b'0', b'x' | b'X', hex @ ..] => (hex, 16),
        [b'0', octal @ ..] if !octal.is_empty() => (octal, 8),
        _ => (text, 10),
    };
    if !digits.iter().all(|&b| char::from(b).is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Option<String> {
        match ip_literal(text.as_bytes(), false) {
            Literal::Address(ip) => Some(ip.to_string()),
            _ => None,
        }
    }

    /// The old forms of IPv4 addresses, which programs do use (`tcp://127.1:5555`).
    #[test]
    fn old_forms_of_ipv4() {
        for (text, ip) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("1.2.65535", "1.2.255.255"),
            ("0x7f.010.0.1", "127.8.0.1"),
            ("0", "0.0.0.0"),
            ("4294967295", "255.255.255.255"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
        ] {
            assert_eq!(v4(text).as_deref(), Some(ip), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1..2",
            "256.0.0.1",
            "1.2.3.256",
            "1.2.65536",
            "4294967296",
            "1.2.3.4.5",
            "08",
            "0x",
            "0xg",
            "+1",
            "1 ",
            "1.2.3.4x",
            "::1",
        ] {
            assert_eq!(v4(text), None, "{text}");
        }
    }

    /// With IPv6 on, IPv4 is mapped; with it off, IPv6 is an error and not a name to look up.
    #[test]
    fn families() {
        let v6 = |text: &str| Literal::Address(text.parse().unwrap());
        assert_eq!(ip_literal(b"127.1", true), v6("::ffff:127.0.0.1"));
        assert_eq!(ip_literal(b"::1", true), v6("::1"));
        assert_eq!(ip_literal(b"::1", false), Literal::WrongFamily);
        assert_eq!(ip_literal(b"localhost", true), Literal::Name);
        assert_eq!(ip_literal(b"\xff", true), Literal::Name);
    }

    /// Brackets go first, then the zone at the last `%`.
    #[test]
    fn brackets_and_zones() {
        let host = |text: &'static str| Host::parse(text.as_bytes());
        let is = |name: &'static str, zone| {
            Ok(Host {
                name: name.as_bytes(),
                zone,
            })
        };
        assert_eq!(host("[::1]"), is("::1", None));
        assert_eq!(host("[]"), is("", None));
        assert_eq!(host("["), is("[", None));
        assert_eq!(host("[a%lo]"), is("a", Some(Zone::Interface(b"lo"))));
        assert_eq!(host("[a]%2"), is("[a]", Some(Zone::Index(2))));
        assert_eq!(host("a%b%3"), is("a%b", Some(Zone::Index(3))));
        assert_eq!(host("a%"), Err(Error::EINVAL));
        assert_eq!(host("a%0"), Err(Error::EINVAL));
        assert_eq!(host("a%_x"), Err(Error::EINVAL));
    }
}
