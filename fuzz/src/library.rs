//! The library as a C program sees it, linked into this process. The only thing of its that conversations know.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_long, c_short, c_void},
    os::fd::RawFd,
    ptr, thread,
};

use conversations::{
    host::{self, Errno},
    run,
};
// Its functions are those declared below.
use zmq as _;

/// `zmq_msg_t`.
#[repr(C, align(8))]
struct Message([u8; 64]);

/// `zmq_pollitem_t`.
#[repr(C)]
struct PollItem {
    socket: *mut c_void,
    fd: c_int,
    events: c_short,
    revents: c_short,
}

unsafe extern "C" {
    fn zmq_errno() -> c_int;
    fn zmq_ctx_new() -> *mut c_void;
    fn zmq_ctx_term(context: *mut c_void) -> c_int;
    fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void;
    fn zmq_close(socket: *mut c_void) -> c_int;
    fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int;
    fn zmq_setsockopt(
        socket: *mut c_void,
        option: c_int,
        value: *const c_void,
        size: usize,
    ) -> c_int;
    fn zmq_getsockopt(
        socket: *mut c_void,
        option: c_int,
        value: *mut c_void,
        size: *mut usize,
    ) -> c_int;
    fn zmq_send(socket: *mut c_void, body: *const c_void, size: usize, flags: c_int) -> c_int;
    fn zmq_msg_init(message: *mut Message) -> c_int;
    fn zmq_msg_recv(message: *mut Message, socket: *mut c_void, flags: c_int) -> c_int;
    fn zmq_msg_data(message: *mut Message) -> *mut c_void;
    fn zmq_msg_size(message: *const Message) -> usize;
    fn zmq_msg_more(message: *const Message) -> c_int;
    fn zmq_msg_close(message: *mut Message) -> c_int;
    fn zmq_poll(items: *mut PollItem, count: c_int, timeout: c_long) -> c_int;
}

const REP: c_int = 4;
const EVENTS: c_int = 15;
const LINGER: c_int = 17;
const LAST_ENDPOINT: c_int = 32;
const DONTWAIT: c_int = 1;
const SNDMORE: c_int = 2;
const POLLIN: c_short = 1;
const POLLOUT: c_short = 2;

fn check(result: c_int) -> Result<(), Errno> {
    match result {
        // SAFETY: takes nothing.
        -1 => Err(unsafe { zmq_errno() }),
        _ => Ok(()),
    }
}

/// A context in which a ZAP handler welcomes everybody. It ends when dropped, all its sockets being closed.
pub struct Host {
    context: *mut c_void,
    handler: Option<thread::JoinHandle<()>>,
}

impl Host {
    pub fn new() -> Host {
        // SAFETY: takes nothing.
        let context = unsafe { zmq_ctx_new() };
        assert!(!context.is_null(), "a context");
        let handler = Socket::new(context, REP);
        host::Socket::bind(&handler, run::ZAP).expect("an endpoint");
        let handler = thread::spawn(move || run::welcome_everybody(&handler));
        Host {
            context,
            handler: Some(handler),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: a handle. The handler's socket fails from then on, and is closed.
        check(unsafe { zmq_ctx_term(self.context) }).expect("an end");
        self.handler.take().map(thread::JoinHandle::join);
    }
}

impl host::Host for Host {
    type Socket = Socket;

    fn socket(&self, kind: i32) -> Socket {
        Socket::new(self.context, kind)
    }
}

/// A socket.
pub struct Socket(*mut c_void);

// SAFETY: handles may go to another thread.
unsafe impl Send for Socket {}

impl Socket {
    fn new(context: *mut c_void, kind: c_int) -> Socket {
        // SAFETY: a handle, and a number.
        let socket = Socket(unsafe { zmq_socket(context, kind) });
        assert!(!socket.0.is_null(), "a socket");
        host::Socket::set(&socket, LINGER, &0_i32.to_ne_bytes()).expect("an option");
        socket
    }
}

impl host::Socket for Socket {
    fn set(&self, option: i32, value: &[u8]) -> Result<(), Errno> {
        // SAFETY: a handle, and octets with their number.
        check(unsafe { zmq_setsockopt(self.0, option, value.as_ptr().cast(), value.len()) })
    }

    fn bind(&self, endpoint: &str) -> Result<String, Errno> {
        let endpoint = CString::new(endpoint).expect("no zeros");
        let (mut name, mut size) = ([0_u8; 256], 256);
        // SAFETY: a handle, a string, and a buffer with its size, which then holds a string.
        unsafe {
            check(zmq_bind(self.0, endpoint.as_ptr()))?;
            let buffer = name.as_mut_ptr();
            check(zmq_getsockopt(
                self.0,
                LAST_ENDPOINT,
                buffer.cast(),
                &mut size,
            ))?;
        }
        let name = CStr::from_bytes_until_nul(&name).expect("a string");
        Ok(name.to_string_lossy().into_owned())
    }

    fn connect(&self, endpoint: &str) -> Result<(), Errno> {
        let endpoint = CString::new(endpoint).expect("no zeros");
        // SAFETY: a handle, and a string.
        check(unsafe { zmq_connect(self.0, endpoint.as_ptr()) })
    }

    fn send(&self, part: &[u8], more: bool) -> Result<(), Errno> {
        let flags = DONTWAIT | if more { SNDMORE } else { 0 };
        // SAFETY: a handle, and octets with their number.
        check(unsafe { zmq_send(self.0, part.as_ptr().cast(), part.len(), flags) })
    }

    fn recv(&self) -> Result<(Vec<u8>, bool), Errno> {
        let mut message = Message([0; 64]);
        // SAFETY: a handle, and a message that is initialised, read and closed in turn.
        unsafe {
            check(zmq_msg_init(&mut message))?;
            let received = check(zmq_msg_recv(&mut message, self.0, DONTWAIT)).map(|()| {
                let (data, size) = (zmq_msg_data(&mut message), zmq_msg_size(&message));
                let part = match size {
                    0 => Vec::new(),
                    _ => std::slice::from_raw_parts(data.cast::<u8>(), size).to_vec(),
                };
                (part, zmq_msg_more(&message) != 0)
            });
            zmq_msg_close(&mut message);
            received
        }
    }

    fn events(&self) -> Result<i32, Errno> {
        let (mut events, mut size) = (0_i32, size_of::<i32>());
        // SAFETY: a handle, and a buffer with its size.
        check(unsafe { zmq_getsockopt(self.0, EVENTS, (&raw mut events).cast(), &mut size) })?;
        Ok(events)
    }

    fn wait(&self, input: bool, fd: RawFd, events: i16, timeout: i64) {
        let mut items = Vec::new();
        if fd >= 0 {
            let flag = |theirs, ours| if events & theirs != 0 { ours } else { 0 };
            items.push(PollItem {
                socket: ptr::null_mut(),
                fd,
                events: flag(libc::POLLIN, POLLIN) | flag(libc::POLLOUT, POLLOUT),
                revents: 0,
            });
        }
        if input {
            items.push(PollItem {
                socket: self.0,
                fd: -1,
                events: POLLIN,
                revents: 0,
            });
        }
        // SAFETY: the items are there. What fails has nothing to tell.
        unsafe { zmq_poll(items.as_mut_ptr(), items.len() as c_int, timeout) };
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: a handle that nobody uses from here on.
        unsafe { zmq_close(self.0) };
    }
}
