//! Typed views of the C structures that the kernel shares with drivers.

pub(crate) mod names;

use crate::stop;
use kmdf_sys::PAGE_FAULT_IN_NONPAGED_AREA;
use std::ptr::NonNull;

/// Tags of the kernel's own pool blocks, in memory order.
pub(crate) mod tag {
    use kmdf_sys::ULONG;

    pub(crate) const DRIVER: ULONG = u32::from_le_bytes(*b"Driv");
    pub(crate) const DEVICE: ULONG = u32::from_le_bytes(*b"Devi");
    pub(crate) const FILE: ULONG = u32::from_le_bytes(*b"File");
    pub(crate) const IRP: ULONG = u32::from_le_bytes(*b"Irp ");
    pub(crate) const MDL: ULONG = u32::from_le_bytes(*b"Mdl ");
    pub(crate) const STRING: ULONG = u32::from_le_bytes(*b"Strg");
    pub(crate) const SYSTEM_BUFFER: ULONG = u32::from_le_bytes(*b"IoSB");
    pub(crate) const WORK_ITEM: ULONG = u32::from_le_bytes(*b"IoWI");
}

/// A field of `T`, found by address, so that fields of unions are reached as easily as others.
pub(crate) struct Field<T, F>(pub(crate) fn(*mut T) -> *mut F);

/// Names a field of a C structure: `field!(IRP, IoStatus.Information)`.
macro_rules! field {
    ($structure:ty, $($path:tt)+) => {
        $crate::object::Field(|structure: *mut $structure| {
            // SAFETY: Only `Shared::pointer` calls this, with a live structure; the address of the
            // field is taken, nothing is read.
            unsafe { &raw mut (*structure).$($path)+ }
        })
    };
}
pub(crate) use field;

/// A C structure in kernel memory which drivers read and write as well.
///
/// # Invariants
///
/// The pointer is that of a `T` that stays allocated for as long as the value or a copy is used.
pub(crate) struct Shared<T>(NonNull<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

impl<T> Shared<T> {
    /// A view of the structure at `pointer`. A null pointer stops the run, as the access to it would.
    ///
    /// # Safety
    ///
    /// `pointer` must be null, or that of a `T` that stays allocated for as long as the value or a copy
    /// is used.
    pub(crate) unsafe fn new(pointer: *mut T) -> Self {
        // INVARIANT: Not null, so a `T` that stays allocated, as the caller guarantees.
        Self(NonNull::new(pointer).unwrap_or_else(|| {
            let name = std::any::type_name::<T>();
            let message = format!("the kernel got a NULL pointer to a {name}");
            stop::bug_check(PAGE_FAULT_IN_NONPAGED_AREA, [0; 4], message)
        }))
    }

    pub(crate) fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }

    pub(crate) fn address(self) -> usize {
        self.0.as_ptr().addr()
    }

    /// The address of a field.
    pub(crate) fn pointer<F>(self, field: Field<T, F>) -> *mut F {
        (field.0)(self.0.as_ptr())
    }

    pub(crate) fn get<F: Copy>(self, field: Field<T, F>) -> F {
        // SAFETY: A field of a structure that is allocated, by the invariant of `Shared`.
        unsafe { self.pointer(field).read() }
    }

    pub(crate) fn set<F>(self, field: Field<T, F>, value: F) {
        // SAFETY: A field of a structure that is allocated, by the invariant of `Shared`.
        unsafe { self.pointer(field).write(value) }
    }
}
