//! Faults as exceptions.

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
/// Called by the system with what it knows about an exception.
unsafe extern "system" fn on_exception(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: By the contract of this function.
    let record = unsafe { (*pointers).ExceptionRecord };
    // SAFETY: As above.
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
