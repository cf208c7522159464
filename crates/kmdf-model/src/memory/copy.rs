//! WdfMemoryCopyToBuffer and WdfMemoryCopyFromBuffer.

use crate::driver::globals::Globals;
use crate::object::handle::{self, MemoryRef};
use crate::support::kernel;
use crate::support::verifier;
use core::ffi::c_void;
use kmdf_sys::{
    NTSTATUS, PVOID, PWDF_DRIVER_GLOBALS, STATUS_ACCESS_VIOLATION, STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, WDFMEMORY,
};

/// One end of a copy.
#[derive(Clone, Copy)]
struct End {
    address: *mut c_void,
    size: usize,
    offset: usize,
}

impl End {
    /// The bytes from the offset on; `None` if it lies outside. Offset 0 lies inside everything.
    fn remaining(&self) -> Option<usize> {
        let outside = self.offset != 0 && self.offset >= self.size;
        (!outside).then(|| self.size - self.offset)
    }

    fn start(&self) -> *mut u8 {
        self.address.cast::<u8>().wrapping_add(self.offset)
    }
}

/// Copies `length` bytes, or none (MEM-38, MEM-68).
///
/// # Safety
///
/// Both ends have the size that they state, unless the source address is NULL.
unsafe fn copy(source: End, destination: End, length: usize) -> Result<(), NTSTATUS> {
    if source.address.is_null() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let available = source.remaining().ok_or(STATUS_BUFFER_TOO_SMALL)?;
    let room = destination.remaining().ok_or(STATUS_INVALID_BUFFER_SIZE)?;
    if length > room {
        return Err(STATUS_INVALID_BUFFER_SIZE);
    }
    if length > available {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    // SAFETY: By the contract of this function, both ends have `length` bytes from their offset.
    unsafe { core::ptr::copy(source.start(), destination.start(), length) };
    Ok(())
}

fn memory_end(memory: &MemoryRef<'_>, offset: usize) -> End {
    End {
        address: memory.buffer(),
        size: memory.size(),
        offset,
    }
}

fn buffer_end(address: PVOID, size: usize) -> End {
    End {
        address,
        size,
        offset: 0,
    }
}

/// MEM-36.
///
/// # Safety
///
/// As for WdfMemoryCopyToBuffer, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_memory_copy_to_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    source: WDFMEMORY,
    source_offset: usize,
    buffer: PVOID,
    length: usize,
) -> NTSTATUS {
    const CALL: &core::ffi::CStr = c"WdfMemoryCopyToBuffer";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let source = unsafe { handle::memory(globals, CALL, source) };
    verifier::require(globals, CALL, buffer);
    if length == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let source = memory_end(&source, source_offset);
    // SAFETY: The memory has its size, the driver's buffer `length` bytes.
    kernel::to_status(unsafe { copy(source, buffer_end(buffer, length), length) })
}

/// MEM-37.
///
/// # Safety
///
/// As for WdfMemoryCopyFromBuffer, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_memory_copy_from_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    destination: WDFMEMORY,
    destination_offset: usize,
    buffer: PVOID,
    length: usize,
) -> NTSTATUS {
    const CALL: &core::ffi::CStr = c"WdfMemoryCopyFromBuffer";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let destination = unsafe { handle::memory(globals, CALL, destination) };
    verifier::require(globals, CALL, buffer);
    if length == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if destination.is_read_only() {
        verifier::break_point(globals, c"WdfMemoryCopyFromBuffer into read-only memory");
        return STATUS_ACCESS_VIOLATION;
    }
    let destination = memory_end(&destination, destination_offset);
    // SAFETY: The memory has its size, the driver's buffer `length` bytes.
    kernel::to_status(unsafe { copy(buffer_end(buffer, length), destination, length) })
}
