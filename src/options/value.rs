//! Values as the C interface passes them, and the two kinds that are kept on the heap or are secret.

use std::{ffi::c_int, fmt, ops::Deref, sync::Arc};

use zeroize::{Zeroize, Zeroizing};

use crate::{
    error::{Error, Result},
    memory, z85,
};

/// The pointer and length given to zmq_setsockopt(3) or zmq_ctx_set_ext(3).
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A null pointer, with the length that came with it.
    Null(usize),
    /// What the pointer points to.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes; those of a null pointer and length 0 are none.
    pub fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Value::Null(0) => Ok(&[]),
            Value::Null(_) => Err(Error::EINVAL),
            Value::Bytes(bytes) => Ok(bytes),
        }
    }

    /// Exactly `N` bytes.
    pub(super) fn array<const N: usize>(self) -> Result<[u8; N]> {
        self.bytes()?.try_into().map_err(|_| Error::EINVAL)
    }

    /// A C int.
    pub(super) fn int(self) -> Result<c_int> {
        self.array().map(c_int::from_ne_bytes)
    }

    /// A C int that is not negative, as a flag.
    pub(super) fn flag(self) -> Result<bool> {
        match self.int()? {
            ..0 => Err(Error::EINVAL),
            value => Ok(value != 0),
        }
    }

    /// A C int that is 0 or 1.
    pub(super) fn strict_flag(self) -> Result<bool> {
        match self.int()? {
            value @ 0..=1 => Ok(value == 1),
            _ => Err(Error::EINVAL),
        }
    }

    /// One to `max` bytes.
    pub(super) fn filled(self, max: usize) -> Result<&'a [u8]> {
        match self {
            Value::Bytes(bytes) if !bytes.is_empty() && bytes.len() <= max => Ok(bytes),
            _ => Err(Error::EINVAL),
        }
    }
}

/// Bytes, NULs among them or not. As some are passwords, all are wiped when dropped. Copies share them, as some are long.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(Option<Arc<Zeroizing<Vec<u8>>>>);

impl Text {
    /// These bytes. ENOMEM.
    pub fn new(bytes: &[u8]) -> Result<Text> {
        Ok(Text(Some(Arc::new(Zeroizing::new(memory::copied(bytes)?)))))
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |bytes| bytes)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

/// A CURVE key: 32 bytes, wiped when dropped; all zero if not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CurveKey([u8; 32]);

impl CurveKey {
    /// The key itself.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Sets the key from 32 bytes, or from 40 of Z85 with or without a NUL (RFC 32). Z85 that an early NUL cuts to
    /// fewer whole groups of five sets the first bytes alone. EINVAL: else; groups before a bad one have then set theirs.
    pub(super) fn set(&mut self, value: &[u8]) -> Result<()> {
        match value.len() {
            32 => self.0.copy_from_slice(value),
            40 | 41 => {
                let text = value.split(|&b| b == 0).next().unwrap_or_default();
                let (groups, []) = text.as_chunks::<5>() else {
                    return Err(Error::EINVAL);
                };
                if groups.is_empty() {
                    return Err(Error::EINVAL);
                }
                for (group, to) in groups.iter().zip(self.0.as_chunks_mut::<4>().0) {
                    *to = z85::decode_group(group)?;
                }
            }
            _ => return Err(Error::EINVAL),
        }
        Ok(())
    }

    /// The key in Z85, with a NUL.
    pub(super) fn z85(&self) -> Result<[u8; 41]> {
        let mut text = [0; 41];
        let mut encoded = z85::encode(&self.0)?;
        text[..40].copy_from_slice(&encoded);
        encoded.zeroize();
        Ok(text)
    }
}

impl Drop for CurveKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for CurveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key pair in zmq_curve(7)'s test vectors is not needed: RFC 32's own vector is in the first 8 bytes.
    #[test]
    fn keys_in_z85() {
        let mut key = CurveKey::default();
        let text = [b"HelloWorld".as_slice(), &[b'0'; 30]].concat();
        key.set(&text).unwrap();
        assert_eq!(key.0[..8], [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b]);
        assert_eq!(key.z85().unwrap()[..40], text);
        assert_eq!(key.z85().unwrap()[40], 0);
    }

    /// Lengths that are no key's leave the old one as it was; a letter that isn't Z85 does so with what it belongs to
    /// and what follows.
    #[test]
    fn bad_keys() {
        let mut key = CurveKey([7; 32]);
        for bad in [
            &[b'0'; 31][..],
            &[b'0'; 39],
            &[b'0'; 42],
            &[b'"'; 40],
            &[0; 40],
            &[b'0'; 41],
        ] {
            assert_eq!(key.set(bad), Err(Error::EINVAL), "{bad:?}");
            assert_eq!(key.0, [7; 32]);
        }
        let mut overflow = [b'0'; 40];
        overflow[35..].fill(b'#');
        assert_eq!(key.set(&overflow), Err(Error::EINVAL));
        assert_eq!(key.0[..28], [0; 28]);
        assert_eq!(key.0[28..], [7; 4]);
    }

    /// Secrets must not reach logs.
    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Text::new(b"secret").unwrap()), "6 bytes");
        assert_eq!(format!("{:?}", CurveKey([1; 32])), "a key");
    }
}
