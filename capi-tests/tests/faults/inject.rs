//! Errors of system calls: a seccomp(2) filter of the calling thread, which threads it starts inherit, leaves the calls
//! to a supervisor that lets them pass or has them fail.

use std::{
    ffi::{c_int, c_long},
    sync::{Arc, Mutex, PoisonError, mpsc},
};

/// A system call that is about to be made.
pub struct Call {
    pub arguments: [u64; 6],
}

impl Call {
    /// The descriptor, where that is the first argument.
    pub fn fd(&self) -> c_int {
        self.arguments[0] as c_int
    }
}

type Rule = dyn FnMut(&Call) -> Option<c_int> + Send;

/// What has calls of this thread, and of those that it starts from now on, fail.
pub struct Injector(Arc<Mutex<Option<Box<Rule>>>>);

impl Injector {
    /// Nothing fails yet. `calls` can.
    pub fn new(calls: &[c_long]) -> Injector {
        let injector = Injector(Arc::default());
        let (tell, told) = mpsc::channel();
        let rule = injector.0.clone();
        // It is there before the filter, which is not for its own calls.
        std::thread::spawn(move || {
            if let Ok(listener) = told.recv() {
                supervise(listener, &rule);
            }
        });
        tell.send(install(calls)).expect("a supervisor");
        injector
    }

    /// From now on a call fails with the errno that this says, if it does.
    pub fn set(&self, rule: impl FnMut(&Call) -> Option<c_int> + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(rule));
    }

    /// Nothing fails any more.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Installs the filter, and returns the descriptor that it tells of calls by.
fn install(calls: &[c_long]) -> c_int {
    let statement = |code: u32, jump_true, jump_false, k| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equals = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let mut program = vec![statement(load, 0, 0, 0)];
    for (i, &call) in calls.iter().enumerate() {
        let beyond_the_rest = (calls.len() - i) as u8;
        program.push(statement(equals, beyond_the_rest, 0, call as u32));
    }
    program.push(statement(answer, 0, 0, libc::SECCOMP_RET_ALLOW));
    program.push(statement(answer, 0, 0, libc::SECCOMP_RET_USER_NOTIF));
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program is there, and of this length.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let (mode, flags) = (
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
        );
        libc::syscall(libc::SYS_seccomp, mode, flags, &raw const filter)
    };
    assert!(listener >= 0, "{}", std::io::Error::last_os_error());
    listener as c_int
}

fn supervise(listener: c_int, rule: &Mutex<Option<Box<Rule>>>) {
    loop {
        // SAFETY: zeros are valid values, and the system writes and reads one of each.
        unsafe {
            let mut call: libc::seccomp_notif = std::mem::zeroed();
            if libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) < 0 {
                match std::io::Error::last_os_error().raw_os_error() {
                    Some(libc::EINTR | libc::ENOENT) => continue,
                    _ => return,
                }
            }
            let about = Call {
                arguments: call.data.args,
            };
            let mut rule = rule.lock().unwrap_or_else(PoisonError::into_inner);
            let error = rule.as_mut().and_then(|rule| rule(&about));
            drop(rule);
            let mut answer: libc::seccomp_notif_resp = std::mem::zeroed();
            answer.id = call.id;
            match error {
                Some(error) => answer.error = -error,
                None => answer.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
            }
            libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer);
        }
    }
}
