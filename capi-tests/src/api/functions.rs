//! The functions of the stable API in `zmq.h`, found in a library by their names.

use std::ffi::{CString, c_char, c_int, c_long, c_ulong, c_void};

use libc::iovec;

use super::{Message, PollItem};

/// `zmq_free_fn`.
pub type FreeFn = unsafe extern "C" fn(*mut c_void, *mut c_void);
/// `zmq_thread_fn`.
pub type ThreadFn = unsafe extern "C" fn(*mut c_void);
/// `zmq_timer_fn`.
pub type TimerFn = unsafe extern "C" fn(c_int, *mut c_void);

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) -> $result:ty;)*) => {
        /// What a library has of each name, without its `zmq_`.
        #[expect(missing_docs, reason = "zmq.h has them")]
        pub struct Functions {
            $(pub $name: unsafe extern "C-unwind" fn($($argument),*) -> $result,)*
        }

        impl Functions {
            /// # Safety
            /// The library is loaded, and its functions have these types.
            pub(super) unsafe fn find(library: *mut c_void) -> Functions {
                // SAFETY: promised.
                unsafe {
                    Functions {
                        $($name: std::mem::transmute::<
                            *mut c_void,
                            unsafe extern "C-unwind" fn($($argument),*) -> $result,
                        >(symbol(library, concat!("zmq_", stringify!($name)))),)*
                    }
                }
            }
        }
    };
}

functions! {
    errno: fn() -> c_int;
    ctx_new: fn() -> *mut c_void;
    ctx_set: fn(*mut c_void, c_int, c_int) -> c_int;
    ctx_get: fn(*mut c_void, c_int) -> c_int;
    ctx_term: fn(*mut c_void) -> c_int;
    ctx_shutdown: fn(*mut c_void) -> c_int;
    socket: fn(*mut c_void, c_int) -> *mut c_void;
    close: fn(*mut c_void) -> c_int;
    bind: fn(*mut c_void, *const c_char) -> c_int;
    connect: fn(*mut c_void, *const c_char) -> c_int;
    disconnect: fn(*mut c_void, *const c_char) -> c_int;
    unbind: fn(*mut c_void, *const c_char) -> c_int;
    setsockopt: fn(*mut c_void, c_int, *const c_void, usize) -> c_int;
    getsockopt: fn(*mut c_void, c_int, *mut c_void, *mut usize) -> c_int;
    send: fn(*mut c_void, *const c_void, usize, c_int) -> c_int;
    recv: fn(*mut c_void, *mut c_void, usize, c_int) -> c_int;
    msg_init: fn(*mut Message) -> c_int;
    msg_init_size: fn(*mut Message, usize) -> c_int;
    msg_copy: fn(*mut Message, *mut Message) -> c_int;
    msg_get: fn(*const Message, c_int) -> c_int;
    msg_set: fn(*mut Message, c_int, c_int) -> c_int;
    msg_gets: fn(*const Message, *const c_char) -> *const c_char;
    msg_init_data: fn(*mut Message, *mut c_void, usize, Option<FreeFn>, *mut c_void) -> c_int;
    msg_send: fn(*mut Message, *mut c_void, c_int) -> c_int;
    msg_recv: fn(*mut Message, *mut c_void, c_int) -> c_int;
    msg_data: fn(*mut Message) -> *mut c_void;
    msg_size: fn(*const Message) -> usize;
    msg_more: fn(*const Message) -> c_int;
    msg_close: fn(*mut Message) -> c_int;
    poll: fn(*mut PollItem, c_int, c_long) -> c_int;
    proxy: fn(*mut c_void, *mut c_void, *mut c_void) -> c_int;
    proxy_steerable: fn(*mut c_void, *mut c_void, *mut c_void, *mut c_void) -> c_int;
    curve_keypair: fn(*mut c_char, *mut c_char) -> c_int;
    socket_monitor: fn(*mut c_void, *const c_char, c_int) -> c_int;
    atomic_counter_new: fn() -> *mut c_void;
    atomic_counter_set: fn(*mut c_void, c_int) -> ();
    atomic_counter_inc: fn(*mut c_void) -> c_int;
    atomic_counter_dec: fn(*mut c_void) -> c_int;
    atomic_counter_value: fn(*mut c_void) -> c_int;
    atomic_counter_destroy: fn(*mut *mut c_void) -> ();
    ctx_destroy: fn(*mut c_void) -> c_int;
    curve_public: fn(*mut c_char, *const c_char) -> c_int;
    device: fn(c_int, *mut c_void, *mut c_void) -> c_int;
    has: fn(*const c_char) -> c_int;
    init: fn(c_int) -> *mut c_void;
    msg_move: fn(*mut Message, *mut Message) -> c_int;
    recviov: fn(*mut c_void, *mut iovec, *mut usize, c_int) -> c_int;
    recvmsg: fn(*mut c_void, *mut Message, c_int) -> c_int;
    send_const: fn(*mut c_void, *const c_void, usize, c_int) -> c_int;
    sendiov: fn(*mut c_void, *mut iovec, usize, c_int) -> c_int;
    sendmsg: fn(*mut c_void, *mut Message, c_int) -> c_int;
    sleep: fn(c_int) -> ();
    stopwatch_intermediate: fn(*mut c_void) -> c_ulong;
    stopwatch_start: fn() -> *mut c_void;
    stopwatch_stop: fn(*mut c_void) -> c_ulong;
    strerror: fn(c_int) -> *const c_char;
    term: fn(*mut c_void) -> c_int;
    threadclose: fn(*mut c_void) -> ();
    threadstart: fn(Option<ThreadFn>, *mut c_void) -> *mut c_void;
    timers_add: fn(*mut c_void, usize, Option<TimerFn>, *mut c_void) -> c_int;
    timers_cancel: fn(*mut c_void, c_int) -> c_int;
    timers_destroy: fn(*mut *mut c_void) -> c_int;
    timers_execute: fn(*mut c_void) -> c_int;
    timers_new: fn() -> *mut c_void;
    timers_reset: fn(*mut c_void, c_int) -> c_int;
    timers_set_interval: fn(*mut c_void, c_int, usize) -> c_int;
    timers_timeout: fn(*mut c_void) -> c_long;
    version: fn(*mut c_int, *mut c_int, *mut c_int) -> ();
    z85_decode: fn(*mut u8, *const c_char) -> *mut u8;
    z85_encode: fn(*mut c_char, *const u8, usize) -> *mut c_char;
}

fn symbol(library: *mut c_void, name: &str) -> *mut c_void {
    let text = CString::new(name).expect("a name");
    // SAFETY: a loaded library, and a string.
    let found = unsafe { libc::dlsym(library, text.as_ptr()) };
    assert!(!found.is_null(), "there is no {name}");
    found
}
