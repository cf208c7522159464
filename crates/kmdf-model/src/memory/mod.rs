//! Memory objects: their common part, and the calls that work on all of them.

mod copy;
pub(crate) mod entry_list;
mod from_lookaside;
mod from_pool;
pub(crate) mod lookaside;
mod preallocated;

pub(crate) use copy::{wdf_memory_copy_from_buffer, wdf_memory_copy_to_buffer};
pub(crate) use from_lookaside::{LookasideMemory, wdf_memory_create_from_lookaside};
pub(crate) use from_pool::wdf_memory_create;
pub(crate) use preallocated::{
    PreallocatedMemory, wdf_memory_assign_buffer, wdf_memory_create_preallocated,
};

use crate::object::handle;
use crate::object::{FrameworkObject, Object, ObjectKind, type_code};
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::c_void;
use kmdf_sys::{PVOID, PWDF_DRIVER_GLOBALS, WDFMEMORY};

/// How a kind of memory object gives its buffer and size; the offset is that of its handle.
pub(crate) struct MemoryMethods {
    pub(crate) buffer: fn(&Object, offset: u16) -> *mut c_void,
    pub(crate) size: fn(&Object, offset: u16) -> usize,
    /// Whether WdfMemoryCopyFromBuffer is rejected (MEM-39).
    pub(crate) is_read_only: fn(&Object, offset: u16) -> bool,
}

/// What memory objects of their own, as opposed to the parts of a request, begin with.
///
/// # Invariants
///
/// While the object lives, `buffer` has `size` bytes; for a preallocated memory object the driver
/// guarantees it.
#[repr(C)]
pub(crate) struct Memory {
    object: Object,
    buffer: Cell<*mut c_void>,
    size: Cell<usize>,
}

impl Memory {
    pub(crate) fn new(object: Object, buffer: *mut c_void, size: usize) -> Self {
        Self {
            object,
            buffer: Cell::new(buffer),
            size: Cell::new(size),
        }
    }
}

// SAFETY: `#[repr(C)]`, with the object first; all kinds of memory object begin with it.
unsafe impl FrameworkObject for Memory {
    const TYPE: u16 = type_code::MEMORY;
    const KIND: &'static ObjectKind = &Memory::KIND;
}

impl Memory {
    /// The kind that those of all memory objects are variants of. Its type word is the generic one
    /// (OBJ-6).
    pub(crate) const KIND: ObjectKind = ObjectKind {
        memory: |_, _| Some(&METHODS),
        ..ObjectKind::new(c"WDFMEMORY", type_code::OBJECT)
    };
}

static METHODS: MemoryMethods = MemoryMethods {
    buffer: |object, _| of(object).buffer.get(),
    size: |object, _| of(object).size.get(),
    is_read_only: |_, _| false,
};

/// The common part of a memory object.
fn of(object: &Object) -> &Memory {
    // SAFETY: Only kinds derived from `Memory::KIND` have these methods, and their objects begin with a
    // `Memory`.
    unsafe { object.downcast() }
}

/// WdfMemoryGetBuffer: the address and, if asked for, the size of the buffer.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `memory` NULL or the handle of
/// a live object. `buffer_size` must be NULL or writable.
pub(crate) unsafe extern "C" fn wdf_memory_get_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    memory: WDFMEMORY,
    buffer_size: *mut usize,
) -> PVOID {
    // SAFETY: `globals` is bound and `memory` NULL or live, as the caller guarantees.
    let (_, memory) = unsafe { handle::memory(globals, c"WdfMemoryGetBuffer", memory) };
    // SAFETY: `buffer_size` is NULL or writable, as the caller guarantees.
    unsafe { verifier::write_optional(buffer_size, memory.size()) };
    memory.buffer()
}

impl handle::MemoryRef<'_> {
    pub(crate) fn buffer(&self) -> *mut c_void {
        (self.methods.buffer)(self.object, self.offset)
    }

    pub(crate) fn size(&self) -> usize {
        (self.methods.size)(self.object, self.offset)
    }

    pub(crate) fn is_read_only(&self) -> bool {
        (self.methods.is_read_only)(self.object, self.offset)
    }
}
