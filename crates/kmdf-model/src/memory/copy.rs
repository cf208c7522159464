//! Copies between memory objects and buffers: WdfMemoryCopyToBuffer, WdfMemoryCopyFromBuffer.

use crate::object::handle::{self, MemoryRef};
use crate::support::kernel;
use crate::support::verifier;
use core::ffi::c_void;
use kmdf_sys::{
    NTSTATUS, PVOID, PWDF_DRIVER_GLOBALS, STATUS_ACCESS_VIOLATION, STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, WDFMEMORY,
};

/// The source or the destination of a copy: a buffer, and where in it to begin.
#[derive(Clone, Copy)]
struct End {
    address: *mut c_void,
    size: usize,
    offset: usize,
}

impl End {
    /// The number of bytes from the offset on; `None` if the offset lies outside. Offset 0 never does.
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
/// Both buffers must have the size that their [`End`] states, unless the source address is NULL.
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
    // SAFETY: Both buffers have `length` bytes from their offset, as checked above.
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

/// WdfMemoryCopyToBuffer: copies from a memory object to the driver's buffer (MEM-36).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `source` NULL or the handle of
/// a live object. `buffer` must be NULL or have `length` bytes.
pub(crate) unsafe extern "C" fn wdf_memory_copy_to_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    source: WDFMEMORY,
    source_offset: usize,
    buffer: PVOID,
    length: usize,
) -> NTSTATUS {
    const CALL: &core::ffi::CStr = c"WdfMemoryCopyToBuffer";
    // SAFETY: `globals` is bound and `source` NULL or live, as the caller guarantees.
    let (globals, source) = unsafe { handle::memory(globals, CALL, source) };
    verifier::require(globals, CALL, buffer);
    if length == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let source = memory_end(&source, source_offset);
    // SAFETY: `buffer` has `length` bytes, as the caller guarantees, and the memory object its size.
    kernel::to_status(unsafe { copy(source, buffer_end(buffer, length), length) })
}

/// WdfMemoryCopyFromBuffer: copies from the driver's buffer to a memory object (MEM-37).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `destination` NULL or the
/// handle of a live object. `buffer` must be NULL or have `length` bytes.
pub(crate) unsafe extern "C" fn wdf_memory_copy_from_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    destination: WDFMEMORY,
    destination_offset: usize,
    buffer: PVOID,
    length: usize,
) -> NTSTATUS {
    const CALL: &core::ffi::CStr = c"WdfMemoryCopyFromBuffer";
    // SAFETY: `globals` is bound and `destination` NULL or live, as the caller guarantees.
    let (globals, destination) = unsafe { handle::memory(globals, CALL, destination) };
    verifier::require(globals, CALL, buffer);
    if length == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if destination.is_read_only() {
        verifier::break_point(
            globals,
            c"WdfMemoryCopyFromBuffer: the memory object is read-only",
        );
        return STATUS_ACCESS_VIOLATION;
    }
    let destination = memory_end(&destination, destination_offset);
    // SAFETY: `buffer` has `length` bytes, as the caller guarantees, and the memory object its size.
    kernel::to_status(unsafe { copy(buffer_end(buffer, length), destination, length) })
}
