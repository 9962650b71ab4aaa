//! The library and upstream's talk to each other: every pattern, over TCP and IPC, each of them on either side and
//! either of them binding; then with PLAIN and CURVE, either of them the server. Content, parts and order are checked by
//! the peers, and who the sender is.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use capi_tests::peers::{self, Load, Side};
use capi_tests::{library, reference};

const MIXED: Load = Load {
    messages: 60,
    longest: 1 << 20,
};
const HUGE: Load = Load {
    messages: 2,
    longest: 16 << 20,
};
const MANY: Load = Load {
    messages: 20_000,
    longest: 300,
};

/// Runs the conversation of `one` with `other`, both given as socket type and role, in all its variants.
fn interoperate(one: (&str, &str), other: (&str, &str), load: Load) {
    let libraries = [
        (library::directory(), reference::library()),
        (reference::library(), library::directory()),
    ];
    let scratch = Scratch::new();
    for (ours, theirs) in libraries {
        let side = |(socket, role), library: &'static Path| Side {
            socket,
            role,
            security: "null",
            library,
        };
        let (one, other) = (side(one, ours), side(other, theirs));
        for (binder, connecter) in [(one, other), (other, one)] {
            for endpoint in ["tcp://127.0.0.1:*".into(), scratch.endpoint()] {
                if let Err(what) = peers::converse(binder, connecter, &endpoint, load) {
                    panic!("{what}");
                }
            }
        }
    }
}

/// The same over TCP with a mechanism, "plain" or "curve", each side being the server once.
fn interoperate_with(mechanism: &str, one: (&str, &str), other: (&str, &str), load: Load) {
    let roles = [format!("{mechanism}-server"), format!("{mechanism}-client")];
    let libraries = [
        (library::directory(), reference::library()),
        (reference::library(), library::directory()),
    ];
    for (ours, theirs) in libraries {
        for (first, second) in [(0, 1), (1, 0)] {
            let side = |(socket, role), library: &'static Path, server: usize| Side {
                socket,
                role,
                security: &roles[server],
                library,
            };
            let (one, other) = (side(one, ours, first), side(other, theirs, second));
            // Upstream's REQ takes what a ZAP handler calls its peer for a reply without a delimiter, and hangs up.
            let is_server = |side: &Side| side.security.ends_with("server");
            if one.socket == "REQ" && is_server(&one) && one.library == reference::library() {
                continue;
            }
            for (binder, connecter) in [(one, other), (other, one)] {
                if let Err(what) = peers::converse(binder, connecter, "tcp://127.0.0.1:*", load) {
                    panic!("{what}");
                }
            }
        }
    }
}

/// Every pattern with a mechanism, then messages larger than any buffer, and many small ones.
fn all_with(mechanism: &str) {
    let patterns = [
        (("REQ", "ask"), ("REP", "answer")),
        (("DEALER", "ask"), ("REP", "answer")),
        (("REQ", "ask"), ("ROUTER", "answer")),
        (("DEALER", "ask"), ("ROUTER", "answer")),
        (("ROUTER", "ask"), ("DEALER", "answer")),
        (("DEALER", "ask"), ("DEALER", "answer")),
        (("ROUTER", "ask"), ("ROUTER", "answer")),
        (("PAIR", "ask"), ("PAIR", "answer")),
        (("PUSH", "send"), ("PULL", "receive")),
        (("PUB", "publish"), ("SUB", "collect")),
        (("PUB", "publish"), ("XSUB", "collect")),
        (("XPUB", "publish"), ("SUB", "collect")),
        (("XPUB", "publish"), ("XSUB", "collect")),
    ];
    for (one, other) in patterns {
        interoperate_with(mechanism, one, other, MIXED);
    }
    interoperate_with(mechanism, ("PUSH", "send"), ("PULL", "receive"), HUGE);
    interoperate_with(mechanism, ("REQ", "ask"), ("REP", "answer"), HUGE);
    interoperate_with(mechanism, ("PUSH", "send"), ("PULL", "receive"), MANY);
}

/// A directory for the sockets of IPC, with a name short enough for them.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("zmq-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory can be made");
        Scratch(dir)
    }

    fn endpoint(&self) -> String {
        format!("ipc://{}/socket", self.0.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn req_rep() {
    interoperate(("REQ", "ask"), ("REP", "answer"), MIXED);
}

#[test]
fn dealer_rep() {
    interoperate(("DEALER", "ask"), ("REP", "answer"), MIXED);
}

#[test]
fn req_router() {
    interoperate(("REQ", "ask"), ("ROUTER", "answer"), MIXED);
}

#[test]
fn dealer_router() {
    interoperate(("DEALER", "ask"), ("ROUTER", "answer"), MIXED);
}

#[test]
fn router_dealer() {
    interoperate(("ROUTER", "ask"), ("DEALER", "answer"), MIXED);
}

#[test]
fn dealer_dealer() {
    interoperate(("DEALER", "ask"), ("DEALER", "answer"), MIXED);
}

#[test]
fn router_router() {
    interoperate(("ROUTER", "ask"), ("ROUTER", "answer"), MIXED);
}

#[test]
fn pair_pair() {
    interoperate(("PAIR", "ask"), ("PAIR", "answer"), MIXED);
    interoperate(("PAIR", "send"), ("PAIR", "receive"), MIXED);
}

#[test]
fn push_pull() {
    interoperate(("PUSH", "send"), ("PULL", "receive"), MIXED);
}

#[test]
fn pub_sub() {
    interoperate(("PUB", "publish"), ("SUB", "collect"), MIXED);
}

#[test]
fn pub_xsub() {
    interoperate(("PUB", "publish"), ("XSUB", "collect"), MIXED);
}

#[test]
fn xpub_sub() {
    interoperate(("XPUB", "publish"), ("SUB", "collect"), MIXED);
}

#[test]
fn xpub_xsub() {
    interoperate(("XPUB", "publish"), ("XSUB", "collect"), MIXED);
}

// Far more than any buffer on the way holds.
#[test]
fn huge_messages() {
    interoperate(("PUSH", "send"), ("PULL", "receive"), HUGE);
    interoperate(("REQ", "ask"), ("REP", "answer"), HUGE);
}

// Many small ones, so that frames share buffers and straddle their ends.
#[test]
fn many_small_messages() {
    interoperate(("PUSH", "send"), ("PULL", "receive"), MANY);
    interoperate(("PUB", "publish"), ("SUB", "collect"), MANY);
}

#[test]
fn plain() {
    all_with("plain");
}

#[test]
fn curve() {
    all_with("curve");
}
