//! The host does without some of what makes the library fast (`ZMQ_WITHOUT`): all goes on as it does with it.

use capi_tests::api::{Library, consts::*};

use super::alone_in;

const NUMBERS: u32 = 20_000;
const QUESTIONS: u32 = 500;
/// How long is waited for a message, in milliseconds.
const PATIENCE: i32 = 20_000;

/// Messages in a stream, and questions with answers, over each transport.
fn talk() {
    let library = Library::under_test();
    let context = library.context();
    for transport in ["inproc", "tcp", "ipc"] {
        for [first, second] in [[PULL, PUSH], [REP, REQ]] {
            let (near, far) = (context.socket(first), context.socket(second));
            near.set(RCVTIMEO, PATIENCE).expect("set");
            far.set(RCVTIMEO, PATIENCE).expect("set");
            far.connect(&near.bind_any(transport)).expect("connected");
            let count = if first == PULL { NUMBERS } else { QUESTIONS };
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for number in 0..count {
                        far.send(&number.to_ne_bytes(), 0).expect("sent");
                        if second == REQ {
                            let answer = far.recv(0).expect("an answer");
                            assert_eq!(answer, number.to_ne_bytes());
                        }
                    }
                });
                for number in 0..count {
                    let received = near.recv(0).expect("a message");
                    assert_eq!(received, number.to_ne_bytes());
                    if first == REP {
                        near.send(&received, 0).expect("answered");
                    }
                }
            });
            near.close().expect("closed");
            far.close().expect("closed");
        }
    }
    context.term().expect("terminated");
}

/// Whether this process has registered for membarrier(2), for which the system answers what is known to nobody else: without
/// that, the call fails with EPERM.
fn has_registered() -> bool {
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    // SAFETY: takes no pointers.
    unsafe { libc::syscall(libc::SYS_membarrier, PRIVATE_EXPEDITED, 0, 0) == 0 }
}

macro_rules! without {
    ($($name:ident = $list:literal),*) => {$(
        #[test]
        fn $name() {
            let name = concat!("switches::", stringify!($name));
            alone_in(name, &[("ZMQ_WITHOUT", $list)], || {
                talk();
                if $list.contains("membarrier") {
                    assert!(!has_registered());
                }
            });
        }
    )*};
}

without! {
    without_membarrier = "membarrier",
    without_bias = "bias",
    without_streaming = "streaming",
    without_burst = "burst",
    without_hold = "hold",
    without_giving_way = "giveway",
    without_spinning = "spin",
    without_leases = "lease",
    without_any = "membarrier,bias,streaming,burst,hold,giveway,spin,lease"
}
