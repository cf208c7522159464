//! Counted UTF-16 strings (UNICODE_STRING): their validation, and copies that the framework keeps.

use crate::driver::globals::Globals;
use crate::support::pool;
use core::ptr::NonNull;
use kmdf_sys::{
    _POOL_TYPE, NTSTATUS, POOL_TYPE, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    UNICODE_STRING, USHORT,
};

/// Checks that a string's lengths and buffer agree (DEV-15).
///
/// # Errors
///
/// STATUS_INVALID_PARAMETER: they do not.
pub(crate) fn validate(string: &UNICODE_STRING) -> Result<(), NTSTATUS> {
    let odd = !string.Length.is_multiple_of(2) || !string.MaximumLength.is_multiple_of(2);
    let missing = string.Buffer.is_null() && string.MaximumLength > 0;
    if odd || missing || string.Length > string.MaximumLength {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Ok(())
}

/// The characters of a string.
///
/// # Safety
///
/// The string must have passed [`validate`], and its characters be readable for `'a`.
pub(crate) unsafe fn units<'a>(string: &UNICODE_STRING) -> &'a [u16] {
    let length = usize::from(string.Length / 2);
    if length == 0 {
        return &[];
    }
    // SAFETY: Valid and readable for `length` characters, as the caller guarantees.
    unsafe { core::slice::from_raw_parts(string.Buffer, length) }
}

/// A string in the framework's pool.
///
/// # Invariants
///
/// `buffer` is a block of the framework's allocator that holds `length` characters and a NUL.
pub(crate) struct PoolString {
    buffer: NonNull<u16>,
    length: usize,
}

impl PoolString {
    /// A copy in nonpaged pool.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub(crate) fn copy(globals: &Globals, text: &[u16]) -> Result<Self, NTSTATUS> {
        Self::copy_to(globals, _POOL_TYPE::NonPagedPoolNx, text)
    }

    /// A copy in the given pool, with the driver's tag.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub(crate) fn copy_to(
        globals: &Globals,
        pool_type: POOL_TYPE,
        text: &[u16],
    ) -> Result<Self, NTSTATUS> {
        let size = (text.len() + 1) * size_of::<u16>();
        let block = pool::allocate_raw(globals, pool_type, size, globals.tag.get())
            .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let buffer = block.cast::<u16>();
        // SAFETY: The block is new and has `size` bytes: the text and one character.
        unsafe { buffer.copy_from_nonoverlapping(NonNull::from(text).cast(), text.len()) };
        // SAFETY: The character behind the text lies in the block.
        let end = unsafe { buffer.add(text.len()) };
        // SAFETY: The last character of the block.
        unsafe { end.write(0) };
        Ok(Self {
            buffer,
            length: text.len(),
        })
    }

    pub(crate) fn units(&self) -> &[u16] {
        // SAFETY: The buffer holds `length` characters, by the invariant.
        unsafe { core::slice::from_raw_parts(self.buffer.as_ptr(), self.length) }
    }

    /// The string as kernel calls take it, valid until `self` is dropped.
    pub(crate) fn as_unicode(&self) -> UNICODE_STRING {
        let length = (self.length * size_of::<u16>()) as USHORT;
        UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: self.buffer.as_ptr(),
        }
    }
}

impl Drop for PoolString {
    fn drop(&mut self) {
        // SAFETY: A block of the framework's allocator, by the invariant, which only `self` led to.
        unsafe { pool::free(self.buffer.cast()) };
    }
}
