//! A raw peer of ZMTP 3.1 with NULL that waits for what it is told, for programs that measure.

use std::{
    io,
    time::{Duration, Instant},
};

use conversations::{
    peer::Peer,
    wire::{self, COMMAND, Frame, Version},
};

/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection, or one that is about to be.
pub struct Raw {
    peer: Peer,
    next: usize,
}

impl Raw {
    /// Connects, and says nothing yet.
    pub fn connect(endpoint: &str) -> io::Result<Raw> {
        let peer = Peer::connect(endpoint, Version::V31, false)?;
        Ok(Raw { peer, next: 0 })
    }

    /// Connects and shakes hands, as a socket of this type.
    pub fn shake_hands(endpoint: &str, kind: &str) -> io::Result<Raw> {
        let mut raw = Raw::connect(endpoint)?;
        let ready = wire::command(b"READY", &wire::metadata(kind.as_bytes(), b""));
        let mut octets = wire::greeting(1, b"NULL", false);
        wire::frame(Version::V31, COMMAND, &ready, &mut octets);
        raw.say(octets)?;
        raw.frame().map(|_| raw)
    }

    /// Says it all, and meanwhile hears what comes.
    pub fn say(&mut self, mut octets: Vec<u8>) -> io::Result<()> {
        while !self.peer.write(&mut octets) {
            self.wait(libc::POLLIN | libc::POLLOUT, PATIENCE)?;
            self.peer.read();
        }
        match self.peer.closed {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }

    /// The next frame.
    pub fn frame(&mut self) -> io::Result<Frame> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = self.peer.frames.get(self.next) {
                self.next += 1;
                return Ok(frame.clone());
            }
            if self.peer.closed {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            let left = until.saturating_duration_since(Instant::now());
            self.wait(libc::POLLIN, left)?;
            self.peer.read();
        }
    }

    /// Waits for these events of poll(2). Fails when the time is over.
    fn wait(&self, events: i16, time: Duration) -> io::Result<()> {
        let mut item = libc::pollfd {
            fd: self.peer.fd(),
            events,
            revents: 0,
        };
        // SAFETY: one item.
        match unsafe { libc::poll(&mut item, 1, time.as_millis() as i32) } {
            1 => Ok(()),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// A PING, until its PONG has come.
    pub fn ping(&mut self) -> io::Result<()> {
        let mut octets = Vec::new();
        wire::frame(Version::V31, COMMAND, b"\x04PING\0\0", &mut octets);
        self.say(octets)?;
        while self.frame()?.body != b"\x04PONG" {}
        Ok(())
    }
}
