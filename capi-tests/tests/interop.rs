//! The library and upstream's talk to each other: every pattern, over TCP and IPC, each of them on either side and
//! either of them binding; then with NULL, PLAIN and CURVE and a ZAP handler, and with CURVE and none, either of them the
//! server. Content, parts and order are checked by the peers, and who the sender is.
//!
//! `INTEROP=all` combines all with all: few and many messages, small and large, with all patterns, mechanisms, binders.

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
/// One message, of one part.
const ONE_HUGE: Load = Load {
    messages: 1,
    longest: 16 << 20,
};
const MANY: Load = Load {
    messages: 20_000,
    longest: 300,
};

/// A side's socket type and role.
type Part = (&'static str, &'static str);

const PATTERNS: [(Part, Part); 13] = [
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

/// Whether to leave out nothing.
fn is_thorough() -> bool {
    std::env::var("INTEROP").is_ok_and(|value| value == "all")
}

/// The library and upstream's, each first once.
fn libraries() -> [(&'static Path, &'static Path); 2] {
    let (ours, theirs) = (library::directory(), reference::library());
    [(ours, theirs), (theirs, ours)]
}

fn talk(binder: Side, connecter: Side, endpoint: &str, load: Load) {
    if let Err(what) = peers::converse(binder, connecter, endpoint, load) {
        panic!("{what}");
    }
}

/// Runs the conversation of `one` with `other`, over TCP and IPC, either of them binding.
fn interoperate(one: Part, other: Part, load: Load) {
    let scratch = Scratch::new();
    for (ours, theirs) in libraries() {
        let side = |(socket, role), library| Side {
            socket,
            role,
            security: "null",
            library,
        };
        let (one, other) = (side(one, ours), side(other, theirs));
        for (binder, connecter) in [(one, other), (other, one)] {
            for endpoint in ["tcp://127.0.0.1:*".into(), scratch.endpoint()] {
                talk(binder, connecter, &endpoint, load);
            }
        }
    }
}

/// What secures a conversation, by the words of `peer.c`.
#[derive(Clone, Copy)]
struct Secured {
    server: &'static str,
    client: &'static str,
    has_handler: bool,
    /// Whether clients bind, too.
    clients_bind: bool,
}

impl Secured {
    /// The conversation over TCP, either side the server.
    fn interoperate(self, one: Part, other: Part, load: Load) {
        for (ours, theirs) in libraries() {
            for is_server in [true, false] {
                let side = |(socket, role), library, is_server| Side {
                    socket,
                    role,
                    security: if is_server { self.server } else { self.client },
                    library,
                };
                let (one, other) = (side(one, ours, is_server), side(other, theirs, !is_server));
                // Upstream's REQ takes what a ZAP handler calls its peer for a reply without a delimiter, and hangs up.
                let is_upstreams = one.library == reference::library();
                if one.socket == "REQ" && is_server && is_upstreams && self.has_handler {
                    continue;
                }
                let (server, client) = if is_server {
                    (one, other)
                } else {
                    (other, one)
                };
                talk(server, client, "tcp://127.0.0.1:*", load);
                if self.clients_bind || is_thorough() {
                    talk(client, server, "tcp://127.0.0.1:*", load);
                }
            }
        }
    }

    /// Every pattern; messages larger than any buffer, and many small ones.
    fn all(self) {
        for (one, other) in PATTERNS {
            self.interoperate(one, other, MIXED);
            if is_thorough() {
                self.interoperate(one, other, HUGE);
                self.interoperate(one, other, MANY);
            }
        }
        self.interoperate(("PUSH", "send"), ("PULL", "receive"), HUGE);
        self.interoperate(("REQ", "ask"), ("REP", "answer"), HUGE);
        self.interoperate(("PUSH", "send"), ("PULL", "receive"), MANY);
    }
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

// The same through each kind of socket, in clear and encrypted.
#[test]
fn huge_messages_of_every_pattern() {
    for (one, other) in PATTERNS {
        NULL.interoperate(one, other, ONE_HUGE);
        CURVE_ALONE.interoperate(one, other, ONE_HUGE);
    }
}

// Many small ones, so that frames share buffers and straddle their ends.
#[test]
fn many_small_messages() {
    interoperate(("PUSH", "send"), ("PULL", "receive"), MANY);
    interoperate(("PUB", "publish"), ("SUB", "collect"), MANY);
}

const NULL: Secured = Secured {
    server: "null-server",
    client: "null-client",
    has_handler: true,
    clients_bind: false,
};
const PLAIN: Secured = Secured {
    server: "plain-server",
    client: "plain-client",
    has_handler: true,
    clients_bind: true,
};
const CURVE: Secured = Secured {
    server: "curve-server",
    client: "curve-client",
    has_handler: true,
    clients_bind: true,
};
const CURVE_ALONE: Secured = Secured {
    server: "curve-server-alone",
    client: "curve-client",
    has_handler: false,
    clients_bind: false,
};

#[test]
fn null_with_a_zap_handler() {
    NULL.all();
}

#[test]
fn plain() {
    PLAIN.all();
}

#[test]
fn curve() {
    CURVE.all();
}

#[test]
fn curve_without_a_zap_handler() {
    CURVE_ALONE.all();
}
