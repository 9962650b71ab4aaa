//! What of a session can be shown without an I/O thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::{
    io::{Lives, Observer, Zap},
    options::ContextOptions,
    pipe::Inbox,
};

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _: c_int, _: c_int, _: &str) {}
}

impl Zap for Nobody {
    fn connect(&self, _: Arc<dyn Far>) -> Option<End> {
        None
    }
}

/// What a thread has left that panicked in the midst of driving a connection is not gone on with: the I/O thread is
/// told, and the session is given up.
#[test]
fn a_poisoned_session_is_not_used_on() {
    let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
    let options = Options::new(SocketType::Pull, &ContextOptions::default());
    let owner = Owner {
        inbox: Arc::<Inbox>::default(),
        host: None,
        observer: Arc::new(Nobody),
        zap: Arc::new(Nobody),
        live: Lives::new(|| ()).live(),
    };
    let io = Io::new().unwrap();
    let session = Session::accept(near.into(), "".into(), Arc::new(options), owner, io);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _state = session.state();
        std::panic::resume_unwind(Box::new("a bug"));
    }));
    assert!(panicked.is_err());
    assert_eq!(session.state().failed, Some(Error::ENOTRECOVERABLE));
    assert!(!session.state.tell());
}
