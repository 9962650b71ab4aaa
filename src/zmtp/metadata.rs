//! Metadata: the properties that READY and INITIATE carry, and the ZAP handler's reply (RFC 23, 27 and 37).
//!
//! A property is a name of up to 255 octets and a value of up to 2^31-1. Owns their encoding, not their meaning.

use super::Local;
use crate::{
    error::{Error, Result},
    memory,
    options::SocketType,
};

/// The peer's socket type, as [`SocketType::name`] spells it.
pub const SOCKET_TYPE: &[u8] = b"Socket-Type";
/// The peer's routing id.
pub const IDENTITY: &[u8] = b"Identity";
/// Who the ZAP handler says the peer is.
pub const USER_ID: &[u8] = b"User-Id";

/// Properties, of which the first of a name counts. Names are compared octet by octet, as libzmq does, whatever the RFC
/// says of case.
///
/// They are kept as they come over the wire, in one piece: a peer that isn't authenticated yet says how many they are,
/// and costs no more memory than it has sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    encoded: Vec<u8>,
}

impl Properties {
    /// None yet, with room for so many octets of them. `ENOMEM`.
    pub fn with_room(octets: usize) -> Result<Properties> {
        Ok(Properties {
            encoded: memory::with_room(octets)?,
        })
    }

    /// Adds a property. One with a name or value too long for the wire is left out. `ENOMEM`.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        write(name, value, &mut self.encoded)
    }

    /// Adds those of `other`. `ENOMEM`.
    pub fn append(&mut self, other: &Properties) -> Result<()> {
        self.encoded.try_reserve_exact(other.encoded.len())?;
        self.encoded.extend_from_slice(&other.encoded);
        Ok(())
    }

    /// The value of a property.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    /// All of them in their order, with those that don't count.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        properties(&self.encoded).map_while(Result::ok)
    }
}

/// The properties in `input`, one after the other; the last item is an `EPROTO` if they are malformed.
///
/// A property whose octets end right after its name or its value's length is dropped without error, as by libzmq.
pub fn properties(input: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8])>> + Clone {
    let mut rest = input;
    std::iter::from_fn(move || match take(&mut rest) {
        Some(property) => Some(Ok(property)),
        None => match std::mem::take(&mut rest) {
            [] => None,
            _ => Some(Err(Error::EPROTO)),
        },
    })
}

/// Takes a property off the front of `rest`; if it is cut short, what is left is what did not suffice.
fn take<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    if rest.len() < 2 {
        return None;
    }
    let name_len = *rest.split_off_first()?;
    let name = rest.split_off(..name_len.into())?;
    let (value_len, after) = rest.split_first_chunk()?;
    *rest = after;
    let value = rest.split_off(..u32::from_be_bytes(*value_len) as usize)?;
    Some((name, value))
}

/// Appends a property. One with a name or value too long for the wire is left out. `ENOMEM`.
pub fn write(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let (Ok(name_len), Ok(value_len)) = (u8::try_from(name.len()), i32::try_from(value.len()))
    else {
        return Ok(());
    };
    out.try_reserve(1 + name.len() + 4 + value.len())?;
    out.push(name_len);
    out.extend_from_slice(name);
    out.extend_from_slice(&value_len.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Appends what this side tells of itself: its socket type, its routing id if the type has one, and the application's.
/// `ENOMEM`.
pub(super) fn write_local(local: &Local, out: &mut Vec<u8>) -> Result<()> {
    write(SOCKET_TYPE, local.socket_type.name().as_bytes(), out)?;
    if matches!(
        local.socket_type,
        SocketType::Req | SocketType::Dealer | SocketType::Router
    ) {
        write(IDENTITY, &local.routing_id, out)?;
    }
    let mut all = local.metadata.iter();
    all.try_for_each(|(name, value)| write(name, value, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
        properties(input).collect()
    }

    #[test]
    fn properties_survive_a_round_trip() {
        let mut bytes = Vec::new();
        write(b"Socket-Type", b"REQ", &mut bytes).unwrap();
        write(b"Identity", b"", &mut bytes).unwrap();
        assert_eq!(bytes, b"\x0bSocket-Type\0\0\0\x03REQ\x08Identity\0\0\0\0");
        assert_eq!(
            all(&bytes),
            Ok(vec![(&b"Socket-Type"[..], &b"REQ"[..]), (b"Identity", b"")])
        );
    }

    #[test]
    fn cut_properties_are_refused_or_dropped_as_libzmq_does() {
        for bytes in [
            &b"\x00"[..],
            b"\x01",
            b"\x02A",
            b"\x01A\0\0\0",
            b"\x01A\0\0\0\x02x",
            b"\x01A\xff\xff\xff\xffx",
            b"\x01A\0\0\0\x00\x05",
        ] {
            assert_eq!(all(bytes), Err(Error::EPROTO), "{bytes:?}");
        }
        for bytes in [&b""[..], b"\x01A", b"\x01A\0\0\0\x05"] {
            assert_eq!(all(bytes), Ok(vec![]), "{bytes:?}");
        }
    }

    #[test]
    fn what_the_wire_cannot_carry_is_left_out() {
        let mut bytes = Vec::new();
        write(&[b'x'; 256], b"", &mut bytes).unwrap();
        assert!(bytes.is_empty());
    }
}
