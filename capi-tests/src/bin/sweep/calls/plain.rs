//! What needs no socket: contexts, texts, times, threads, counters, keys, timers.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, Ordering},
    thread,
    time::Duration,
};

use capi_tests::api::{Library, consts::*};

use super::{BAD, Case, bad, case, foreign, interrupted, null};

pub fn cases() -> Vec<Case> {
    let mut cases = utilities();
    cases.extend(contexts());
    cases.extend(counters());
    cases.extend(keys());
    cases.extend(timers());
    cases
}

unsafe extern "C" fn nothing(_: *mut c_void) {}

/// The errno of a thread that has closed itself; -1 before.
static CLOSED_ITSELF: AtomicI32 = AtomicI32::new(-1);

/// Closes the thread that it runs in, once the handle is there.
unsafe extern "C" fn close_itself(own: *mut c_void) {
    // SAFETY: it is what the thread was started with.
    let (library, handle) = unsafe { &*own.cast::<(&'static Library, AtomicPtr<c_void>)>() };
    while handle.load(Ordering::SeqCst).is_null() {
        thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: the handle is this thread's. If the library ends the process, that is what the case
    // is about.
    let errno = unsafe {
        *libc::__errno_location() = 0;
        (library.functions().threadclose)(handle.load(Ordering::SeqCst));
        *libc::__errno_location()
    };
    CLOSED_ITSELF.store(errno, Ordering::SeqCst);
}

fn utilities() -> Vec<Case> {
    vec![
        case("errno", |library| {
            call!(library, errno());
        }),
        case("strerror", |library| {
            for errno in [0, libc::EINVAL, ETERM, -1] {
                call!(library, strerror(errno));
            }
        }),
        case("version", |library| {
            let (mut major, mut minor, mut patch) = (0, 0, 0);
            call!(library, version(&mut major, &mut minor, &mut patch));
            say!("{major}.{minor}.{patch}");
        }),
        case("version null", |library| {
            call!(library, version(null(), null(), null()));
        }),
        case("has", |library| {
            for name in [c"ipc", c"curve", c"IPC", c""] {
                call!(library, has(name.as_ptr()));
            }
        }),
        case("has null", |library| {
            call!(library, has(ptr::null()));
        }),
        case("stopwatch", |library| {
            let watch = call!(library, stopwatch_start());
            call!(library, stopwatch_intermediate(watch));
            call!(library, stopwatch_stop(watch));
        }),
        case("stopwatch intermediate null", |library| {
            call!(library, stopwatch_intermediate(null()));
        }),
        case("stopwatch stop null", |library| {
            call!(library, stopwatch_stop(null()));
        }),
        case("sleep", |library| {
            call!(library, sleep(0));
        }),
        case("thread", |library| {
            let thread = call!(library, threadstart(Some(nothing), null()));
            call!(library, threadclose(thread));
        }),
        case("threadclose null", |library| {
            call!(library, threadclose(null()));
        }),
        case("threadstart null", |library| {
            let thread = call!(library, threadstart(None, null()));
            if !thread.is_null() {
                call!(library, threadclose(thread));
            }
        }),
        case("threadclose itself", |library| {
            let own: &'static _ = Box::leak(Box::new((library, AtomicPtr::new(null::<c_void>()))));
            let argument = ptr::from_ref(own).cast_mut().cast();
            let handle = call!(library, threadstart(Some(close_itself), argument));
            own.1.store(handle, Ordering::SeqCst);
            while CLOSED_ITSELF.load(Ordering::SeqCst) < 0 {
                thread::sleep(Duration::from_millis(1));
            }
            let errno = CLOSED_ITSELF.load(Ordering::SeqCst);
            super::tell("zmq_threadclose", &(), errno);
        }),
    ]
}

fn contexts() -> Vec<Case> {
    let mut cases = vec![
        case("ctx", |library| {
            let context = call!(library, ctx_new());
            call!(library, ctx_shutdown(context));
            call!(library, ctx_shutdown(context));
            call!(library, ctx_term(context));
        }),
        case("init", |library| {
            for threads in [-1, 0, 3] {
                let context = call!(library, init(threads));
                if !context.is_null() {
                    call!(library, ctx_get(context, IO_THREADS));
                    call!(library, term(context));
                }
            }
        }),
        case("ctx_destroy", |library| {
            let context = call!(library, ctx_new());
            call!(library, ctx_destroy(context));
        }),
    ];
    for what in BAD {
        cases.extend([
            case(format!("ctx_term {what}"), move |library| {
                call!(library, ctx_term(bad(what)));
            }),
            case(format!("term {what}"), move |library| {
                call!(library, term(bad(what)));
            }),
            case(format!("ctx_destroy {what}"), move |library| {
                call!(library, ctx_destroy(bad(what)));
            }),
            case(format!("ctx_shutdown {what}"), move |library| {
                call!(library, ctx_shutdown(bad(what)));
            }),
            case(format!("ctx_set {what}"), move |library| {
                call!(library, ctx_set(bad(what), IO_THREADS, 1));
            }),
            case(format!("ctx_get {what}"), move |library| {
                call!(library, ctx_get(bad(what), IO_THREADS));
            }),
            case(format!("socket {what}"), move |library| {
                call!(library, socket(bad(what), PAIR));
            }),
        ]);
    }
    for name in ["ctx_term", "term", "ctx_destroy"] {
        cases.push(case(format!("{name} interrupted"), move |library| {
            let context = library.context();
            let socket = context.socket(PAIR);
            let raw = context.raw();
            interrupted(|| match name {
                "ctx_term" => call!(library, ctx_term(raw)),
                "term" => call!(library, term(raw)),
                _ => call!(library, ctx_destroy(raw)),
            });
            super::end(context, &[socket]);
        }));
    }
    cases
}

fn counters() -> Vec<Case> {
    vec![
        case("counter", |library| {
            let mut counter = call!(library, atomic_counter_new());
            call!(library, atomic_counter_set(counter, 1));
            call!(library, atomic_counter_inc(counter));
            call!(library, atomic_counter_dec(counter));
            call!(library, atomic_counter_value(counter));
            call!(library, atomic_counter_destroy(&mut counter));
            say!("{}", counter.is_null());
        }),
        case("counter set null", |library| {
            call!(library, atomic_counter_set(null(), 1));
        }),
        case("counter inc null", |library| {
            call!(library, atomic_counter_inc(null()));
        }),
        case("counter dec null", |library| {
            call!(library, atomic_counter_dec(null()));
        }),
        case("counter value null", |library| {
            call!(library, atomic_counter_value(null()));
        }),
        case("counter destroy null", |library| {
            call!(library, atomic_counter_destroy(null()));
        }),
        case("counter destroy null handle", |library| {
            call!(library, atomic_counter_destroy(&mut null()));
        }),
    ]
}

fn keys() -> Vec<Case> {
    /// The public key that a secret key has.
    fn public(library: &'static Library, secret: *const c_char) {
        let mut key = [0 as c_char; 41];
        call!(library, curve_public(key.as_mut_ptr(), secret));
    }
    vec![
        case("z85_encode", |library| {
            let mut text = [0 as c_char; 16];
            for size in [0, 4, 8, 3] {
                call!(
                    library,
                    z85_encode(text.as_mut_ptr(), b"whatever".as_ptr(), size)
                );
            }
        }),
        case("z85_encode to null", |library| {
            call!(library, z85_encode(null(), b"four".as_ptr(), 4));
        }),
        case("z85_encode null", |library| {
            call!(
                library,
                z85_encode([0 as c_char; 8].as_mut_ptr(), ptr::null(), 4)
            );
        }),
        case("z85_decode", |library| {
            let mut bytes = [0; 16];
            for text in [c"HelloWorld", c"Hello", c"four", c"#####", c"a\"b\"c", c""] {
                call!(library, z85_decode(bytes.as_mut_ptr(), text.as_ptr()));
            }
        }),
        case("z85_decode to null", |library| {
            call!(library, z85_decode(null(), c"Hello".as_ptr()));
        }),
        case("z85_decode null", |library| {
            call!(library, z85_decode([0; 8].as_mut_ptr(), ptr::null()));
        }),
        case("curve", |library| {
            let (mut own, mut secret) = ([0 as c_char; 41], [0 as c_char; 41]);
            call!(
                library,
                curve_keypair(own.as_mut_ptr(), secret.as_mut_ptr())
            );
            public(library, secret.as_ptr());
        }),
        case("curve_keypair public null", |library| {
            call!(
                library,
                curve_keypair(null(), [0 as c_char; 41].as_mut_ptr())
            );
        }),
        case("curve_keypair secret null", |library| {
            call!(
                library,
                curve_keypair([0 as c_char; 41].as_mut_ptr(), null())
            );
        }),
        case("curve_public empty", |library| {
            public(library, c"".as_ptr())
        }),
        case("curve_public no Z85", |library| {
            public(
                library,
                c"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""
                    .as_ptr(),
            )
        }),
        case("curve_public null", |library| {
            public(library, ptr::null());
        }),
        case("curve_public to null", |library| {
            call!(
                library,
                curve_public(null(), c"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6".as_ptr())
            );
        }),
    ]
}

fn timers() -> Vec<Case> {
    /// An hour.
    const LONG: usize = 3_600_000;
    unsafe extern "C" fn ignore(_: c_int, _: *mut c_void) {}
    let mut cases = vec![
        case("timers", |library| {
            let mut timers = call!(library, timers_new());
            call!(library, timers_timeout(timers));
            let id = call!(library, timers_add(timers, LONG, Some(ignore), null()));
            call!(library, timers_execute(timers));
            call!(library, timers_set_interval(timers, id, LONG));
            call!(library, timers_reset(timers, id));
            call!(library, timers_timeout(timers));
            call!(library, timers_cancel(timers, id));
            call!(library, timers_cancel(timers, id));
            call!(library, timers_timeout(timers));
            for id in [-1, 0, 7] {
                call!(library, timers_cancel(timers, id));
                call!(library, timers_set_interval(timers, id, LONG));
                call!(library, timers_reset(timers, id));
            }
            call!(library, timers_add(timers, LONG, None, null()));
            call!(library, timers_destroy(&mut timers));
            say!("{}", timers.is_null());
        }),
        case("timers_destroy null", |library| {
            call!(library, timers_destroy(null()));
        }),
        case("timers_destroy null handle", |library| {
            call!(library, timers_destroy(&mut null()));
        }),
        case("timers_destroy foreign", |library| {
            call!(library, timers_destroy(&mut foreign()));
        }),
    ];
    for what in BAD {
        cases.push(case(format!("timers {what}"), move |library| {
            call!(library, timers_add(bad(what), LONG, Some(ignore), null()));
            call!(library, timers_cancel(bad(what), 1));
            call!(library, timers_set_interval(bad(what), 1, LONG));
            call!(library, timers_reset(bad(what), 1));
            call!(library, timers_timeout(bad(what)));
            call!(library, timers_execute(bad(what)));
        }));
    }
    cases
}
