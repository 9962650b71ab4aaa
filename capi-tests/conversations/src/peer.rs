//! The raw peer's end of a connection.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, RawFd},
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    curve::Channel,
    wire::{self, Frame, Parsed, Version},
};

trait Stream: Read + Write + AsRawFd {}
impl<T: Read + Write + AsRawFd> Stream for T {}

/// Where a connection is awaited.
pub enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// Over a Unix domain socket.
    Unix(UnixListener),
}

/// An endpoint of an abstract name that nobody else has.
pub fn fresh_name() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("ipc://@conversation-{}-{count}", process::id())
}

fn abstract_name(endpoint: &str) -> io::Result<SocketAddr> {
    let name = endpoint.strip_prefix("ipc://@").unwrap_or(endpoint);
    SocketAddr::from_abstract_name(name)
}

impl Listener {
    /// A new one, and its endpoint.
    pub fn new(tcp: bool) -> io::Result<(Listener, String)> {
        if tcp {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let endpoint = format!("tcp://{}", listener.local_addr()?);
            return Ok((Listener::Tcp(listener), endpoint));
        }
        let endpoint = fresh_name();
        let listener = UnixListener::bind_addr(&abstract_name(&endpoint)?)?;
        Ok((Listener::Unix(listener), endpoint))
    }

    fn accept(self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Listener::Tcp(listener) => Box::new(tcp(listener.accept()?.0)?),
            Listener::Unix(listener) => Box::new(unix(listener.accept()?.0)?),
        })
    }
}

fn tcp(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    // Nothing of it stays when it is closed: there would soon be no port left.
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the value is as long as is said.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of_val(&linger) as u32,
        )
    };
    Ok(stream)
}

fn unix(stream: UnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// The raw peer.
pub struct Peer {
    stream: Box<dyn Stream>,
    version: Version,
    /// What was heard and not yet taken apart.
    heard: Vec<u8>,
    /// Whether all that comes before the first frame was heard.
    greeted: bool,
    /// The frames that were heard.
    pub frames: Vec<Frame>,
    /// Whether the other side has hung up.
    pub closed: bool,
    /// What was heard that is no frame.
    pub rubbish: bool,
    /// With CURVE, what it hears after the handshake's commands, from when it knows the key.
    pub secured: Option<Channel>,
    /// Whether it speaks no protocol at all: what it hears is all there is in `frames`.
    bare: bool,
}

impl Peer {
    fn new(stream: Box<dyn Stream>, version: Version, bare: bool) -> Peer {
        Peer {
            stream,
            version,
            heard: Vec::new(),
            greeted: bare,
            frames: Vec::new(),
            closed: false,
            rubbish: false,
            secured: None,
            bare,
        }
    }

    /// Connects to an endpoint.
    pub fn connect(endpoint: &str, version: Version, bare: bool) -> io::Result<Peer> {
        let stream: Box<dyn Stream> = match endpoint.strip_prefix("tcp://") {
            Some(address) => Box::new(tcp(TcpStream::connect(address)?)?),
            None => Box::new(unix(UnixStream::connect_addr(&abstract_name(endpoint)?)?)?),
        };
        Ok(Peer::new(stream, version, bare))
    }

    /// Awaits a connection.
    pub fn accept(listener: Listener, version: Version, bare: bool) -> io::Result<Peer> {
        Ok(Peer::new(listener.accept()?, version, bare))
    }

    /// Says no more.
    pub fn hang_up(&self) {
        // SAFETY: takes a descriptor and a number.
        unsafe { libc::shutdown(self.fd(), libc::SHUT_WR) };
    }

    /// Writes as much as there is room for. False if there is none.
    pub fn write(&mut self, octets: &mut Vec<u8>) -> bool {
        while !octets.is_empty() && !self.closed {
            match self.stream.write(octets) {
                Ok(0) => return false,
                Ok(written) => drop(octets.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // What was said before is still there to be read.
                Err(_) => {
                    octets.clear();
                    while !self.closed {
                        self.read();
                    }
                }
            }
        }
        true
    }

    /// Reads all there is. Whether there was anything.
    pub fn read(&mut self) -> bool {
        let (mut buffer, before) = ([0; 65_536], self.heard.len());
        while !self.closed {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(read) => self.heard.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.closed = true,
            }
        }
        let read = self.heard.len() > before;
        self.parse();
        read || self.closed
    }

    fn parse(&mut self) {
        if self.bare {
            let body = std::mem::take(&mut self.heard);
            if !body.is_empty() {
                self.frames.push(Frame { flags: 0, body });
            }
            return;
        }
        if !self.greeted {
            let introduction = match self.version {
                Version::Unversioned => 0,
                Version::V1 | Version::V2 => 12,
                Version::V3 | Version::V31 => 64,
            };
            if self.heard.len() < introduction {
                return;
            }
            self.heard.drain(..introduction);
            self.greeted = true;
        }
        let mut at = 0;
        loop {
            match wire::parse(self.version, &self.heard[at..], 1 << 30) {
                Parsed::Frame(frame, size) => {
                    at += size;
                    match self.open(frame) {
                        Some(frame) => self.frames.push(frame),
                        None => self.rubbish = true,
                    }
                }
                Parsed::Part => break,
                Parsed::Wrong => self.rubbish = true,
            }
            if self.rubbish {
                at = self.heard.len();
                break;
            }
        }
        self.heard.drain(..at);
    }

    /// What is in a frame. With CURVE, two commands come before the messages, of which READY may be the second.
    fn open(&mut self, frame: Frame) -> Option<Frame> {
        match &mut self.secured {
            None => Some(frame),
            Some(channel) if self.frames.len() < 2 => channel.begin(&frame.body).then_some(frame),
            Some(channel) => channel.open_frame(&frame.body),
        }
    }

    /// Lets the other side read what was written, as far as the system tells: with a Unix domain socket, it does.
    pub fn yield_until_read(&self) {
        for _ in 0..50 {
            let mut unread: libc::c_int = 0;
            // SAFETY: the request writes a number.
            unsafe { libc::ioctl(self.stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut unread) };
            if unread == 0 {
                break;
            }
            std::thread::yield_now();
        }
    }

    /// The descriptor.
    pub fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
