//! The few system calls that move bytes, on descriptors that don't block. Called with locks held, so that no thread may be
//! cancelled here. They are the C library's all the same, which others may have taken the place of: kernel-bypass libraries do.

use std::{os::fd::RawFd, time::Duration};

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
    moved(shielded(|| unsafe {
        if let [piece] = pieces {
            return libc::send(fd, piece.iov_base, piece.iov_len, libc::MSG_NOSIGNAL);
        }
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = pieces.as_ptr().cast_mut();
        header.msg_iovlen = pieces.len() as _;
        libc::sendmsg(fd, &header, libc::MSG_NOSIGNAL)
    }))
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
    moved(shielded(|| unsafe {
        match pieces {
            [piece] => libc::recv(fd, piece.iov_base, piece.iov_len, 0),
            _ => libc::readv(fd, pieces.as_ptr(), pieces.len() as _),
        }
    }))
}

/// Whether an error of send(2) says that the system has no memory now, but may have a moment later.
pub fn is_transient(error: Error) -> bool {
    matches!(error, Error::ENOBUFS | Error::ENOMEM)
}

/// Whether a TCP connection's peer is there, and merely doesn't take what was sent to it. None if it is
/// no TCP connection.
///
/// Then bytes wait here for room over there. Either all that was sent is acknowledged, and window
/// probes are answered; or some of it was acknowledged within the time.
pub fn is_peer_full(fd: RawFd, within: Duration) -> Option<bool> {
    let info = tcp_info(fd)?;
    // Those that aren't acknowledged, and those of them that aren't sent.
    let (queued, unsent) = (
        queue_size(fd, libc::TIOCOUTQ)?,
        queue_size(fd, SIOCOUTQNSD)?,
    );
    let is_acknowledged = queued == unsent && info.tcpi_probes <= PROBES_MAX;
    let last = Duration::from_millis(info.tcpi_last_ack_recv.into());
    Some(queued > 0 && (is_acknowledged || last < within))
}

/// `linux/sockios.h` has this, the libc crate hasn't.
const SIOCOUTQNSD: libc::Ioctl = 0x894b;
/// So many window probes may be without an answer yet.
const PROBES_MAX: u8 = 1;

fn queue_size(fd: RawFd, request: libc::Ioctl) -> Option<u32> {
    let mut size: libc::c_int = 0;
    // SAFETY: such a request writes an int.
    let done = unsafe { libc::ioctl(fd, request, &raw mut size) };
    u32::try_from(size).ok().filter(|_| done == 0)
}

fn tcp_info(fd: RawFd) -> Option<libc::tcp_info> {
    // SAFETY: zeros are a valid value, and the call is told how much room there is for one.
    unsafe {
        let mut info: libc::tcp_info = std::mem::zeroed();
        let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
        let to = (&raw mut info).cast();
        let done = libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, to, &mut size);
        (done == 0).then_some(info)
    }
}
