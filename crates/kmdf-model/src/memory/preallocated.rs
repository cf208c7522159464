//! WdfMemoryCreatePreallocated and WdfMemoryAssignBuffer: memory objects over the driver's buffers.

use super::Memory;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Rules};
use crate::object::handle;
use crate::object::{self, FrameworkObject, Kind, NewParent, type_code};
use crate::support::kernel;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::null_mut;
use kmdf_sys::{
    NTSTATUS, PVOID, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, WDFMEMORY,
};

/// A memory whose buffer belongs to somebody else (MEM-33).
#[repr(C)]
pub(crate) struct PreallocatedMemory {
    memory: Memory,
}

// SAFETY: `#[repr(C)]`, and its first field begins with the object. Kinds that answer for the type
// are built on this one (MEM-35).
unsafe impl FrameworkObject for PreallocatedMemory {
    const TYPE: u16 = type_code::PREALLOCATED_MEMORY;
    const KIND: &'static Kind = &Self::KIND;
}

impl PreallocatedMemory {
    pub(crate) const KIND: Kind = Kind {
        answers: |_, _, wanted| wanted == type_code::PREALLOCATED_MEMORY,
        ..Memory::KIND
    };

    pub(crate) fn new(memory: Memory) -> Self {
        Self { memory }
    }
}

/// # Safety
///
/// As for WdfMemoryCreatePreallocated, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_memory_create_preallocated(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    buffer: PVOID,
    size: usize,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let own = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    kernel::to_status(unsafe { create(own, attributes, buffer, size, memory) })
}

/// MEM-31, in its order.
///
/// # Safety
///
/// As for WdfMemoryCreatePreallocated.
unsafe fn create(
    own: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    buffer: PVOID,
    size: usize,
    memory: *mut WDFMEMORY,
) -> Result<(), NTSTATUS> {
    const CALL: &CStr = c"WdfMemoryCreatePreallocated";
    // SAFETY: By the contract of this function.
    let globals = unsafe { attributes::globals_of_parent(own, attributes) }.unwrap_or(own);
    verifier::require(globals, CALL, buffer);
    verifier::require(globals, CALL, memory);
    // SAFETY: Not NULL, so valid.
    unsafe { memory.write(null_mut()) };
    if size == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: By the contract of this function.
    let attributes = unsafe { attributes::validate(attributes, Rules::PLAIN) }?;
    let build = |base| PreallocatedMemory::new(Memory::new(base, buffer, size));
    // SAFETY: Validated above.
    let created = unsafe { object::create(globals, attributes, build) }?;
    // SAFETY: Just created.
    let handle = unsafe { object::commit_or_delete(created, attributes, NewParent::Default) }?;
    // SAFETY: Not NULL, so valid.
    unsafe { memory.write(handle.cast()) };
    Ok(())
}

/// MEM-34, in its order.
///
/// # Safety
///
/// As for WdfMemoryAssignBuffer, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_memory_assign_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    memory: WDFMEMORY,
    buffer: PVOID,
    size: usize,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfMemoryAssignBuffer";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let this: &PreallocatedMemory = unsafe { handle::typed(globals, CALL, memory.cast()) };
    verifier::require(globals, CALL, buffer);
    if size == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    this.memory.buffer.set(buffer);
    this.memory.size.set(size);
    STATUS_SUCCESS
}
