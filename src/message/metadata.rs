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
        let text = |name: &str, value: &[u8]| (until_nul(name.as_bytes()), until_nul(value));
        let mut properties: Vec<_> = properties
            .into_iter()
            .map(|(name, value)| text(name, value))
            .collect();
        properties.extend(fd.map(|fd| text("__fd", fd.to_string().as_bytes())));
        Metadata { properties, fd }
    }

    /// The value of a property, by the name that it has in a handshake. The routing id is called `Identity` there, and
    /// `Routing-Id`, which zmq_msg_gets(3) speaks of, finds nothing, as in 4.3.5.
    pub fn get(&self, name: &CStr) -> Option<&CStr> {
        let found = self.properties.iter().find(|(n, _)| n.as_c_str() == name);
        found.map(|(_, value)| value.as_c_str())
    }

    /// The file descriptor of the connection (`ZMQ_SRCFD`).
    pub fn fd(&self) -> Option<RawFd> {
        self.fd
    }
}
