//! Options of a context (zmq_ctx_set(3), zmq_ctx_get(3)).

use std::{collections::BTreeSet, ffi::c_int};

use super::{Text, Value};
use crate::{
    consts::*,
    endpoint::atoi,
    error::{Error, Result},
};

/// Sockets that a context can have at most, whatever `ZMQ_MAX_SOCKETS` allows.
const SOCKET_LIMIT: c_int = 65535;
/// The size of a `zmq_msg_t`.
const MESSAGE_SIZE: c_int = 64;
/// The longest thread name that Linux keeps, without its NUL.
const THREAD_NAME_MAX: usize = 15;

/// All options of a context. Those about threads count when the first socket is made.
#[derive(Clone, Debug)]
pub struct ContextOptions {
    /// Threads that serve connections; with 0 only inproc works.
    pub io_threads: c_int,
    /// Sockets that may be open at once.
    pub max_sockets: c_int,
    /// Largest message, in bytes; kept but, as ever, not looked at.
    pub max_message_size: c_int,
    /// Whether new sockets linger for ever instead of not at all.
    pub blocky: bool,
    /// Whether new sockets have IPv6 on.
    pub ipv6: bool,
    /// Whether received messages may share the buffer they were read into.
    pub zero_copy: bool,
    /// SCHED_* for the threads; -1 to leave it.
    pub thread_policy: c_int,
    /// Priority for the threads; -1 to leave it.
    pub thread_priority: c_int,
    /// CPUs the threads may run on; empty for all.
    pub thread_cpus: BTreeSet<c_int>,
    /// Put before the threads' names; at most 16 bytes.
    pub thread_prefix: Text,
}

impl Default for ContextOptions {
    fn default() -> ContextOptions {
        ContextOptions {
            io_threads: ZMQ_IO_THREADS_DFLT,
            max_sockets: ZMQ_MAX_SOCKETS_DFLT,
            max_message_size: c_int::MAX,
            blocky: true,
            ipv6: false,
            zero_copy: true,
            thread_policy: ZMQ_THREAD_SCHED_POLICY_DFLT,
            thread_priority: ZMQ_THREAD_PRIORITY_DFLT,
            thread_cpus: BTreeSet::new(),
            thread_prefix: Text::default(),
        }
    }
}

impl ContextOptions {
    /// Sets an option. EINVAL: no such option, or a wrong length or value.
    pub fn set(&mut self, id: c_int, value: Value<'_>) -> Result<()> {
        if id == ZMQ_THREAD_NAME_PREFIX {
            self.thread_prefix = match value.int() {
                Ok(number) => Text::new(number.to_string().as_bytes())?,
                Err(_) => Text::new(value.filled(16)?)?,
            };
            return Ok(());
        }
        let number = value.int()?;
        if number < 0 {
            return Err(Error::EINVAL);
        }
        match id {
            ZMQ_MAX_SOCKETS if number == 0 => return Err(Error::EINVAL),
            ZMQ_MAX_SOCKETS => self.max_sockets = number,
            ZMQ_IO_THREADS => self.io_threads = number,
            ZMQ_IPV6 => self.ipv6 = number != 0,
            ZMQ_BLOCKY => self.blocky = number != 0,
            ZMQ_MAX_MSGSZ => self.max_message_size = number,
            ZMQ_ZERO_COPY_RECV => self.zero_copy = number != 0,
            ZMQ_THREAD_SCHED_POLICY => self.thread_policy = number,
            ZMQ_THREAD_PRIORITY => self.thread_priority = number,
            ZMQ_THREAD_AFFINITY_CPU_ADD => drop(self.thread_cpus.insert(number)),
            ZMQ_THREAD_AFFINITY_CPU_REMOVE if self.thread_cpus.remove(&number) => {}
            _ => return Err(Error::EINVAL),
        }
        Ok(())
    }

    /// The value of an option that is a number. EINVAL: no such option.
    pub fn get(&self, id: c_int) -> Result<c_int> {
        Ok(match id {
            ZMQ_MAX_SOCKETS => self.max_sockets,
            // The number is also that of ZMQ_THREAD_PRIORITY, which therefore cannot be read.
            ZMQ_SOCKET_LIMIT => SOCKET_LIMIT,
            ZMQ_IO_THREADS => self.io_threads,
            ZMQ_IPV6 => self.ipv6.into(),
            ZMQ_BLOCKY => self.blocky.into(),
            ZMQ_MAX_MSGSZ => self.max_message_size,
            ZMQ_MSG_T_SIZE => MESSAGE_SIZE,
            ZMQ_ZERO_COPY_RECV => self.zero_copy.into(),
            ZMQ_THREAD_SCHED_POLICY => self.thread_policy,
            ZMQ_THREAD_NAME_PREFIX => atoi(&self.thread_prefix),
            _ => return Err(Error::EINVAL),
        })
    }

    /// The value of an option in a buffer of exactly an int, or the threads' prefix in one of any other length that
    /// holds it; without a NUL, and the rest of the buffer as it was. EINVAL: no such option, or a wrong length.
    pub fn get_ext(&self, id: c_int, out: &mut [u8]) -> Result<()> {
        let prefix = &self.thread_prefix;
        if out.len() == size_of::<c_int>() {
            out.copy_from_slice(&self.get(id)?.to_ne_bytes());
        } else if id == ZMQ_THREAD_NAME_PREFIX && out.len() >= prefix.len() {
            out[..prefix.len()].copy_from_slice(prefix);
        } else {
            return Err(Error::EINVAL);
        }
        Ok(())
    }

    /// The name of a background thread, such as `IO/0`: `prefix/ZMQbg/IO/0`, cut to 15 bytes and without NULs.
    pub fn thread_name(&self, name: &str) -> Vec<u8> {
        let prefix = self
            .thread_prefix
            .split(|&b| b == 0)
            .next()
            .unwrap_or_default();
        let slash: &[u8] = if self.thread_prefix.is_empty() {
            b""
        } else {
            b"/"
        };
        let mut full = [prefix, slash, b"ZMQbg/", name.as_bytes()].concat();
        full.truncate(THREAD_NAME_MAX);
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: c_int) -> [u8; 4] {
        value.to_ne_bytes()
    }

    /// Values out of range, and options that are only read, are refused.
    #[test]
    fn ranges() {
        let mut options = ContextOptions::default();
        for (id, value, expected) in [
            (ZMQ_MAX_SOCKETS, 0, Err(Error::EINVAL)),
            (ZMQ_MAX_SOCKETS, 1 << 20, Ok(())),
            (ZMQ_IO_THREADS, -1, Err(Error::EINVAL)),
            (ZMQ_IO_THREADS, 0, Ok(())),
            (ZMQ_BLOCKY, 2, Ok(())),
            (ZMQ_MSG_T_SIZE, 1, Err(Error::EINVAL)),
            (ZMQ_THREAD_AFFINITY_CPU_REMOVE, 3, Err(Error::EINVAL)),
            (ZMQ_THREAD_AFFINITY_CPU_ADD, 3, Ok(())),
            (ZMQ_THREAD_AFFINITY_CPU_REMOVE, 3, Ok(())),
        ] {
            assert_eq!(
                options.set(id, Value::Bytes(&int(value))),
                expected,
                "{id} {value}"
            );
        }
        assert_eq!(options.get(ZMQ_MAX_SOCKETS), Ok(1 << 20));
        assert_eq!(options.get(ZMQ_BLOCKY), Ok(1));
        assert_eq!(options.get(ZMQ_MSG_T_SIZE), Ok(64));
        assert_eq!(options.get(ZMQ_THREAD_AFFINITY_CPU_ADD), Err(Error::EINVAL));
    }

    /// `ZMQ_THREAD_PRIORITY` and `ZMQ_SOCKET_LIMIT` are one number.
    #[test]
    fn priority_hides_behind_the_limit() {
        let mut options = ContextOptions::default();
        options
            .set(ZMQ_THREAD_PRIORITY, Value::Bytes(&int(7)))
            .unwrap();
        assert_eq!(options.thread_priority, 7);
        assert_eq!(options.get(ZMQ_SOCKET_LIMIT), Ok(65535));
    }

    /// The prefix is a number or a text, by length.
    #[test]
    fn thread_prefix() {
        let mut options = ContextOptions::default();
        assert_eq!(options.thread_name("IO/0"), b"ZMQbg/IO/0");
        options
            .set(ZMQ_THREAD_NAME_PREFIX, Value::Bytes(&int(1234)))
            .unwrap();
        assert_eq!(options.get(ZMQ_THREAD_NAME_PREFIX), Ok(1234));
        assert_eq!(options.thread_name("IO/0"), b"1234/ZMQbg/IO/0");
        options
            .set(ZMQ_THREAD_NAME_PREFIX, Value::Bytes(b"workers\0"))
            .unwrap();
        assert_eq!(options.thread_name("IO/0"), b"workers/ZMQbg/I");
        let mut out = [b'.'; 10];
        options.get_ext(ZMQ_THREAD_NAME_PREFIX, &mut out).unwrap();
        assert_eq!(&out, b"workers\0..");
        assert_eq!(
            options.get_ext(ZMQ_THREAD_NAME_PREFIX, &mut out[..7]),
            Err(Error::EINVAL)
        );
        let refused = options.set(ZMQ_THREAD_NAME_PREFIX, Value::Bytes(&[b'x'; 17]));
        assert_eq!(refused, Err(Error::EINVAL));
    }
}
