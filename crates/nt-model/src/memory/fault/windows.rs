//! Page faults as Windows exceptions.

use super::{Access, on_fault};
use std::sync::Once;
use windows_sys::Win32::Foundation::EXCEPTION_ACCESS_VIOLATION;
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH,
    EXCEPTION_POINTERS,
};

/// Threads need no preparation: the handler runs on their own stacks.
pub(in crate::memory) fn prepare_thread() {}

/// Installs the handler, once per process.
pub(in crate::memory) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: The handler has the signature that is asked for, and stays.
        let handle = unsafe { AddVectoredExceptionHandler(1, Some(on_exception)) };
        assert!(!handle.is_null(), "the system takes no exception handler");
    });
}

/// # Safety
///
/// `pointers` must be those that the system passes to an exception handler.
unsafe extern "system" fn on_exception(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: The system's pointers, as the caller guarantees.
    let record = unsafe { (*pointers).ExceptionRecord };
    // SAFETY: The system's record of the exception.
    let record = unsafe { record.read() };
    // The parameters are the kind of access, of which 1 is a write, and the address.
    let [kind, address, ..] = record.ExceptionInformation;
    let access = Access {
        address,
        write: kind == 1,
        instruction: record.ExceptionAddress.addr(),
    };
    let refused = record.ExceptionCode == EXCEPTION_ACCESS_VIOLATION;
    if refused && record.NumberParameters >= 2 && on_fault(&access) {
        EXCEPTION_CONTINUE_EXECUTION
    } else {
        EXCEPTION_CONTINUE_SEARCH
    }
}
