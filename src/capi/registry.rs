//! Handles that can be told from any other pointer without looking at what they point to.
//!
//! For objects that are called rarely: each use looks the handle up. What a live call holds outlives the handle, so
//! that an object can be destroyed from within its own callback.

use std::{
    collections::BTreeMap,
    ffi::c_void,
    ptr,
    sync::{Arc, MutexGuard},
};

use crate::{
    error::{Error, Result},
    sync::Global,
};

/// The live objects of one kind, by handle.
pub struct Registry<T>(Global<BTreeMap<usize, Arc<T>>>);

impl<T: Send + Sync> Registry<T> {
    pub const fn new() -> Registry<T> {
        Registry(Global::new(BTreeMap::new(), BTreeMap::new))
    }

    /// Takes an object in. The handle is its address, and so no other object's until it is removed.
    pub fn insert(&'static self, object: T) -> *mut c_void {
        let object = Arc::new(object);
        let handle = Arc::as_ptr(&object).addr();
        self.objects().insert(handle, object);
        ptr::without_provenance_mut(handle)
    }

    /// The object of a handle, or `EFAULT` where there is none.
    pub fn get(&'static self, handle: *mut c_void) -> Result<Arc<T>> {
        self.objects()
            .get(&handle.addr())
            .cloned()
            .ok_or(Error::EFAULT)
    }

    /// Takes the object of a handle out, or fails with `EFAULT` where there is none.
    pub fn remove(&'static self, handle: *mut c_void) -> Result<Arc<T>> {
        self.objects().remove(&handle.addr()).ok_or(Error::EFAULT)
    }

    fn objects(&'static self) -> MutexGuard<'static, BTreeMap<usize, Arc<T>>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_live_handles_are_known() {
        static REGISTRY: Registry<i32> = Registry::new();
        let registry = &REGISTRY;
        let one = registry.insert(1);
        let two = registry.insert(2);
        assert_eq!(*registry.get(two).unwrap(), 2);
        assert_eq!(*registry.remove(one).unwrap(), 1);
        assert_eq!(registry.get(one).unwrap_err(), Error::EFAULT);
        assert_eq!(registry.remove(one).unwrap_err(), Error::EFAULT);
        assert_eq!(registry.get(ptr::null_mut()).unwrap_err(), Error::EFAULT);
        assert_eq!(*registry.get(two).unwrap(), 2);
    }
}
