//! The ways in which a program waits for its sockets.

use std::time::{Duration, Instant};

use capi_tests::api::{Errno, Library, Result, Socket, consts::*};

/// How a side waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// In the call itself.
    Recv,
    /// In zmq_poll(3).
    Poll,
    /// On the descriptor of `ZMQ_FD`, when `ZMQ_EVENTS` has nothing.
    Fd,
    /// On that descriptor at once, when all of the sockets' calls have failed with EAGAIN.
    Edge,
}

impl Way {
    /// Waits until one of the sockets is ready, for so many milliseconds (-1: forever). False if none is by then.
    pub fn wait(self, sockets: &[Socket], events: i16, timeout: i32) -> Result<bool> {
        match self {
            Way::Recv => Ok(true),
            Way::Poll => {
                let mut items: Vec<_> = sockets.iter().map(|socket| socket.item(events)).collect();
                let ready = Library::under_test().poll(&mut items, timeout.into())?;
                Ok(ready > 0)
            }
            Way::Fd => {
                let began = Instant::now();
                loop {
                    for socket in sockets {
                        if socket.get(EVENTS)? & i32::from(events) != 0 {
                            return Ok(true);
                        }
                    }
                    let left = match timeout {
                        -1 => -1,
                        limit => limit
                            .saturating_sub(began.elapsed().as_millis() as i32)
                            .max(0),
                    };
                    if !poll_descriptors(sockets, left)? {
                        return Ok(false);
                    }
                }
            }
            Way::Edge => poll_descriptors(sockets, timeout),
        }
    }

    /// Receives a part. Waits five seconds at the most.
    pub fn recv(self, socket: Socket) -> Result<Vec<u8>> {
        if self == Way::Recv {
            return socket.recv(0);
        }
        let limit = Duration::from_secs(5);
        match self.wait(&[socket], POLLIN, limit.as_millis() as i32)? {
            true => socket.recv(DONTWAIT),
            false => Err(Errno(libc::ETIMEDOUT)),
        }
    }
}

fn poll_descriptors(sockets: &[Socket], timeout: i32) -> Result<bool> {
    let mut items = Vec::new();
    for socket in sockets {
        items.push(libc::pollfd {
            fd: socket.get(FD)?,
            events: libc::POLLIN,
            revents: 0,
        });
    }
    // SAFETY: descriptors with their number.
    match unsafe { libc::poll(items.as_mut_ptr(), items.len() as libc::nfds_t, timeout) } {
        -1 => {
            let errno = std::io::Error::last_os_error().raw_os_error();
            Err(Errno(errno.expect("an errno")))
        }
        ready => Ok(ready > 0),
    }
}
