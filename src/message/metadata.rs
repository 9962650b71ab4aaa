//! What a connection knows of its peer, for zmq_msg_gets(3).

use std::{
    ffi::{CStr, CString},
    os::fd::RawFd,
};

/// Properties of the peer that a message came from: those of its handshake, of its
/// authentication, and its address. Constant for a connection and shared by its messages.
#[derive(Debug, Default)]
pub struct Metadata {
    properties: Vec<(CString, CString)>,
    fd: Option<RawFd>,
}

impl Metadata {
    /// Takes the properties that can be C strings; a value is cut at its first NUL, as C sees it.
    pub fn new<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        fd: Option<RawFd>,
    ) -> Metadata {
        let until_nul = |bytes: &[u8]| {
            let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
            CString::new(&bytes[..end]).unwrap_or_default()
        };
        Metadata {
            properties: properties
                .into_iter()
                .map(|(name, value)| (until_nul(name.as_bytes()), until_nul(value)))
                .collect(),
            fd,
        }
    }

    /// The value of a property. The old name `Identity` stands for `Routing-Id`, too: a
    /// handshake calls it the one, zmq_msg_gets(3) the other.
    pub fn get(&self, name: &CStr) -> Option<&CStr> {
        let find = |name: &CStr| {
            let found = self.properties.iter().find(|(n, _)| n.as_c_str() == name);
            found.map(|(_, value)| value.as_c_str())
        };
        let other = match name {
            name if name == c"Routing-Id" => c"Identity",
            name if name == c"Identity" => c"Routing-Id",
            _ => return find(name),
        };
        find(name).or_else(|| find(other))
    }

    /// The file descriptor of the connection (`ZMQ_SRCFD`).
    pub fn fd(&self) -> Option<RawFd> {
        self.fd
    }
}
