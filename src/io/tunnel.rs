//! The conversation with a SOCKS 5 proxy, between connecting to it and the peer's handshake.

use std::os::fd::{AsRawFd, OwnedFd};

use super::{
    poller::Interest,
    socket::{self, Moved},
};
use crate::{
    endpoint::{Side, TcpEndpoint},
    error::{Error, Result},
    options::Options,
    zmtp::socks::{ANSWER_MAX, Client, Step},
};

/// A connection to a proxy, which is to become one to the peer.
pub struct Tunnel {
    fd: OwnedFd,
    /// None when the proxy is done.
    client: Result<Option<Client>>,
    out: Vec<u8>,
    out_at: usize,
}

/// The proxy to connect to instead of a peer, if there is one.
pub fn proxy(options: &Options) -> Option<TcpEndpoint> {
    let proxy = &options.socks.proxy;
    (!proxy.is_empty()).then(|| TcpEndpoint::new(proxy))
}

impl Tunnel {
    /// Asks the proxy at the other end of a connection for one to `peer`.
    pub fn new(fd: OwnedFd, peer: &TcpEndpoint, options: &Options) -> Tunnel {
        let mut out = Vec::new();
        let socks = &options.socks;
        let client = peer
            .target(Side::Connect)
            .and_then(|peer| Client::start(&peer, &socks.username, &socks.password, &mut out));
        Tunnel {
            fd,
            client: client.map(Some),
            out,
            out_at: 0,
        }
    }

    /// The descriptor.
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The descriptor, when the proxy is done.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Goes on as far as the descriptor lets it. What to wait for then; none when the proxy is done.
    ///
    /// EPIPE: the proxy has hung up; EPROTO: it is none; ECONNREFUSED: it will not; EINVAL: it can't be asked for such
    /// a peer; any other of send(2) or recv(2).
    pub fn go_on(&mut self) -> Result<Option<Interest>> {
        let mut buffer = [0; ANSWER_MAX];
        loop {
            while self.out_at < self.out.len() {
                match socket::send_bytes(self.fd.as_raw_fd(), &self.out[self.out_at..])? {
                    Moved::Bytes(bytes) => self.out_at += bytes,
                    Moved::Blocked | Moved::End => return Ok(Some(Interest::WRITE)),
                }
            }
            let client = self.client.as_ref().map_err(|error| *error)?;
            let Some(client) = client else {
                return Ok(None);
            };
            // No more than is the proxy's: what follows is for the handshake.
            let piece = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: client.wanted().min(buffer.len()),
            };
            // SAFETY: the buffer is there to be written to.
            let bytes = match unsafe { socket::receive(self.fd.as_raw_fd(), &[piece]) }? {
                Moved::Bytes(bytes) => bytes,
                Moved::Blocked => return Ok(Some(Interest::READ)),
                Moved::End => return Err(Error::EPIPE),
            };
            if let Ok(Some(client)) = std::mem::replace(&mut self.client, Ok(None))
                && let Step::More(client) = client.on(&buffer[..bytes], &mut self.out)?
            {
                self.client = Ok(Some(client));
            }
        }
    }
}
