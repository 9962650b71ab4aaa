//! The one error type: an errno, of the system or of ZeroMQ.

use std::{collections::TryReserveError, ffi::c_int, fmt, io};

use crate::consts;

/// An errno value, as `zmq_errno()` will report it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(pub c_int);

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

macro_rules! errnos {
    ($($name:ident = $value:expr),* $(,)?) => {
        #[allow(missing_docs)]
        impl Error {
            $(pub const $name: Error = Error($value);)*

            /// The symbolic name, where this library has a use for it.
            fn name(self) -> Option<&'static str> {
                $(if self == Error::$name { return Some(stringify!($name)); })*
                None
            }
        }
    };
}

errnos! {
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
        Error(error.raw_os_error().unwrap_or(libc::EIO))
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
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Error {}
