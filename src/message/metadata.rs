//! What a connection knows of its peer, for zmq_msg_gets(3).
//!
//! Every message that is received refers to it. The references are counted by hand because the
//! reader of a pipe takes many at once: so a message costs it no atomic operation.

use std::{
    ffi::CStr,
    fmt,
    ops::Deref,
    os::fd::RawFd,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{error::Result, memory};

/// Properties of the peer that a message came from: those of its handshake, of its
/// authentication, and its address. Constant for a connection and shared by its messages.
#[derive(Debug, Default)]
pub struct Metadata {
    /// Names and values in turn, each a C string: one piece of memory, however many the peer has sent.
    text: Vec<u8>,
    fd: Option<RawFd>,
}

impl Metadata {
    /// Takes the properties whose names are C strings, of which the first of a name counts. A value is cut at its first
    /// NUL, as C sees it. What the descriptor is cannot be told by a property. ENOMEM.
    pub fn new<'a>(
        properties: impl IntoIterator<Item = (&'a [u8], &'a [u8]), IntoIter: Clone>,
        fd: Option<RawFd>,
    ) -> Result<Metadata> {
        let of_fd = fd.map_or(String::new(), |fd| format!("__fd\0{fd}\0"));
        let named = properties
            .into_iter()
            .filter(|(name, _)| !name.contains(&0));
        let texts = named.flat_map(|(name, value)| [name, value].map(until_nul));
        let size = texts.clone().map(|text| text.len() + 1).sum::<usize>();
        let mut text = memory::with_room(of_fd.len() + size)?;
        text.extend_from_slice(of_fd.as_bytes());
        for piece in texts {
            text.extend_from_slice(piece);
            text.push(0);
        }
        Ok(Metadata { text, fd })
    }

    /// The value of a property, by the name that it has in a handshake. The routing id is called `Identity` there, and
    /// `Routing-Id`, which zmq_msg_gets(3) speaks of, finds nothing, as in 4.3.5.
    pub fn get(&self, name: &CStr) -> Option<&CStr> {
        let mut rest = &*self.text;
        let mut next = || {
            let text = CStr::from_bytes_until_nul(rest).ok()?;
            rest = &rest[text.count_bytes() + 1..];
            Some(text)
        };
        loop {
            let (found, value) = (next()?, next()?);
            if found == name {
                return Some(value);
            }
        }
    }

    /// The file descriptor of the connection (`ZMQ_SRCFD`).
    pub fn fd(&self) -> Option<RawFd> {
        self.fd
    }
}

/// As much of it as C sees.
fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

struct Counted {
    references: AtomicUsize,
    metadata: Metadata,
}

/// A counted reference to metadata.
pub struct MetadataRef(NonNull<Counted>);

// SAFETY: metadata never changes, and the count is atomic.
unsafe impl Send for MetadataRef {}
// SAFETY: as above.
unsafe impl Sync for MetadataRef {}

impl MetadataRef {
    /// The first reference.
    pub fn new(metadata: Metadata) -> MetadataRef {
        let counted = Box::new(Counted {
            references: AtomicUsize::new(1),
            metadata,
        });
        MetadataRef(NonNull::from(Box::leak(counted)))
    }

    fn counted(&self) -> &Counted {
        // SAFETY: alive as long as this reference is.
        unsafe { self.0.as_ref() }
    }

    /// Gives back so many references, of which the caller has to have them.
    #[inline]
    fn release(&self, references: usize) {
        let before = self
            .counted()
            .references
            .fetch_sub(references, Ordering::Release);
        if before == references {
            self.free();
        }
    }

    #[cold]
    fn free(&self) {
        // As a fence would, but the thread sanitizer knows none.
        self.counted().references.load(Ordering::Acquire);
        // SAFETY: made by `new`, and this was the last reference.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Deref for MetadataRef {
    type Target = Metadata;

    fn deref(&self) -> &Metadata {
        &self.counted().metadata
    }
}

impl Clone for MetadataRef {
    fn clone(&self) -> MetadataRef {
        self.counted().references.fetch_add(1, Ordering::Relaxed);
        MetadataRef(self.0)
    }
}

impl Drop for MetadataRef {
    #[inline]
    fn drop(&mut self) {
        self.release(1);
    }
}

impl fmt::Debug for MetadataRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// References to the same metadata, taken many at a time, to be handed out one by one.
#[derive(Default)]
pub struct Stock {
    of: Option<MetadataRef>,
    left: usize,
}

impl Stock {
    /// So many are taken at a time.
    const LOT: usize = 1 << 16;

    /// References to this.
    pub fn new(of: Option<MetadataRef>) -> Stock {
        Stock { of, left: 0 }
    }

    /// One of them; none if there is no metadata.
    #[inline]
    pub fn take(&mut self) -> Option<MetadataRef> {
        let of = self.of.as_ref()?;
        if self.left == 0 {
            of.counted()
                .references
                .fetch_add(Stock::LOT, Ordering::Relaxed);
            self.left = Stock::LOT;
        }
        self.left -= 1;
        Some(MetadataRef(of.0))
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        if let Some(of) = &self.of
            && self.left > 0
        {
            of.release(self.left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first property of a name counts, those with odd names don't, and none can tell another descriptor.
    #[test]
    fn properties_are_found_by_name() {
        let properties: [(&[u8], &[u8]); 7] = [
            (b"A", b"first"),
            (b"A", b"second"),
            (b"B\0", b"odd"),
            (b"C", b"cut\0here"),
            (b"", b"nameless"),
            (b"D", b""),
            (b"__fd", b"7"),
        ];
        let metadata = Metadata::new(properties, Some(3)).unwrap();
        for (name, value) in [
            (c"A", Some(c"first")),
            (c"B", None),
            (c"C", Some(c"cut")),
            (c"", Some(c"nameless")),
            (c"D", Some(c"")),
            (c"first", None),
            (c"__fd", Some(c"3")),
        ] {
            assert_eq!(metadata.get(name), value, "{name:?}");
        }
    }

    /// A great many small properties take no more memory than they took on the wire.
    #[test]
    fn properties_are_stored_in_one_piece() {
        let names: Vec<_> = (0..10_000).map(|n| format!("{n}")).collect();
        let properties = names.iter().map(|name| (name.as_bytes(), &b""[..]));
        let wire: usize = names.iter().map(|name| 1 + name.len() + 4).sum();
        let metadata = Metadata::new(properties, None).unwrap();
        assert!(metadata.text.len() <= wire);
        assert_eq!(metadata.get(c"9999"), Some(c""));
    }

    /// What a stock has handed out outlives it, and what it hasn't is given back.
    #[test]
    fn references_from_a_stock_are_counted() {
        let first = MetadataRef::new(Metadata::new([(&b"a"[..], &b"b"[..])], Some(3)).unwrap());
        let count = || first.counted().references.load(Ordering::Relaxed);
        let mut stock = Stock::new(Some(first.clone()));
        let taken: Vec<_> = (0..Stock::LOT + 1).map(|_| stock.take()).collect();
        drop(stock);
        assert_eq!(count(), taken.len() + 1);
        drop(taken);
        assert_eq!((count(), first.fd()), (1, Some(3)));
        assert!(Stock::default().take().is_none());
    }
}
