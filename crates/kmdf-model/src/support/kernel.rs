//! Kernel services that the framework uses everywhere, behind safe functions.

use core::ffi::CStr;
use kmdf_sys::ntddk::{DbgPrint, KeGetCurrentIrql, MmGetSystemRoutineAddress};
use kmdf_sys::{KIRQL, NTSTATUS, PASSIVE_LEVEL, PVOID, STATUS_SUCCESS, UNICODE_STRING};

/// Bytes of a page.
pub(crate) const PAGE_SIZE: usize = 1 << kmdf_sys::PAGE_SHIFT;

pub(crate) fn current_irql() -> KIRQL {
    // SAFETY: No preconditions.
    unsafe { KeGetCurrentIrql() }
}

/// APC_LEVEL counts as above (OBJ-58).
pub(crate) fn at_passive_level() -> bool {
    u32::from(current_irql()) == PASSIVE_LEVEL
}

/// Prints one line on the kernel's debug output.
pub(crate) fn print(message: &CStr) {
    // SAFETY: The format takes one string, and one is given.
    unsafe { DbgPrint(c"wdf: %s\n".as_ptr(), message.as_ptr()) };
}

/// Prints one line that says which call it is about.
pub(crate) fn print_about(call: &CStr, message: &CStr) {
    // SAFETY: The format takes two strings, and two are given.
    unsafe { DbgPrint(c"wdf: %s: %s\n".as_ptr(), call.as_ptr(), message.as_ptr()) };
}

/// The status that a call returns for its outcome.
pub(crate) fn to_status(outcome: Result<(), NTSTATUS>) -> NTSTATUS {
    match outcome {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

/// A short string in UTF-16, for the kernel.
pub(crate) struct WideString {
    characters: [u16; 32],
    length: usize,
}

impl WideString {
    /// Of an ASCII string; what does not fit is cut.
    pub(crate) fn new(text: &str) -> Self {
        let mut characters = [0; 32];
        let mut length = 0;
        for (character, byte) in characters.iter_mut().zip(text.bytes()) {
            *character = byte.into();
            length += 1;
        }
        Self { characters, length }
    }

    /// The string as the kernel wants it, for as long as `self` stays.
    pub(crate) fn as_unicode(&mut self) -> UNICODE_STRING {
        let length = (self.length * size_of::<u16>()) as u16;
        UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: self.characters.as_mut_ptr(),
        }
    }
}

/// The address of an export that not every kernel has, or NULL. Only for names that are no stubs
/// under Wine.
pub(crate) fn routine(name: &str) -> PVOID {
    let mut name = WideString::new(name);
    let mut name = name.as_unicode();
    // SAFETY: A valid string.
    unsafe { MmGetSystemRoutineAddress(&raw mut name) }
}
