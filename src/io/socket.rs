//! The few system calls that move bytes, on descriptors that don't block. Called with locks held, so that no thread may be
//! cancelled here.

use std::os::fd::RawFd;

use crate::{
    error::{Error, Result},
    sync::shielded,
};

/// How much of what was asked for was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes, at least one.
    Bytes(usize),
    /// None: the descriptor isn't ready.
    Blocked,
    /// None: the peer has hung up.
    End,
}

fn moved(result: isize) -> Result<Moved> {
    match usize::try_from(result) {
        Ok(0) => Ok(Moved::End),
        Ok(bytes) => Ok(Moved::Bytes(bytes)),
        Err(_) => match Error::last() {
            Error::EAGAIN | Error::EINTR => Ok(Moved::Blocked),
            error => Err(error),
        },
    }
}

/// Sends what the pieces point to. ECONNRESET, EPIPE and what else send(2) says.
///
/// # Safety
/// The pieces are valid for reading.
pub unsafe fn send(fd: RawFd, pieces: &[libc::iovec]) -> Result<Moved> {
    // SAFETY: promised for the pieces; the rest is local. MSG_NOSIGNAL: no SIGPIPE for the host.
    unsafe {
        if let [piece] = pieces {
            return moved(shielded(|| {
                libc::send(fd, piece.iov_base, piece.iov_len, libc::MSG_NOSIGNAL)
            }));
        }
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = pieces.as_ptr().cast_mut();
        header.msg_iovlen = pieces.len() as _;
        moved(shielded(|| libc::sendmsg(fd, &header, libc::MSG_NOSIGNAL)))
    }
}

/// Sends bytes. As [`send`].
pub fn send_bytes(fd: RawFd, bytes: &[u8]) -> Result<Moved> {
    let piece = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: the bytes are borrowed.
    unsafe { send(fd, &[piece]) }
}

/// Receives into the pieces. ECONNRESET and what else recv(2) says.
///
/// # Safety
/// The pieces are valid for writing.
pub unsafe fn receive(fd: RawFd, pieces: &[libc::iovec]) -> Result<Moved> {
    // SAFETY: promised for the pieces.
    unsafe {
        if let [piece] = pieces {
            return moved(shielded(|| libc::recv(fd, piece.iov_base, piece.iov_len, 0)));
        }
        moved(shielded(|| libc::readv(fd, pieces.as_ptr(), pieces.len() as _)))
    }
}
