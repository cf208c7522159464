//! Rust values in nonpaged pool allocations of their own.

use crate::status::{Error, Result};
use crate::tag::Tag;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use kmdf_sys::{_POOL_TYPE, MEMORY_ALLOCATION_ALIGNMENT, ntddk};

/// `ExAllocatePoolWithTag` and `ExFreePoolWithTag`: a Rust value in a nonpaged allocation of its
/// own.
///
/// For state that is too large to stand in an object's context, or that comes and goes. `Drop`
/// drops the value and frees the allocation. IRQL: <= DISPATCH_LEVEL throughout.
///
/// # Invariants
///
/// `value` is the start of a live nonpaged allocation with the tag `tag`, large enough and aligned
/// for a `T`, initialised and owned by this box alone.
#[derive(Debug)]
pub struct PoolBox<T> {
    value: NonNull<T>,
    tag: Tag,
}

// SAFETY: By the type invariant the box owns the value.
unsafe impl<T: Send> Send for PoolBox<T> {}
// SAFETY: As above; a shared box gives shared references only.
unsafe impl<T: Sync> Sync for PoolBox<T> {}

impl<T> PoolBox<T> {
    /// `ExAllocatePoolWithTag`: puts `value` in an allocation of its own.
    ///
    /// An alignment above that of pool memory, or a type without a size, does not compile.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`] for [`Tag::DEFAULT`], which only the framework knows;
    /// [`Error::INSUFFICIENT_RESOURCES`]. The value is dropped then.
    ///
    /// Source: "ExAllocatePoolWithTag function (wdm.h)".
    pub fn new(tag: Tag, value: T) -> Result<Self> {
        const {
            assert!(
                align_of::<T>() <= MEMORY_ALLOCATION_ALIGNMENT as usize,
                "pool memory is aligned to 16 bytes, not more"
            );
            assert!(size_of::<T>() > 0, "there is nothing to allocate");
        }
        if tag == Tag::DEFAULT {
            return Err(Error::INVALID_PARAMETER);
        }
        let size = size_of::<T>() as u64;
        // SAFETY: This crate runs at DISPATCH_LEVEL at most; size and tag are not zero.
        let start =
            unsafe { ntddk::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, size, tag.value()) };
        let start = NonNull::new(start.cast::<T>()).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        // SAFETY: Allocated above for one, and pool memory is aligned for it.
        unsafe { start.write(value) };
        // INVARIANT: Allocated and initialised above.
        Ok(Self { value: start, tag })
    }
}

impl<T> Deref for PoolBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for PoolBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant; the exclusive borrow makes this the only access.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for PoolBox<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; the value is not used again.
        unsafe { self.value.drop_in_place() };
        // SAFETY: By the type invariant this is how it was allocated, and nobody uses it.
        unsafe { ntddk::ExFreePoolWithTag(self.value.as_ptr().cast(), self.tag.value()) };
    }
}
