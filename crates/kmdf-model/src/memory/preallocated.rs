//! WdfMemoryCreatePreallocated and WdfMemoryAssignBuffer: memory objects over the driver's buffers.

use super::Memory;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Rules};
use crate::object::handle;
use crate::object::{self, FrameworkObject, NewParent, ObjectKind, type_code};
use crate::support::kernel;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::null_mut;
use kmdf_sys::{
    NTSTATUS, PVOID, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, WDFMEMORY,
};

/// A memory object whose buffer belongs to the driver (MEM-33).
#[repr(C)]
pub(crate) struct PreallocatedMemory {
    memory: Memory,
}

// SAFETY: `#[repr(C)]`, and its first field begins with the object. Other kinds that are also of this
// type begin with a `PreallocatedMemory` (MEM-35).
unsafe impl FrameworkObject for PreallocatedMemory {
    const TYPE: u16 = type_code::PREALLOCATED_MEMORY;
    const KIND: &'static ObjectKind = &Self::KIND;
}

impl PreallocatedMemory {
    pub(crate) const KIND: ObjectKind = ObjectKind {
        is_also: |_, _, wanted| wanted == type_code::PREALLOCATED_MEMORY,
        ..Memory::KIND
    };

    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory }
    }
}

/// WdfMemoryCreatePreallocated: a memory object over a buffer of the driver's.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `memory` must be NULL or writable.
/// `attributes` must be NULL or attributes that stay unchanged for the call, with readable type
/// information and a live parent. `buffer` must have `size` bytes until it is replaced or the
/// object is deleted.
pub(crate) unsafe extern "C" fn wdf_memory_create_preallocated(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    buffer: PVOID,
    size: usize,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let own = unsafe { Globals::from_public(globals) };
    // SAFETY: The caller's attributes, buffer and out pointer are as `create` asks.
    kernel::to_status(unsafe { create(own, attributes, buffer, size, memory) })
}

/// Creates and commits the object, with the checks in their order (MEM-31).
///
/// # Safety
///
/// `attributes` must be NULL or as [`attributes::validate`] asks, `memory` NULL or writable. `buffer`
/// must have `size` bytes until it is replaced or the object is deleted.
unsafe fn create(
    own: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    buffer: PVOID,
    size: usize,
    memory: *mut WDFMEMORY,
) -> Result<(), NTSTATUS> {
    const CALL: &CStr = c"WdfMemoryCreatePreallocated";
    // SAFETY: The attributes are NULL or readable and their parent is live.
    let globals = unsafe { attributes::globals_of_parent(own, attributes) }.unwrap_or(own);
    verifier::require(globals, CALL, buffer);
    // SAFETY: `memory` is NULL or writable, as the caller guarantees.
    let memory = unsafe { verifier::required_out(globals, CALL, memory) };
    memory.write(null_mut());
    if size == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(attributes, Rules::PLAIN) }?;
    let build = |base| PreallocatedMemory::new(Memory::new(base, buffer, size));
    let created = object::create(globals, attributes, build)?;
    let created = created.commit(attributes, NewParent::Default)?;
    memory.write(created.handle().cast());
    Ok(())
}

/// WdfMemoryAssignBuffer: puts a preallocated memory object over another buffer (MEM-34).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `memory` NULL or the handle of
/// a live object. `buffer` must have `size` bytes until it is replaced or the object is deleted.
pub(crate) unsafe extern "C" fn wdf_memory_assign_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    memory: WDFMEMORY,
    buffer: PVOID,
    size: usize,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfMemoryAssignBuffer";
    // SAFETY: `globals` is bound and `memory` NULL or live, as the caller guarantees.
    let (globals, this) =
        unsafe { handle::resolve_with_globals::<PreallocatedMemory>(globals, CALL, memory.cast()) };
    verifier::require(globals, CALL, buffer);
    if size == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    this.memory.buffer.set(buffer);
    this.memory.size.set(size);
    STATUS_SUCCESS
}
