//! Kernel services that the framework uses everywhere, behind safe functions.

use core::ffi::CStr;
use kmdf_sys::ntddk::{DbgPrint, KeGetCurrentIrql, MmGetSystemRoutineAddress};
use kmdf_sys::{KIRQL, NTSTATUS, PASSIVE_LEVEL, PVOID, STATUS_SUCCESS, UNICODE_STRING};

/// The size of a page in bytes.
pub(crate) const PAGE_SIZE: usize = 1 << kmdf_sys::PAGE_SHIFT;

pub(crate) fn current_irql() -> KIRQL {
    // SAFETY: KeGetCurrentIrql can be called anywhere.
    unsafe { KeGetCurrentIrql() }
}

/// Whether the IRQL is PASSIVE_LEVEL; APC_LEVEL counts as above it (OBJ-58).
pub(crate) fn at_passive_level() -> bool {
    u32::from(current_irql()) == PASSIVE_LEVEL
}

/// Prints a line to the kernel's debug output.
pub(crate) fn print(message: &CStr) {
    // SAFETY: The format takes one string, which is NUL-terminated.
    unsafe { DbgPrint(c"wdf: %s\n".as_ptr(), message.as_ptr()) };
}

/// Prints a line that begins with the name of a call.
pub(crate) fn print_about(call: &CStr, message: &CStr) {
    // SAFETY: The format takes two strings, both NUL-terminated.
    unsafe { DbgPrint(c"wdf: %s: %s\n".as_ptr(), call.as_ptr(), message.as_ptr()) };
}

/// The status that a call returns for its outcome.
pub(crate) fn to_status(outcome: Result<(), NTSTATUS>) -> NTSTATUS {
    match outcome {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

/// A short UTF-16 string to pass to the kernel.
pub(crate) struct WideString {
    characters: [u16; 32],
    length: usize,
}

impl WideString {
    /// Converts an ASCII string, and cuts it after 32 characters.
    pub(crate) fn new(text: &str) -> Self {
        let mut characters = [0; 32];
        let mut length = 0;
        for (character, byte) in characters.iter_mut().zip(text.bytes()) {
            *character = byte.into();
            length += 1;
        }
        Self { characters, length }
    }

    /// The string as the kernel takes it, valid until `self` is moved or dropped.
    pub(crate) fn as_unicode(&mut self) -> UNICODE_STRING {
        let length = (self.length * size_of::<u16>()) as u16;
        UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: self.characters.as_mut_ptr(),
        }
    }
}

/// The address of an export, NULL if this kernel does not have it. Wine also returns addresses for
/// stubs, so a name that is a stub there must not be asked for.
pub(crate) fn routine(name: &str) -> PVOID {
    let mut name = WideString::new(name);
    let mut name = name.as_unicode();
    // SAFETY: `name` leads to a string that lives for the call.
    unsafe { MmGetSystemRoutineAddress(&raw mut name) }
}
