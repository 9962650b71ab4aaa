//! The library under test, loaded into this process: the few functions that tests need which speak to it over the wire.
//!
//! Everything panics where it fails, but for what the tests wait for.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    mem,
    sync::OnceLock,
};

use crate::library;

/// The functions, by their names without `zmq_`.
struct Api {
    ctx_new: unsafe extern "C" fn() -> *mut c_void,
    ctx_term: unsafe extern "C" fn(*mut c_void) -> c_int,
    socket: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
    close: unsafe extern "C" fn(*mut c_void) -> c_int,
    setsockopt: unsafe extern "C" fn(*mut c_void, c_int, *const c_void, usize) -> c_int,
    getsockopt: unsafe extern "C" fn(*mut c_void, c_int, *mut c_void, *mut usize) -> c_int,
    bind: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
    connect: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int,
    send: unsafe extern "C" fn(*mut c_void, *const c_void, usize, c_int) -> c_int,
    recv: unsafe extern "C" fn(*mut c_void, *mut c_void, usize, c_int) -> c_int,
    curve_keypair: unsafe extern "C" fn(*mut c_char, *mut c_char) -> c_int,
    errno: unsafe extern "C" fn() -> c_int,
}

// The types stand in the struct.
#[allow(clippy::missing_transmute_annotations)]
fn api() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    API.get_or_init(|| {
        let path = library::directory().join("libzmq.so.5");
        let path = CString::new(path.to_str().expect("a path in UTF-8")).expect("no zero");
        // SAFETY: loading the library runs nothing of it but what any program linked with it would run.
        let loaded = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!loaded.is_null(), "{path:?} can't be loaded");
        let find = |name: &CStr| {
            // SAFETY: the library is never unloaded.
            let found = unsafe { libc::dlsym(loaded, name.as_ptr()) };
            assert!(!found.is_null(), "there is no {name:?}");
            found
        };
        // SAFETY: the types are those of zmq.h.
        unsafe {
            Api {
                ctx_new: mem::transmute(find(c"zmq_ctx_new")),
                ctx_term: mem::transmute(find(c"zmq_ctx_term")),
                socket: mem::transmute(find(c"zmq_socket")),
                close: mem::transmute(find(c"zmq_close")),
                setsockopt: mem::transmute(find(c"zmq_setsockopt")),
                getsockopt: mem::transmute(find(c"zmq_getsockopt")),
                bind: mem::transmute(find(c"zmq_bind")),
                connect: mem::transmute(find(c"zmq_connect")),
                send: mem::transmute(find(c"zmq_send")),
                recv: mem::transmute(find(c"zmq_recv")),
                curve_keypair: mem::transmute(find(c"zmq_curve_keypair")),
                errno: mem::transmute(find(c"zmq_errno")),
            }
        }
    })
}

fn check(result: c_int, what: &str) -> c_int {
    // SAFETY: takes nothing.
    assert!(result >= 0, "{what}: errno {}", unsafe { (api().errno)() });
    result
}

/// A context, terminated when dropped; its sockets are to be dropped before.
pub struct Context(*mut c_void);

impl Context {
    /// A new context.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Context {
        // SAFETY: takes nothing.
        Context(unsafe { (api().ctx_new)() })
    }

    /// A socket of the type that zmq.h gives this number, which waits for so long at the most, in milliseconds.
    pub fn socket(&self, socket_type: c_int, timeout: c_int) -> Socket {
        // SAFETY: the context is there.
        let socket = Socket(unsafe { (api().socket)(self.0, socket_type) });
        assert!(!socket.0.is_null(), "zmq_socket");
        socket.set_int(LINGER, 0);
        socket.set_int(SNDTIMEO, timeout);
        socket.set_int(RCVTIMEO, timeout);
        socket
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it is there, and used no more.
        unsafe { (api().ctx_term)(self.0) };
    }
}

const LAST_ENDPOINT: c_int = 32;
const LINGER: c_int = 17;
const RCVTIMEO: c_int = 27;
const SNDTIMEO: c_int = 28;

/// A socket, closed when dropped.
pub struct Socket(*mut c_void);

// SAFETY: sockets may be handed to other threads.
unsafe impl Send for Socket {}

impl Socket {
    /// Sets an option.
    pub fn set(&self, option: c_int, value: &[u8]) {
        // SAFETY: the value is there.
        let result =
            unsafe { (api().setsockopt)(self.0, option, value.as_ptr().cast(), value.len()) };
        check(result, "zmq_setsockopt");
    }

    /// Sets an option that is a number.
    pub fn set_int(&self, option: c_int, value: c_int) {
        self.set(option, &value.to_ne_bytes());
    }

    /// Binds to a port of this host's, and returns where.
    pub fn bind(&self) -> String {
        let mut endpoint = vec![0; 256];
        let mut size = endpoint.len();
        // SAFETY: all is there for the calls.
        unsafe {
            check(
                (api().bind)(self.0, c"tcp://127.0.0.1:*".as_ptr()),
                "zmq_bind",
            );
            let to = endpoint.as_mut_ptr().cast();
            check(
                (api().getsockopt)(self.0, LAST_ENDPOINT, to, &mut size),
                "ZMQ_LAST_ENDPOINT",
            );
        }
        endpoint.truncate(size - 1);
        String::from_utf8(endpoint).expect("an endpoint")
    }

    /// Connects.
    pub fn connect(&self, endpoint: &str) {
        let endpoint = CString::new(endpoint).expect("no zero");
        // SAFETY: the text is there for the call.
        check(
            unsafe { (api().connect)(self.0, endpoint.as_ptr()) },
            "zmq_connect",
        );
    }

    /// Sends a message of one part. False if that wasn't possible in time.
    pub fn send(&self, bytes: &[u8]) -> bool {
        // SAFETY: the bytes are there.
        unsafe { (api().send)(self.0, bytes.as_ptr().cast(), bytes.len(), 0) >= 0 }
    }

    /// Receives a part, or the first megabyte of it. None if none came in time.
    pub fn recv(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 1 << 20];
        // SAFETY: there is so much room.
        let size = unsafe { (api().recv)(self.0, bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        bytes.truncate(usize::try_from(size).ok()?);
        Some(bytes)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: it is there, and used no more.
        unsafe { (api().close)(self.0) };
    }
}

/// A new pair of CURVE keys, the public one first, in Z85 without the zero at the end.
pub fn curve_keypair() -> ([u8; 40], [u8; 40]) {
    let (mut public, mut secret) = ([0; 41], [0; 41]);
    // SAFETY: there is room for 41 characters each.
    let result =
        unsafe { (api().curve_keypair)(public.as_mut_ptr().cast(), secret.as_mut_ptr().cast()) };
    check(result, "zmq_curve_keypair");
    let text = |key: [u8; 41]| *key.first_chunk().expect("41 characters");
    (text(public), text(secret))
}
