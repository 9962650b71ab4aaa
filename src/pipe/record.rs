//! What stands in a pipe: ZMTP/2 frames as on the wire, and a few records of our own.
//!
//! A frame is `flags, length, body` (RFC 23): one flag byte; a length of one byte, or of eight in
//! network order if the flag LONG is set. The bits of the flag byte that the protocol leaves
//! unused mark the records of our own. They never come from a peer or go to one: what is read in
//! place from a peer has them cleared first.

use std::{mem::ManuallyDrop, ptr, slice, sync::Arc};

use crate::message::{Message, MetadataRef, Outside, Small, copy};

/// The first byte of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// More parts of the message follow.
    pub const MORE: u8 = 1;
    /// The length has eight bytes.
    pub const LONG: u8 = 2;
    /// A command of the protocol, not a message.
    pub const COMMAND: u8 = 4;
    /// What the wire knows.
    pub const WIRE: u8 = 7;
    /// A frame whose body is a topic to subscribe to.
    pub const SUBSCRIBE: u8 = 0x08;
    /// A frame whose body is a topic to give up.
    pub const CANCEL: u8 = 0x10;
    /// A frame to be passed over: a command that was handled where it stood.
    pub const SKIP: u8 = 0x20;
    /// No frame: a [`Message`] by pointer.
    pub const REFERENCE: u8 = 0x40;
    /// No frame: what is known of the peer from here on.
    pub const PEER: u8 = 0x80;

    /// Whether more parts of the message follow.
    #[inline]
    pub fn more(self) -> bool {
        self.0 & Flags::MORE != 0
    }

    /// Whether the record is exactly what goes over the wire.
    #[inline]
    pub fn is_wire(self) -> bool {
        self.0 & !Flags::WIRE == 0
    }

    /// Whether the record has the body in it, to be read.
    #[inline]
    pub fn is_frame(self) -> bool {
        !self.has(Flags::REFERENCE | Flags::PEER | Flags::SKIP)
    }

    /// Whether any of these bits is set.
    #[inline]
    pub fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// What is known of a peer once its handshake is done.
#[derive(Debug, Default)]
pub struct Peer {
    /// The routing id that it has announced; empty if none.
    pub routing_id: Vec<u8>,
    /// What messages from it can tell about it.
    pub metadata: Option<MetadataRef>,
}

/// A record as its reader sees it.
pub enum Record<'a> {
    /// A frame in the pipe.
    Frame(Flags, &'a [u8]),
    /// A message by pointer; its `more` is set in the flags and in itself.
    Message(Flags, Message),
    /// The peer that what follows comes from.
    Peer(Arc<Peer>),
}

/// The largest head of a frame.
pub const HEAD_MAX: usize = 9;

/// The largest body that has the short head, of two bytes.
pub const SHORT_MAX: usize = 255;
/// .. and that head.
pub const SHORT_HEAD: usize = 2;

/// How many bytes the head of a frame with this body takes.
#[inline]
pub fn head_size(body: usize) -> usize {
    if body <= SHORT_MAX {
        SHORT_HEAD
    } else {
        HEAD_MAX
    }
}

/// Writes the head of a frame and returns its size. LONG is set here.
///
/// # Safety
/// There is room for [`head_size`] bytes.
#[inline]
pub unsafe fn write_head(to: *mut u8, flags: u8, body: usize) -> usize {
    // SAFETY: as promised.
    unsafe {
        if body <= SHORT_MAX {
            to.write(flags);
            to.add(1).write(body as u8);
            SHORT_HEAD
        } else {
            to.write(flags | Flags::LONG);
            to.add(1)
                .cast::<[u8; 8]>()
                .write((body as u64).to_be_bytes());
            HEAD_MAX
        }
    }
}

/// Writes a frame.
///
/// # Safety
/// There is room for its head and body.
#[inline(always)]
pub unsafe fn write_frame(to: *mut u8, flags: u8, body: &[u8]) {
    // SAFETY: as promised.
    unsafe {
        let head = write_head(to, flags, body.len());
        copy(body.as_ptr(), to.add(head), body.len());
    }
}

/// Writes a frame of one part.
///
/// # Safety
/// As for [`write_frame`].
#[inline(always)]
pub unsafe fn write_small(to: *mut u8, body: Small) {
    // SAFETY: as promised.
    unsafe {
        let head = write_head(to, 0, body.size());
        body.copy_to(to.add(head));
    }
}

/// Reads the head of a record that is a frame: its flags, head and body size.
///
/// # Safety
/// A whole head is there.
#[inline]
pub unsafe fn read_head(from: *const u8) -> (Flags, usize, usize) {
    // SAFETY: as promised.
    unsafe {
        let flags = Flags(from.read());
        if flags.has(Flags::LONG) {
            let size = u64::from_be_bytes(from.add(1).cast::<[u8; 8]>().read());
            (flags, HEAD_MAX, size as usize)
        } else {
            (flags, SHORT_HEAD, usize::from(from.add(1).read()))
        }
    }
}

/// The body of a record that is a message of one part with a short head; none if it isn't.
///
/// # Safety
/// A whole record is there, for as long as the body is used.
#[inline(always)]
pub unsafe fn short_body<'a>(from: *const u8) -> Option<&'a [u8]> {
    // SAFETY: as promised.
    unsafe {
        (from.read() == 0).then(|| {
            let size = usize::from(from.add(1).read());
            slice::from_raw_parts(from.add(SHORT_HEAD), size)
        })
    }
}

/// A reference record: its flag byte, what kind of reference it is, the head that the frame has on the wire, and the pointer.
pub const REFERENCE_SIZE: usize = 1 + 1 + HEAD_MAX + size_of::<*const u8>();

/// The kind: the size of the head, and these.
const HEAD_SIZE: u8 = 0x0f;
const CONSTANT: u8 = 0x10;
const SHARED: u8 = 0x20;

/// A peer record: its flag byte and a counted pointer.
pub const PEER_SIZE: usize = 1 + size_of::<*const Peer>();

/// Writes a reference record, of a message with a body of `size` bytes.
///
/// # Safety
/// There is room for [`REFERENCE_SIZE`] bytes.
#[inline]
pub unsafe fn write_reference(to: *mut u8, flags: u8, message: Outside, size: usize) {
    // SAFETY: as promised.
    unsafe {
        to.write(flags | Flags::REFERENCE);
        let mut kind = write_head(to.add(2), flags, size) as u8;
        if message.constant {
            kind |= CONSTANT;
        }
        if message.shared {
            kind |= SHARED;
        }
        to.add(1).write(kind);
        to.add(2 + HEAD_MAX)
            .cast::<*const u8>()
            .write_unaligned(message.at);
    }
}

/// Writes the head of a record of `size` bytes in all that is passed over, whatever they are.
///
/// # Safety
/// There is room for the record, and its size is that of a head at least.
pub unsafe fn write_skip(to: *mut u8, size: usize) {
    // SAFETY: as promised.
    unsafe { write_head(to, Flags::SKIP, size - head_size(size - 2)) };
}

/// Takes the message out of a reference record, which is then to be forgotten.
///
/// # Safety
/// It is one.
pub unsafe fn take_reference(from: *const u8) -> Message {
    // SAFETY: as promised.
    unsafe {
        let (outside, size) = take_outside(from);
        Message::from_outside(outside, size, Flags(from.read()).more())
    }
}

/// As [`take_reference`], but for the message to be made elsewhere, and its size.
///
/// # Safety
/// It is one.
#[inline(always)]
pub unsafe fn take_outside(from: *const u8) -> (Outside, usize) {
    // SAFETY: as promised.
    unsafe {
        let kind = from.add(1).read();
        let outside = Outside {
            at: from.add(2 + HEAD_MAX).cast::<*const u8>().read_unaligned(),
            constant: kind & CONSTANT != 0,
            shared: kind & SHARED != 0,
        };
        let (_, _, size) = read_head(from.add(2));
        (outside, size)
    }
}

/// The head and the body of a reference record, as they go over the wire: where they can be one piece, they are.
///
/// # Safety
/// It is one, and stays there as long as the slices are used.
pub unsafe fn reference_parts<'a>(from: *const u8) -> (&'a [u8], &'a [u8]) {
    // SAFETY: as promised; the body is outside of the message, which is not dropped.
    unsafe {
        let message = ManuallyDrop::new(take_reference(from));
        if from.read() == Flags::REFERENCE
            && let Some(frame) = message.frame()
        {
            let frame: *const [u8] = frame;
            return (*frame).split_at(frame.len() - message.size());
        }
        let head = slice::from_raw_parts(from.add(2), usize::from(from.add(1).read() & HEAD_SIZE));
        let body: *const [u8] = message.bytes();
        (head, &*body)
    }
}

/// Writes a peer record.
///
/// # Safety
/// There is room for [`PEER_SIZE`] bytes.
pub unsafe fn write_peer(to: *mut u8, peer: Arc<Peer>) {
    // SAFETY: as promised.
    unsafe {
        to.write(Flags::PEER);
        to.add(1)
            .cast::<*const Peer>()
            .write_unaligned(Arc::into_raw(peer));
    }
}

/// Takes the peer out of a peer record, which is then to be forgotten.
///
/// # Safety
/// It is one.
pub unsafe fn take_peer(from: *const u8) -> Arc<Peer> {
    // SAFETY: as promised.
    unsafe { Arc::from_raw(from.add(1).cast::<*const Peer>().read_unaligned()) }
}

/// The size of a record.
///
/// # Safety
/// It is a whole one.
#[inline]
pub unsafe fn size(from: *const u8) -> usize {
    // SAFETY: as promised.
    unsafe {
        let (flags, head, body) = read_head(from);
        match flags {
            flags if flags.has(Flags::REFERENCE) => REFERENCE_SIZE,
            flags if flags.has(Flags::PEER) => PEER_SIZE,
            _ => head + body,
        }
    }
}

/// Drops what a record owns.
///
/// # Safety
/// It is a whole one, and forgotten afterwards.
pub unsafe fn discard(from: *const u8) {
    // SAFETY: as promised.
    unsafe {
        let flags = Flags(ptr::read(from));
        if flags.has(Flags::REFERENCE) {
            drop(take_reference(from));
        } else if flags.has(Flags::PEER) {
            drop(take_peer(from));
        }
    }
}
