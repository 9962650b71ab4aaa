//! Parts of messages: `zmq_msg_t` and its functions.

use std::{
    ffi::{CStr, CString, c_int, c_void},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{Library, Result, Socket};

/// `zmq_msg_t`.
#[repr(C, align(8))]
pub struct Message(pub [u8; 64]);

/// A part of a message.
pub struct Part {
    library: &'static Library,
    /// Initialised, and never moved.
    message: Box<Message>,
}

/// What is lent to a message: a body, and what is done when it is given back.
type Lent = (Vec<u8>, Box<dyn FnOnce() + Send>);

impl Part {
    /// An empty one.
    pub fn new(library: &'static Library) -> Part {
        let mut message = Box::new(Message([0; 64]));
        // SAFETY: there is room for a message.
        unsafe { (library.0.msg_init)(&mut *message) };
        Part { library, message }
    }

    /// One of these bytes.
    pub fn of(library: &'static Library, bytes: &[u8]) -> Part {
        let mut message = Box::new(Message([0; 64]));
        // SAFETY: there is room for a message, which then has room for the bytes.
        unsafe {
            let result = (library.0.msg_init_size)(&mut *message, bytes.len());
            assert_eq!(result, 0, "{:?}", library.errno());
            let data = (library.0.msg_data)(&mut *message);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len());
        }
        Part { library, message }
    }

    /// A part that lends the library a body, by zmq_msg_init_data(3). The count is of bodies given back.
    pub fn lend(library: &'static Library, body: Vec<u8>, given_back: &Arc<AtomicUsize>) -> Self {
        let given_back = given_back.clone();
        Part::lend_for(library, body, move || {
            given_back.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// The same, and what is done when the body is given back.
    pub fn lend_for(
        library: &'static Library,
        body: Vec<u8>,
        then: impl FnOnce() + Send + 'static,
    ) -> Self {
        unsafe extern "C" fn give_back(_: *mut c_void, hint: *mut c_void) {
            // SAFETY: the hint is what was made of a box, and comes back once.
            let (body, then) = *unsafe { Box::from_raw(hint.cast::<Lent>()) };
            drop(body);
            then();
        }
        let mut message = Box::new(Message([0; 64]));
        let mut lent: Box<Lent> = Box::new((body, Box::new(then)));
        let (data, size) = (lent.0.as_mut_ptr().cast(), lent.0.len());
        let hint = Box::into_raw(lent).cast();
        // SAFETY: the body stays where it is until it is given back.
        let result =
            unsafe { (library.0.msg_init_data)(&mut *message, data, size, Some(give_back), hint) };
        library.check(result).expect("memory");
        Part { library, message }
    }

    /// zmq_msg_copy(3), from another one to this one.
    pub fn copy(&mut self, other: &mut Part) -> Result<usize> {
        // SAFETY: both are initialised.
        let result = unsafe { (self.library.0.msg_copy)(&mut *self.message, &mut *other.message) };
        self.library.check(result)
    }

    /// zmq_msg_send(3). If it fails the part is what it was.
    pub fn send(&mut self, socket: Socket, flags: c_int) -> Result<usize> {
        // SAFETY: a handle, and an initialised message.
        let result = unsafe { (self.library.0.msg_send)(&mut *self.message, socket.raw, flags) };
        self.library.check(result)
    }

    /// zmq_msg_recv(3).
    pub fn recv(&mut self, socket: Socket, flags: c_int) -> Result<usize> {
        // SAFETY: a handle, and an initialised message.
        let result = unsafe { (self.library.0.msg_recv)(&mut *self.message, socket.raw, flags) };
        self.library.check(result)
    }

    /// What it holds.
    pub fn bytes(&mut self) -> &[u8] {
        // SAFETY: initialised; its data are as many as its size.
        unsafe {
            let data = (self.library.0.msg_data)(&mut *self.message).cast::<u8>();
            match data.is_null() {
                true => &[],
                false => {
                    std::slice::from_raw_parts(data, (self.library.0.msg_size)(&*self.message))
                }
            }
        }
    }

    /// Whether more parts follow.
    pub fn more(&self) -> bool {
        // SAFETY: initialised.
        unsafe { (self.library.0.msg_more)(&*self.message) != 0 }
    }

    /// A property that is a number.
    pub fn get(&self, property: c_int) -> Result<usize> {
        // SAFETY: initialised.
        let result = unsafe { (self.library.0.msg_get)(&*self.message, property) };
        self.library.check(result)
    }

    /// Sets a property that is a number.
    pub fn set(&mut self, property: c_int, value: c_int) -> Result<usize> {
        // SAFETY: initialised.
        let result = unsafe { (self.library.0.msg_set)(&mut *self.message, property, value) };
        self.library.check(result)
    }

    /// A property that is a text.
    pub fn gets(&self, property: &str) -> Result<String> {
        let name = CString::new(property).expect("no zero bytes");
        // SAFETY: initialised, and a string; the result is one that lives as long as the message.
        unsafe {
            let value = (self.library.0.msg_gets)(&*self.message, name.as_ptr());
            match value.is_null() {
                true => Err(self.library.errno()),
                false => Ok(CStr::from_ptr(value).to_string_lossy().into_owned()),
            }
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: initialised, and closed once.
        unsafe { (self.library.0.msg_close)(&mut *self.message) };
    }
}
