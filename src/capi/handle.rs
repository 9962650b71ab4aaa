//! From the pointers that C programs hold to what they stand for.

use std::{
    ffi::{CStr, c_char, c_void},
    slice,
    sync::{Arc, atomic::AtomicU32, atomic::Ordering},
};

use crate::{
    core::{
        context::Context,
        slot::{Content, Slot},
        socket::Socket,
        wait::Handle,
    },
    error::{Error, Result},
};

/// The slot that a handle points to, if anything is in it.
///
/// # Safety
/// The handle is null, or one that this library has ever returned, or points to memory that can
/// be read.
#[inline]
unsafe fn find<T: Content>(handle: *mut c_void) -> Result<&'static Slot<T>> {
    let slot = handle.cast::<Slot<T>>();
    if slot.is_null() || !slot.is_aligned() {
        return Err(T::STALE);
    }
    // SAFETY: readable as promised; a slot begins with its tag.
    if unsafe { &*slot.cast::<AtomicU32>() }.load(Ordering::Acquire) != T::TAG {
        return Err(T::STALE);
    }
    // SAFETY: with this tag it is a slot of ours, and those live forever.
    Ok(unsafe { &*slot })
}

/// A socket. ENOTSOCK if it is none.
///
/// # Safety
/// As for [`find`].
#[inline]
pub unsafe fn socket(handle: *mut c_void) -> Result<Handle> {
    // SAFETY: as promised.
    unsafe { find::<Box<Socket>>(handle) }
}

/// A context's slot. EFAULT if it is none.
///
/// # Safety
/// As for [`find`].
pub unsafe fn context_slot(handle: *mut c_void) -> Result<&'static Slot<Arc<Context>>> {
    // SAFETY: as promised.
    unsafe { find::<Arc<Context>>(handle) }
}

/// A context. EFAULT if it is none.
///
/// # Safety
/// As for [`find`].
pub unsafe fn context(handle: *mut c_void) -> Result<Arc<Context>> {
    // SAFETY: as promised.
    Ok(unsafe { context_slot(handle) }?.lock()?.clone())
}

/// The handle of a slot.
pub fn of<T: Content>(slot: &'static Slot<T>) -> *mut c_void {
    std::ptr::from_ref(slot).cast_mut().cast()
}

/// A caller's bytes; a null pointer is none of them. EFAULT for a null pointer to some.
///
/// # Safety
/// The pointer is null or valid for reading so many bytes.
#[inline]
pub unsafe fn bytes<'a>(data: *const c_void, size: usize) -> Result<&'a [u8]> {
    match (data.is_null(), size) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Error::EFAULT),
        // SAFETY: as promised.
        (false, _) => Ok(unsafe { slice::from_raw_parts(data.cast(), size) }),
    }
}

/// A caller's buffer; a null pointer is one of no bytes. EFAULT for a null pointer to some.
///
/// # Safety
/// The pointer is null or valid for writing so many bytes.
#[inline]
pub unsafe fn buffer<'a>(data: *mut c_void, size: usize) -> Result<&'a mut [u8]> {
    match (data.is_null(), size) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(Error::EFAULT),
        // SAFETY: as promised.
        (false, _) => Ok(unsafe { slice::from_raw_parts_mut(data.cast(), size) }),
    }
}

/// A caller's text. EINVAL for a null pointer.
///
/// # Safety
/// The pointer is null or to a C string.
pub unsafe fn text<'a>(text: *const c_char) -> Result<&'a [u8]> {
    if text.is_null() {
        return Err(Error::EINVAL);
    }
    // SAFETY: as promised.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes())
}
