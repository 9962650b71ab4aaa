//! Addresses: `tcp://…`, `ipc://…` and `inproc://…`, from the text a program gives and back to it.
//!
//! Owns the grammar of zmq_tcp(7), zmq_ipc(7) and zmq_inproc(7), and which error each malformed address is.
//! Never asks the system anything: interface and host names stay names here (`io::resolve` looks them up).
//!
//! An address is judged in steps, because other errors come between them: [`Endpoint::parse`] says whether the
//! transport exists; a socket without an I/O thread then fails with EMTHREAD; [`Endpoint::check_connect`] then judges what
//! zmq_connect(3) reports. The rest is found when the address is used, by [`TcpEndpoint::source`], [`TcpEndpoint::target`]
//! and [`IpcEndpoint::socket_name`]: in zmq_bind(3) at once (but not if the socket was given a descriptor by `ZMQ_USE_FD`),
//! for a connecting socket in the background, where a mistake shows only as a connection that does not come.
#![forbid(unsafe_code)]

mod ip;
mod ipc;
mod tcp;

use std::fmt;

pub use ip::{Host, Literal, Zone, ip_literal};
pub use ipc::IpcEndpoint;
pub use tcp::{Authority, Side, TcpEndpoint, tcp_uri};

use crate::error::{Error, Result};

/// An address that zmq_bind(3) or zmq_connect(3) was given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `tcp://host:port`, perhaps with a source address before it.
    Tcp(TcpEndpoint),
    /// `ipc://path`
    Ipc(IpcEndpoint),
    /// `inproc://name`; holds the name.
    Inproc(Box<[u8]>),
}

impl Endpoint {
    /// Splits `uri` (without its NUL) at the first `://` and finds its transport.
    ///
    /// - EINVAL: no `://`, or nothing before or after it.
    /// - EPROTONOSUPPORT: a transport this library has not.
    /// - ENOMEM.
    /// - ENOCOMPATPROTO: a transport that no stable socket type can use (udp).
    pub fn parse(uri: &[u8]) -> Result<Endpoint> {
        let at = uri
            .windows(3)
            .position(|w| w == b"://")
            .ok_or(Error::EINVAL)?;
        let (transport, address) = (&uri[..at], &uri[at + 3..]);
        if transport.is_empty() || address.is_empty() {
            return Err(Error::EINVAL);
        }
        let copy = || -> Result<Box<[u8]>> {
            let mut copy = Vec::new();
            copy.try_reserve_exact(address.len())?;
            copy.extend_from_slice(address);
            Ok(copy.into_boxed_slice())
        };
        match transport {
            b"tcp" => Ok(Endpoint::Tcp(TcpEndpoint(copy()?))),
            b"ipc" => Ok(Endpoint::Ipc(IpcEndpoint(copy()?))),
            b"inproc" => Ok(Endpoint::Inproc(copy()?)),
            b"udp" => Err(Error::ENOCOMPATPROTO),
            _ => Err(Error::EPROTONOSUPPORT),
        }
    }

    /// What zmq_connect(3) finds wrong with the address: EINVAL, ENAMETOOLONG.
    pub fn check_connect(&self) -> Result<()> {
        match self {
            Endpoint::Tcp(tcp) => tcp.check_connect(),
            Endpoint::Ipc(ipc) => ipc.check(),
            Endpoint::Inproc(_) => Ok(()),
        }
    }

    /// The transport's name.
    pub fn transport(&self) -> &'static str {
        match self {
            Endpoint::Tcp(_) => "tcp",
            Endpoint::Ipc(_) => "ipc",
            Endpoint::Inproc(_) => "inproc",
        }
    }

    /// What follows `://`.
    pub fn address(&self) -> &[u8] {
        match self {
            Endpoint::Tcp(tcp) => tcp.text(),
            Endpoint::Ipc(ipc) => ipc.path(),
            Endpoint::Inproc(name) => name,
        }
    }

    /// The address as it was given, byte for byte: the `ZMQ_LAST_ENDPOINT` of a connect or an inproc bind,
    /// and the key under which zmq_disconnect(3) finds a connection.
    pub fn to_uri(&self) -> Vec<u8> {
        [self.transport().as_bytes(), b"://", self.address()].concat()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_uri()))
    }
}

/// The number at the start of `text`, read as C's `atoi` reads it, for addresses are full of its leniency:
/// blanks and a sign before it, anything after it, 0 for none, and what does not fit is cut to its low 32 bits.
pub(crate) fn atoi(text: &[u8]) -> i32 {
    strtol(text) as i32
}

/// The number at the start of `text`, read as C's `strtol` reads it in base 10: as [`atoi`], but what does not fit
/// becomes the nearest number that does.
pub(crate) fn strtol(text: &[u8]) -> i64 {
    let blank = |b: &u8| b.is_ascii_whitespace() || *b == 0x0b;
    let text = &text[text.iter().take_while(|b| blank(b)).count()..];
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let mut value = 0i64;
    for digit in digits.iter().take_while(|b| b.is_ascii_digit()) {
        let digit = i64::from(digit - b'0');
        let digit = if negative { -digit } else { digit };
        value = value.saturating_mul(10).saturating_add(digit);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors a caller sees before any address is looked at, and their order.
    #[test]
    fn transport_errors() {
        for (uri, error) in [
            ("", Error::EINVAL),
            ("tcp", Error::EINVAL),
            ("tcp:/127.0.0.1:1", Error::EINVAL),
            ("tcp://", Error::EINVAL),
            ("://x", Error::EINVAL),
            ("nope://", Error::EINVAL),
            ("nope://x", Error::EPROTONOSUPPORT),
            ("TCP://127.0.0.1:1", Error::EPROTONOSUPPORT),
            (" tcp://127.0.0.1:1", Error::EPROTONOSUPPORT),
            ("ws://127.0.0.1:1", Error::EPROTONOSUPPORT),
            ("pgm://eth0;239.1.1.1:1", Error::EPROTONOSUPPORT),
            ("udp://127.0.0.1:1", Error::ENOCOMPATPROTO),
        ] {
            assert_eq!(Endpoint::parse(uri.as_bytes()), Err(error), "{uri}");
        }
    }

    /// `ZMQ_LAST_ENDPOINT` and zmq_disconnect(3) depend on the text surviving untouched.
    #[test]
    fn text_is_kept() {
        for uri in [
            "tcp://127.0.0.1:05555",
            "tcp://a:0;[::1%lo]:7",
            "ipc://@x",
            "inproc://a://b",
        ] {
            let endpoint = Endpoint::parse(uri.as_bytes()).unwrap();
            assert_eq!(endpoint.to_uri(), uri.as_bytes());
        }
        let odd = b"inproc://\xff";
        assert_eq!(Endpoint::parse(odd).unwrap().to_uri(), odd);
    }

    /// The leniency of C's number readers decides which ports are accepted.
    #[test]
    fn numbers_as_c_reads_them() {
        for (text, value) in [
            ("", 0),
            ("x", 0),
            (" \t\x0b+12x", 12),
            ("-3", -3),
            ("--3", 0),
            ("4294967297", 1),
            ("99999999999999999999", -1),
            ("-99999999999999999999", 0),
        ] {
            assert_eq!(atoi(text.as_bytes()), value, "{text:?}");
        }
    }
}
