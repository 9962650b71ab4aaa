//! Pointers to nothing, and memory in which there is no message: an errno, never a crash.

use std::{
    ffi::{CString, c_int, c_void},
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use capi_tests::{
    api::{Library, consts::*},
    library,
};

/// Any function of the library: what it doesn't take it doesn't look at, in C's calls on x86-64.
type Function = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize) -> usize;

fn function(name: &str) -> Function {
    let path = library::directory().join("libzmq.so.5");
    let path = CString::new(path.to_str().expect("UTF-8")).expect("a path");
    let name = CString::new(format!("zmq_{name}")).expect("a name");
    // SAFETY: strings; the library is loaded already, and stays so; the functions take numbers and pointers only.
    unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        let found = libc::dlsym(library, name.as_ptr());
        assert!(!found.is_null(), "there is no {name:?}");
        std::mem::transmute::<*mut c_void, Function>(found)
    }
}

/// What a function returns, given these arguments and zeros, and errno.
fn call(name: &str, arguments: &[usize]) -> (c_int, c_int) {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    let [a, b, c, d, e, f] = all;
    // SAFETY: the functions are made to bear null pointers, and the others are valid.
    let result = unsafe { function(name)(a, b, c, d, e, f) };
    // SAFETY: takes nothing.
    let errno = unsafe { function("errno")(0, 0, 0, 0, 0, 0) };
    (result as c_int, errno as c_int)
}

/// Every function, with null for each pointer.
pub fn null_pointers() {
    Library::under_test();
    for name in [
        "close setsockopt getsockopt bind connect unbind disconnect send send_const recv sendmsg recvmsg",
        "sendiov recviov socket_monitor msg_send msg_recv",
    ]
    .into_iter()
    .flat_map(str::split_whitespace)
    {
        assert_eq!(call(name, &[]), (-1, libc::ENOTSOCK), "{name}");
    }
    for name in [
        "ctx_term ctx_shutdown ctx_set ctx_get term ctx_destroy proxy proxy_steerable device",
        "msg_init msg_init_size msg_init_data msg_close msg_move msg_copy msg_more msg_get",
        "curve_keypair curve_public atomic_counter_inc atomic_counter_dec atomic_counter_value",
    ]
    .into_iter()
    .flat_map(str::split_whitespace)
    {
        assert_eq!(call(name, &[]), (-1, libc::EFAULT), "{name}");
    }
    for name in [
        "socket msg_data msg_size z85_encode z85_decode stopwatch_intermediate stopwatch_stop threadstart",
    ]
    .into_iter()
    .flat_map(str::split_whitespace)
    {
        assert_eq!(call(name, &[]), (0, libc::EFAULT), "{name}");
    }
    assert_eq!(call("msg_set", &[]), (-1, libc::EINVAL));
    assert_eq!(call("msg_gets", &[]), (0, libc::EINVAL));
    assert_eq!(call("poll", &[0, 1]), (-1, libc::EFAULT));
    for name in [
        "atomic_counter_set",
        "atomic_counter_destroy",
        "threadclose",
        "version",
    ] {
        call(name, &[]);
    }
    for name in ["poll", "has"] {
        assert_eq!(call(name, &[]).0, 0, "{name}");
    }

    // A socket that is one, and null for the rest.
    let context = call_for_handle("ctx_new", &[]);
    let socket = call_for_handle("socket", &[context, PAIR as usize]);
    for name in ["bind", "connect", "unbind", "disconnect"] {
        assert_eq!(call(name, &[socket]), (-1, libc::EINVAL), "{name}");
    }
    for name in ["sendmsg", "recvmsg"] {
        assert_eq!(call(name, &[socket]), (-1, libc::EFAULT), "{name}");
    }
    for name in ["msg_send", "msg_recv"] {
        assert_eq!(call(name, &[0, socket]), (-1, libc::EFAULT), "{name}");
    }
    for (name, arguments) in [
        ("send", [socket, 0, 8, 0]),
        ("setsockopt", [socket, LINGER as usize, 0, 4]),
        ("getsockopt", [socket, LINGER as usize, 0, 0]),
    ] {
        assert_eq!(call(name, &arguments).0, -1, "{name}");
    }
    assert_eq!(call("proxy", &[socket]), (-1, libc::EFAULT));
    assert_eq!(call("close", &[socket]).0, 0);
    assert_eq!(call("ctx_term", &[context]).0, 0);
}

fn call_for_handle(name: &str, arguments: &[usize]) -> usize {
    let &[a, b] = arguments else {
        // SAFETY: takes nothing.
        return unsafe { function(name)(0, 0, 0, 0, 0, 0) };
    };
    // SAFETY: a handle, and a number.
    unsafe { function(name)(a, b, 0, 0, 0, 0) }
}

/// What is no message, or none any more, is known as such, and costs no message that is one.
pub fn no_message() {
    static FREED: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn free(_: *mut c_void, _: *mut c_void) {
        FREED.fetch_add(1, Ordering::SeqCst);
    }
    Library::under_test();
    let context = call_for_handle("ctx_new", &[]);
    let socket = call_for_handle("socket", &[context, PAIR as usize]);
    let body = [7_u8; 100];
    let body = body.as_ptr() as usize;
    let free = free as extern "C" fn(*mut c_void, *mut c_void) as usize;

    assert_eq!(
        call("msg_init_data", &[0, body, 100, free]),
        (-1, libc::EFAULT)
    );
    assert_eq!(FREED.load(Ordering::SeqCst), 0, "the data are the caller's");

    let mut good = [0_u64; 8];
    let good = ptr::from_mut(&mut good) as usize;
    assert_eq!(call("msg_init_data", &[good, body, 100, free]).0, 0);
    for bytes in [Some(0), Some(0xff), None] {
        let mut bad = [u64::from_ne_bytes([bytes.unwrap_or_default(); 8]); 8];
        let bad = ptr::from_mut(&mut bad) as usize;
        if bytes.is_none() {
            // One that was closed.
            assert_eq!(call("msg_init_size", &[bad, 1000]).0, 0);
            assert_eq!(call("msg_close", &[bad]).0, 0);
        }
        for name in ["msg_close", "msg_more", "msg_get"] {
            assert_eq!(call(name, &[bad, 1]), (-1, libc::EFAULT), "{name}");
        }
        for name in ["msg_data", "msg_size"] {
            assert_eq!(call(name, &[bad]), (0, libc::EFAULT), "{name}");
        }
        for name in ["msg_send", "msg_recv"] {
            let arguments = [bad, socket, DONTWAIT as usize];
            assert_eq!(call(name, &arguments), (-1, libc::EFAULT), "{name}");
        }
        for name in ["msg_move", "msg_copy"] {
            assert_eq!(call(name, &[bad, good]), (-1, libc::EFAULT), "{name}");
            assert_eq!(call(name, &[good, bad]), (-1, libc::EFAULT), "{name}");
            assert_eq!(call("msg_size", &[good]).0, 100, "after {name}");
        }
    }
    assert_eq!(
        FREED.load(Ordering::SeqCst),
        0,
        "the message is still there"
    );
    assert_eq!(call("msg_close", &[good]).0, 0);
    assert_eq!(FREED.load(Ordering::SeqCst), 1);
    assert_eq!(call("close", &[socket]).0, 0);
    assert_eq!(call("ctx_term", &[context]).0, 0);
}
