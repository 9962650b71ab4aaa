//! The one error type: an errno, of the system or of ZeroMQ, or what is handled before it comes to the C edge.

use std::{collections::TryReserveError, ffi::c_int, fmt, io};

use crate::consts;

/// What everything below the C edge returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Where the calling thread's errno is.
pub fn errno_at() -> *mut c_int {
    // SAFETY: takes nothing, and gives an address that is valid as long as the thread lives.
    unsafe { libc::__errno_location() }
}

/// Runs something, and leaves errno as it was found, whatever was called meanwhile.
#[inline]
pub fn keep_errno<T>(run: impl FnOnce() -> T) -> T {
    let at = errno_at();
    // SAFETY: the calling thread's.
    let found = unsafe { *at };
    let result = run();
    // SAFETY: as above.
    unsafe { *at = found };
    result
}

macro_rules! errors {
    ($($name:ident = $errno:path),* $(,)?) => {
        /// Why something has failed.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Error {
            $($name,)*
            /// Another errno of the system's.
            System(c_int),
            /// The pipe was closed under a message of several parts: what was sent of it is taken back, and the parts that
            /// follow are to be dropped. No call fails with it, as waiting wouldn't help.
            Broken,
        }

        impl Error {
            /// The errno, as `zmq_errno()` will report it.
            pub fn errno(self) -> c_int {
                match self {
                    $(Error::$name => $errno,)*
                    Error::System(errno) => errno,
                    // What a call fails with that may not wait.
                    Error::Broken => libc::EAGAIN,
                }
            }

            /// What an errno stands for.
            pub fn from_errno(errno: c_int) -> Error {
                match errno {
                    $($errno => Error::$name,)*
                    other => Error::System(other),
                }
            }

            fn name(self) -> Option<&'static str> {
                match self {
                    $(Error::$name => Some(stringify!($name)),)*
                    Error::System(_) => None,
                    Error::Broken => Some("Broken"),
                }
            }
        }
    };
}

errors! {
    EACCES = libc::EACCES,
    EADDRINUSE = libc::EADDRINUSE,
    EADDRNOTAVAIL = libc::EADDRNOTAVAIL,
    EAFNOSUPPORT = libc::EAFNOSUPPORT,
    EAGAIN = libc::EAGAIN,
    EBADF = libc::EBADF,
    EBUSY = libc::EBUSY,
    ECONNABORTED = libc::ECONNABORTED,
    ECONNREFUSED = libc::ECONNREFUSED,
    ECONNRESET = libc::ECONNRESET,
    EFAULT = libc::EFAULT,
    EFSM = consts::EFSM,
    EHOSTUNREACH = libc::EHOSTUNREACH,
    EINPROGRESS = libc::EINPROGRESS,
    EINTR = libc::EINTR,
    EINVAL = libc::EINVAL,
    EMFILE = libc::EMFILE,
    EMSGSIZE = libc::EMSGSIZE,
    EMTHREAD = consts::EMTHREAD,
    ENFILE = libc::ENFILE,
    ENAMETOOLONG = libc::ENAMETOOLONG,
    ENETDOWN = libc::ENETDOWN,
    ENOBUFS = libc::ENOBUFS,
    ENOCOMPATPROTO = consts::ENOCOMPATPROTO,
    ENODEV = libc::ENODEV,
    ENOENT = libc::ENOENT,
    ENOMEM = libc::ENOMEM,
    ENOTCONN = libc::ENOTCONN,
    ENOTRECOVERABLE = libc::ENOTRECOVERABLE,
    ENOTSOCK = libc::ENOTSOCK,
    ENOTSUP = libc::ENOTSUP,
    EPIPE = libc::EPIPE,
    EPROTO = libc::EPROTO,
    EPROTONOSUPPORT = libc::EPROTONOSUPPORT,
    ETERM = consts::ETERM,
    ETIMEDOUT = libc::ETIMEDOUT,
}

impl Error {
    /// The errno that the last system call of this thread left behind.
    pub fn last() -> Error {
        io::Error::last_os_error().into()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::from_errno(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Error {
        Error::ENOMEM
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.errno()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Error {}
