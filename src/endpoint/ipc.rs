//! Paths of Unix domain sockets (zmq_ipc(7), unix(7)).

use crate::error::{Error, Result};

/// Bytes that `sun_path` holds, the closing NUL among them.
const PATH_SIZE: usize = 108;

/// An IPC address: a path in the file system, an abstract name (`@name`), or, when binding, a wildcard (`*`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IpcEndpoint(pub(super) Box<[u8]>);

impl IpcEndpoint {
    /// Takes what follows `ipc://`, unjudged.
    pub fn new(path: &[u8]) -> IpcEndpoint {
        IpcEndpoint(path.into())
    }

    /// The address that getsockname(2) reports, from the bytes of its `sun_path`.
    pub fn from_socket_name(sun_path: &[u8]) -> IpcEndpoint {
        let until_nul = |bytes: &[u8]| bytes.split(|&b| b == 0).next().unwrap_or_default().to_vec();
        IpcEndpoint(match sun_path {
            [0, name @ ..] if name.first().is_some_and(|&b| b != 0) => {
                [b"@", &until_nul(name)[..]].concat().into()
            }
            path => until_nul(path).into(),
        })
    }

    /// What follows `ipc://`.
    pub fn path(&self) -> &[u8] {
        &self.0
    }

    /// Whether a bind makes up a fresh path (unless the socket was given a descriptor, `ZMQ_USE_FD`). All that
    /// follows the `*` is ignored then, however long. When connecting, `*` is a path like any other.
    pub fn is_wildcard(&self) -> bool {
        self.0.first() == Some(&b'*')
    }

    /// Whether the name lives outside the file system.
    pub fn is_abstract(&self) -> bool {
        self.0.first() == Some(&b'@')
    }

    /// The bytes for `sun_path`, without the closing NUL: an abstract name's `@` becomes a NUL.
    /// The length of the socket's address is that of its family field and of these bytes.
    pub fn socket_name(&self) -> Result<Vec<u8>> {
        self.check()?;
        let mut name = self.0.to_vec();
        if self.is_abstract() {
            name[0] = 0;
        }
        Ok(name)
    }

    /// ENAMETOOLONG: does not fit a socket's address (107 bytes). EINVAL: an abstract name of no bytes.
    pub fn check(&self) -> Result<()> {
        if self.0.len() >= PATH_SIZE {
            return Err(Error::ENAMETOOLONG);
        }
        match &*self.0 {
            b"@" => Err(Error::EINVAL),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipc(path: &str) -> IpcEndpoint {
        IpcEndpoint::new(path.as_bytes())
    }

    /// The longest path is one byte short of `sun_path`.
    #[test]
    fn limits() {
        assert_eq!(ipc(&"x".repeat(107)).check(), Ok(()));
        assert_eq!(ipc(&"x".repeat(108)).check(), Err(Error::ENAMETOOLONG));
        assert_eq!(ipc("@").check(), Err(Error::EINVAL));
        assert_eq!(ipc("@@").check(), Ok(()));
    }

    /// What goes to the system comes back as the same text.
    #[test]
    fn abstract_names_round_trip() {
        assert_eq!(ipc("@a").socket_name().unwrap(), b"\0a");
        for path in ["@a", "/tmp/x", "x@y", "@@"] {
            let name = ipc(path).socket_name().unwrap();
            assert_eq!(IpcEndpoint::from_socket_name(&name), ipc(path));
        }
        assert_eq!(
            IpcEndpoint::from_socket_name(b"/tmp/x\0junk"),
            ipc("/tmp/x")
        );
        assert_eq!(IpcEndpoint::from_socket_name(b""), ipc(""));
    }
}
