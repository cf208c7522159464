//! The memory calls on bare handles, shared by the types that own them differently.

use crate::pool::PoolKind;
use crate::status::{Error, Result, check};
use crate::tag::Tag;
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{WDF_OBJECT_ATTRIBUTES, WDFMEMORY, call_unsafe_wdf_function_binding};

/// `WdfMemoryCreate`: returns the handle, and the buffer of `length` uninitialised bytes.
///
/// # Safety
///
/// `attributes` is NULL or set up with a live parent. The level allows allocating from `P`.
pub(crate) unsafe fn create_raw<P: PoolKind>(
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    tag: Tag,
    length: usize,
) -> Result<(WDFMEMORY, NonNull<u8>)> {
    let mut memory = null_mut();
    let mut buffer = null_mut();
    // SAFETY: The caller passes attributes with a live parent, at a level for this pool.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfMemoryCreate,
            attributes,
            P::POOL_TYPE,
            tag.value(),
            length,
            &mut memory,
            &mut buffer
        )
    })?;
    let buffer = NonNull::new(buffer.cast()).ok_or(Error::INTERNAL_ERROR)?;
    Ok((memory, buffer))
}

/// `WdfMemoryCreatePreallocated`.
///
/// # Safety
///
/// `attributes` is NULL or set up with a live parent. The buffer is valid whenever the object is used to
/// read or write it.
pub(crate) unsafe fn create_preallocated_raw(
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
    buffer: NonNull<u8>,
    length: usize,
) -> Result<WDFMEMORY> {
    let mut memory = null_mut();
    // SAFETY: The caller passes attributes with a live parent; the framework does not touch the buffer.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfMemoryCreatePreallocated,
            attributes,
            buffer.as_ptr().cast(),
            length,
            &mut memory
        )
    })?;
    Ok(memory)
}

/// `WdfMemoryGetBuffer`: returns where the buffer starts, and its size.
///
/// # Safety
///
/// `memory` is a live memory object with a buffer.
pub(crate) unsafe fn buffer_raw(memory: WDFMEMORY) -> (NonNull<u8>, usize) {
    let mut length = 0;
    // SAFETY: The caller passes a live memory object; the length is an output parameter.
    let start =
        unsafe { call_unsafe_wdf_function_binding!(WdfMemoryGetBuffer, memory, &mut length) };
    match NonNull::new(start.cast()) {
        Some(start) => (start, length),
        None => (NonNull::dangling(), 0),
    }
}

/// `WdfMemoryCopyToBuffer`.
///
/// # Safety
///
/// `memory` is a live memory object whose buffer is initialised, may be touched at this level, and is not
/// written during the call.
pub(crate) unsafe fn copy_to_raw(
    memory: WDFMEMORY,
    offset: usize,
    target: &mut [u8],
) -> Result<()> {
    // SAFETY: The caller passes a live object with a readable buffer; pointer and length are those of the
    // target slice.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfMemoryCopyToBuffer,
            memory,
            offset,
            target.as_mut_ptr().cast(),
            target.len()
        )
    })
}

/// `WdfMemoryCopyFromBuffer`.
///
/// # Safety
///
/// `memory` is a live memory object whose buffer may be touched at this level, and is not used by others
/// during the call.
pub(crate) unsafe fn copy_from_raw(memory: WDFMEMORY, offset: usize, source: &[u8]) -> Result<()> {
    // SAFETY: The caller passes a live object with a writable buffer; pointer and length are those of the
    // source slice, which the framework only reads.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfMemoryCopyFromBuffer,
            memory,
            offset,
            source.as_ptr().cast_mut().cast(),
            source.len()
        )
    })
}
