//! Pointers to framework objects that something else keeps alive.

use crate::object::{self, FrameworkObject};
use core::ops::Deref;
use core::ptr::NonNull;

/// A framework object that its holder uses without a reference of its own.
///
/// # Invariants
///
/// The object is alive for as long as the value is used. What keeps it so differs: a child's
/// parent outlives it, a queue waits for its requests before it goes, a driver must not use a
/// handle after it has given it up.
pub(crate) struct Live<T>(NonNull<T>);

impl<T> Live<T> {
    /// A pointer to an object that something else keeps alive.
    ///
    /// # Safety
    ///
    /// The object must stay alive for as long as the result, or a copy of it, is used.
    pub(crate) unsafe fn new(object: NonNull<T>) -> Self {
        Self(object)
    }

    /// [`Live::new`] for an object that the caller has a reference to.
    ///
    /// # Safety
    ///
    /// The object must stay alive for as long as the result, or a copy of it, is used.
    pub(crate) unsafe fn of(object: &T) -> Self {
        Self(NonNull::from(object))
    }

    /// Keeps the object's memory until [`Live::release`].
    pub(crate) fn reference(self)
    where
        T: FrameworkObject,
    {
        object::reference(self.object());
    }

    /// Drops a reference that [`Live::reference`] took.
    ///
    /// # Safety
    ///
    /// The caller must own the reference, and must not use the object afterwards on its account.
    pub(crate) unsafe fn release(self)
    where
        T: FrameworkObject,
    {
        let pointer = self.object().pointer();
        // SAFETY: The caller owns the reference.
        unsafe { object::release(pointer) };
    }

    pub(crate) fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Live<T> {}

impl<T> PartialEq for Live<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Live<T> {}

impl<T> Deref for Live<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The object is alive, by the invariant; what changes in framework objects lies in
        // cells.
        unsafe { self.0.as_ref() }
    }
}
