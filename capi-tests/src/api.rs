//! The C API of a given `libzmq.so.5`, called without C: several libraries fit into one process.
//!
//! [`Context`] and [`Socket`] are handles as C has them: copied at will, from thread to thread, and not closed when
//! dropped. So they may be stale; what the library makes of that is for tests to see. A [`Part`] is closed when dropped.

use std::{
    collections::HashMap,
    ffi::{CString, c_char, c_int, c_long, c_short, c_void},
    fmt,
    path::{Path, PathBuf},
    ptr,
    sync::Mutex,
};

use crate::{library, process::patience, reference};

mod functions;
mod part;

pub use functions::Functions;
pub use part::{Message, Part};

/// Numbers of `zmq.h`.
#[expect(missing_docs, reason = "zmq.h has them")]
pub mod consts {
    use std::ffi::{c_int, c_short};

    pub const PAIR: c_int = 0;
    pub const PUB: c_int = 1;
    pub const SUB: c_int = 2;
    pub const REQ: c_int = 3;
    pub const REP: c_int = 4;
    pub const DEALER: c_int = 5;
    pub const ROUTER: c_int = 6;
    pub const PULL: c_int = 7;
    pub const PUSH: c_int = 8;
    pub const XPUB: c_int = 9;
    pub const XSUB: c_int = 10;
    pub const STREAM: c_int = 11;

    pub const ROUTING_ID: c_int = 5;
    pub const SUBSCRIBE: c_int = 6;
    pub const UNSUBSCRIBE: c_int = 7;
    pub const RCVMORE: c_int = 13;
    pub const FD: c_int = 14;
    pub const EVENTS: c_int = 15;
    pub const TYPE: c_int = 16;
    pub const LINGER: c_int = 17;
    pub const RECONNECT_IVL: c_int = 18;
    pub const BACKLOG: c_int = 19;
    pub const MAXMSGSIZE: c_int = 22;
    pub const SNDHWM: c_int = 23;
    pub const RCVHWM: c_int = 24;
    pub const RCVTIMEO: c_int = 27;
    pub const SNDTIMEO: c_int = 28;
    pub const LAST_ENDPOINT: c_int = 32;
    pub const ROUTER_MANDATORY: c_int = 33;
    pub const IMMEDIATE: c_int = 39;
    pub const XPUB_VERBOSE: c_int = 40;
    pub const IPV6: c_int = 42;
    pub const PLAIN_SERVER: c_int = 44;
    pub const PLAIN_USERNAME: c_int = 45;
    pub const PLAIN_PASSWORD: c_int = 46;
    pub const CURVE_SERVER: c_int = 47;
    pub const CURVE_PUBLICKEY: c_int = 48;
    pub const CURVE_SECRETKEY: c_int = 49;
    pub const CURVE_SERVERKEY: c_int = 50;
    pub const PROBE_ROUTER: c_int = 51;
    pub const REQ_CORRELATE: c_int = 52;
    pub const REQ_RELAXED: c_int = 53;
    pub const CONFLATE: c_int = 54;
    pub const ZAP_DOMAIN: c_int = 55;
    pub const ROUTER_HANDOVER: c_int = 56;
    pub const CONNECT_ROUTING_ID: c_int = 61;
    pub const HANDSHAKE_IVL: c_int = 66;
    pub const SOCKS_PROXY: c_int = 68;
    pub const XPUB_NODROP: c_int = 69;
    pub const XPUB_MANUAL: c_int = 71;
    pub const XPUB_WELCOME_MSG: c_int = 72;
    pub const STREAM_NOTIFY: c_int = 73;
    pub const INVERT_MATCHING: c_int = 74;
    pub const HEARTBEAT_IVL: c_int = 75;
    pub const HEARTBEAT_TIMEOUT: c_int = 77;
    pub const XPUB_VERBOSER: c_int = 78;
    pub const METADATA: c_int = 95;
    pub const XPUB_MANUAL_LAST_VALUE: c_int = 98;
    pub const SOCKS_USERNAME: c_int = 99;
    pub const SOCKS_PASSWORD: c_int = 100;
    pub const ONLY_FIRST_SUBSCRIBE: c_int = 108;
    pub const TOPICS_COUNT: c_int = 116;

    pub const IO_THREADS: c_int = 1;
    pub const MAX_SOCKETS: c_int = 2;
    pub const BLOCKY: c_int = 70;

    pub const DONTWAIT: c_int = 1;
    pub const SNDMORE: c_int = 2;

    pub const POLLIN: c_short = 1;
    pub const POLLOUT: c_short = 2;

    pub const EFSM: c_int = 156_384_763;
    pub const ENOCOMPATPROTO: c_int = 156_384_764;
    pub const ETERM: c_int = 156_384_765;
    pub const EMTHREAD: c_int = 156_384_766;
}

/// What a call has failed with: a value of errno.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            consts::ETERM => f.write_str("ETERM"),
            consts::EFSM => f.write_str("EFSM"),
            number => write!(f, "{}", std::io::Error::from_raw_os_error(number)),
        }
    }
}

/// The value of a call, or its errno.
pub type Result<T> = std::result::Result<T, Errno>;

/// `zmq_pollitem_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PollItem {
    /// The socket, or null.
    pub socket: *mut c_void,
    /// The descriptor, if there is no socket.
    pub fd: c_int,
    /// What to wait for.
    pub events: c_short,
    /// What has come.
    pub revents: c_short,
}

/// A loaded library. Stays loaded.
pub struct Library(Functions);

impl Library {
    /// The library under test: see [`library::directory`].
    pub fn under_test() -> &'static Library {
        Library::load(library::directory())
    }

    /// Upstream's.
    pub fn reference() -> &'static Library {
        Library::load(reference::library())
    }

    /// The `libzmq.so.5` in a directory. Panics if it can't be loaded.
    pub fn load(directory: &Path) -> &'static Library {
        static LOADED: Mutex<Option<HashMap<PathBuf, &'static Library>>> = Mutex::new(None);
        let path = directory.join("libzmq.so.5");
        let mut loaded = LOADED.lock().expect("the list of libraries");
        let loaded = loaded.get_or_insert_default();
        loaded.entry(path.clone()).or_insert_with(|| {
            let text = CString::new(path.to_str().expect("UTF-8")).expect("a path");
            // SAFETY: a string. Local symbols keep the libraries apart.
            let handle = unsafe { libc::dlopen(text.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
            assert!(!handle.is_null(), "{} can't be loaded", path.display());
            // SAFETY: just loaded; the types are those of zmq.h.
            Box::leak(Box::new(Library(unsafe { Functions::find(handle) })))
        })
    }

    /// Its functions, for who calls them as C does.
    pub fn functions(&self) -> &Functions {
        &self.0
    }

    fn errno(&self) -> Errno {
        // SAFETY: takes nothing.
        Errno(unsafe { (self.0.errno)() })
    }

    fn check(&self, result: c_int) -> Result<usize> {
        usize::try_from(result).map_err(|_| self.errno())
    }

    /// A new context.
    pub fn context(&'static self) -> Context {
        // SAFETY: takes nothing.
        let raw = unsafe { (self.0.ctx_new)() };
        assert!(!raw.is_null(), "{:?}", self.errno());
        Context { library: self, raw }
    }

    /// A new pair of CURVE keys, the public one first, in Z85 without the zero at the end.
    pub fn curve_keypair(&self) -> Result<([u8; 40], [u8; 40])> {
        let (mut public, mut secret) = ([0; 41], [0; 41]);
        // SAFETY: there is room for 40 characters and a zero each.
        let result = unsafe {
            (self.0.curve_keypair)(public.as_mut_ptr().cast(), secret.as_mut_ptr().cast())
        };
        let text = |key: [u8; 41]| *key.first_chunk().expect("41 characters");
        self.check(result).map(|_| (text(public), text(secret)))
    }

    /// Waits until one of the items is ready, for so many milliseconds (-1: forever), and returns how many are.
    pub fn poll(&self, items: &mut [PollItem], timeout: c_long) -> Result<usize> {
        // SAFETY: the items are there.
        self.check(unsafe { (self.0.poll)(items.as_mut_ptr(), items.len() as c_int, timeout) })
    }
}

/// A context's handle.
#[derive(Clone, Copy)]
pub struct Context {
    library: &'static Library,
    raw: *mut c_void,
}

// SAFETY: contexts may be used by any thread.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// The handle as C has it.
    pub fn raw(self) -> *mut c_void {
        self.raw
    }

    /// A new socket.
    pub fn try_socket(self, kind: c_int) -> Result<Socket> {
        // SAFETY: a handle, and a number.
        let raw = unsafe { (self.library.0.socket)(self.raw, kind) };
        match raw.is_null() {
            true => Err(self.library.errno()),
            false => Ok(Socket {
                library: self.library,
                raw,
            }),
        }
    }

    /// A new socket that waits for 10 seconds (times [`patience`]) at the most, and for nothing when it is closed.
    pub fn socket(self, kind: c_int) -> Socket {
        let socket = self.try_socket(kind).expect("a socket");
        let timeout = 10_000 * patience() as c_int;
        for (option, value) in [
            (consts::LINGER, 0),
            (consts::RCVTIMEO, timeout),
            (consts::SNDTIMEO, timeout),
        ] {
            socket.set(option, value).expect("an option");
        }
        socket
    }

    /// Sets an option.
    pub fn set(self, option: c_int, value: c_int) -> Result<usize> {
        // SAFETY: a handle, and numbers.
        let result = unsafe { (self.library.0.ctx_set)(self.raw, option, value) };
        self.library.check(result)
    }

    /// The value of an option.
    pub fn get(self, option: c_int) -> Result<usize> {
        // SAFETY: a handle, and a number.
        self.library
            .check(unsafe { (self.library.0.ctx_get)(self.raw, option) })
    }

    /// zmq_ctx_term(3).
    pub fn term(self) -> Result<usize> {
        // SAFETY: a handle.
        self.library
            .check(unsafe { (self.library.0.ctx_term)(self.raw) })
    }

    /// zmq_ctx_shutdown(3).
    pub fn shutdown(self) -> Result<usize> {
        // SAFETY: a handle.
        self.library
            .check(unsafe { (self.library.0.ctx_shutdown)(self.raw) })
    }
}

/// A socket's handle.
#[derive(Clone, Copy)]
pub struct Socket {
    library: &'static Library,
    raw: *mut c_void,
}

// SAFETY: the library under test has threads take turns.
unsafe impl Send for Socket {}
// SAFETY: as above.
unsafe impl Sync for Socket {}

impl Socket {
    /// The handle as C has it.
    pub fn raw(self) -> *mut c_void {
        self.raw
    }

    fn check(self, result: c_int) -> Result<usize> {
        self.library.check(result)
    }

    fn with_text(
        self,
        function: unsafe extern "C-unwind" fn(*mut c_void, *const c_char) -> c_int,
        text: &str,
    ) -> Result<usize> {
        let text = CString::new(text).expect("no zero bytes");
        // SAFETY: a handle, and a string.
        self.check(unsafe { function(self.raw, text.as_ptr()) })
    }

    /// zmq_bind(3).
    pub fn bind(self, endpoint: &str) -> Result<usize> {
        self.with_text(self.library.0.bind, endpoint)
    }

    /// zmq_connect(3).
    pub fn connect(self, endpoint: &str) -> Result<usize> {
        self.with_text(self.library.0.connect, endpoint)
    }

    /// zmq_unbind(3).
    pub fn unbind(self, endpoint: &str) -> Result<usize> {
        self.with_text(self.library.0.unbind, endpoint)
    }

    /// zmq_disconnect(3).
    pub fn disconnect(self, endpoint: &str) -> Result<usize> {
        self.with_text(self.library.0.disconnect, endpoint)
    }

    /// zmq_socket_monitor(3), for all events.
    pub fn monitor(self, endpoint: &str) -> Result<usize> {
        let text = CString::new(endpoint).expect("no zero bytes");
        // SAFETY: a handle, a string and a number.
        self.check(unsafe { (self.library.0.socket_monitor)(self.raw, text.as_ptr(), 0xffff) })
    }

    /// Binds to an endpoint of the system's choice over "tcp", "ipc" or "inproc", and returns it.
    pub fn bind_any(self, transport: &str) -> String {
        let endpoint = match transport {
            "tcp" => "tcp://127.0.0.1:*".into(),
            "ipc" => "ipc://*".into(),
            _ => format!("inproc://{:p}", self.raw),
        };
        self.bind(&endpoint).expect("an endpoint");
        self.text(consts::LAST_ENDPOINT).expect("an endpoint")
    }

    /// Sets an option that is a number.
    pub fn set(self, option: c_int, value: c_int) -> Result<usize> {
        self.set_bytes(option, &value.to_ne_bytes())
    }

    /// Sets an option.
    pub fn set_bytes(self, option: c_int, value: &[u8]) -> Result<usize> {
        // SAFETY: a handle, and bytes with their number.
        self.check(unsafe {
            (self.library.0.setsockopt)(self.raw, option, value.as_ptr().cast(), value.len())
        })
    }

    /// Sets an option to what a pointer says: null with any size, or that of so many bytes.
    ///
    /// # Safety
    /// If the library doesn't take a null pointer with this size, the process ends here.
    pub unsafe fn set_raw(self, option: c_int, value: *const c_void, size: usize) -> Result<usize> {
        // SAFETY: as the caller says.
        self.check(unsafe { (self.library.0.setsockopt)(self.raw, option, value, size) })
    }

    /// Reads an option into `buffer`, and returns its length as the library says it.
    pub fn get_bytes(self, option: c_int, buffer: &mut [u8]) -> Result<usize> {
        let mut size = buffer.len();
        // SAFETY: a handle, and a buffer with its size.
        let result = unsafe {
            (self.library.0.getsockopt)(self.raw, option, buffer.as_mut_ptr().cast(), &mut size)
        };
        self.check(result).map(|_| size)
    }

    /// The value of an option that is a number.
    pub fn get(self, option: c_int) -> Result<c_int> {
        let (mut value, mut size) = (0 as c_int, size_of::<c_int>());
        // SAFETY: a handle, and a buffer with its size.
        let result = unsafe {
            (self.library.0.getsockopt)(self.raw, option, (&raw mut value).cast(), &mut size)
        };
        self.check(result).map(|_| value)
    }

    /// The value of an option that is a string.
    pub fn text(self, option: c_int) -> Result<String> {
        let mut value = [0u8; 512];
        let size = self.get_bytes(option, &mut value)?;
        let text = &value[..size.saturating_sub(1)];
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Sends a part.
    pub fn send(self, body: &[u8], flags: c_int) -> Result<usize> {
        // SAFETY: a handle, and bytes with their number.
        self.check(unsafe {
            (self.library.0.send)(self.raw, body.as_ptr().cast(), body.len(), flags)
        })
    }

    /// Sends a message.
    pub fn send_all(self, parts: &[&[u8]]) -> Result<()> {
        for (i, part) in parts.iter().enumerate() {
            let more = i + 1 < parts.len();
            self.send(part, if more { consts::SNDMORE } else { 0 })?;
        }
        Ok(())
    }

    /// Receives a part, shows it to `look`, and returns what that does, and whether there is more.
    pub fn recv_with<T>(self, flags: c_int, look: impl FnOnce(&[u8]) -> T) -> Result<(T, bool)> {
        let mut part = Part::new(self.library);
        part.recv(self, flags)?;
        Ok((look(part.bytes()), part.more()))
    }

    /// Receives a part into a buffer, which may cut it, and returns its size.
    pub fn recv_into(self, buffer: &mut [u8], flags: c_int) -> Result<usize> {
        // SAFETY: a handle, and a buffer with its size.
        self.check(unsafe {
            (self.library.0.recv)(self.raw, buffer.as_mut_ptr().cast(), buffer.len(), flags)
        })
    }

    /// Receives a part.
    pub fn recv(self, flags: c_int) -> Result<Vec<u8>> {
        self.recv_with(flags, <[u8]>::to_vec).map(|(body, _)| body)
    }

    /// Receives a message.
    pub fn recv_all(self, flags: c_int) -> Result<Vec<Vec<u8>>> {
        let mut parts = Vec::new();
        loop {
            let (part, more) = self.recv_with(flags, <[u8]>::to_vec)?;
            parts.push(part);
            if !more {
                return Ok(parts);
            }
        }
    }

    /// For zmq_poll(3).
    pub fn item(self, events: c_short) -> PollItem {
        PollItem {
            socket: self.raw,
            fd: -1,
            events,
            revents: 0,
        }
    }

    /// Waits until it is ready, for so many milliseconds (-1: forever). False if it isn't by then.
    pub fn poll(self, events: c_short, timeout: c_long) -> Result<bool> {
        let ready = self.library.poll(&mut [self.item(events)], timeout)?;
        Ok(ready == 1)
    }

    /// zmq_proxy(3).
    pub fn proxy(self, backend: Socket) -> Result<usize> {
        // SAFETY: handles.
        self.check(unsafe { (self.library.0.proxy)(self.raw, backend.raw, ptr::null_mut()) })
    }

    /// zmq_proxy_steerable(3), without a capture.
    pub fn proxy_steerable(self, backend: Socket, control: Socket) -> Result<usize> {
        let (proxy, none) = (self.library.0.proxy_steerable, ptr::null_mut());
        // SAFETY: handles.
        self.check(unsafe { proxy(self.raw, backend.raw, none, control.raw) })
    }

    /// zmq_close(3).
    pub fn close(self) -> Result<usize> {
        // SAFETY: a handle.
        self.check(unsafe { (self.library.0.close)(self.raw) })
    }
}
