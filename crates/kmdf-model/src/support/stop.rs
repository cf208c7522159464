//! Ways to end the run: the framework's bug checks, and the model's own stop for what is undefined on
//! Windows or not modelled.

use crate::driver::globals::Globals;
use crate::support::kernel;
use core::ffi::CStr;
use kmdf_sys::ntddk::KeBugCheckEx;
use kmdf_sys::{_WDF_BUGCHECK_CODES, ULONG, ULONG_PTR, WDF_BUGCHECK_CODES, WDF_VIOLATION};

/// Bug check code of the model's own stops, "MODL". Parameter 1 is the address of a message, a C
/// string; Windows has no such code.
pub const MODEL_STOP: ULONG = 0x4D4F_444C;

/// Stops the machine with a bug check.
pub(crate) fn bug_check(code: ULONG, parameters: [ULONG_PTR; 4]) -> ! {
    let [first, second, third, fourth] = parameters;
    // SAFETY: KeBugCheckEx can be called at any IRQL and does not return.
    unsafe { KeBugCheckEx(code, first, second, third, fourth) }
}

/// Stops with WDF_VIOLATION, whose fourth parameter is the driver globals (OBJ-74).
pub(crate) fn violation(
    globals: &Globals,
    code: WDF_BUGCHECK_CODES,
    second: ULONG_PTR,
    third: ULONG_PTR,
) -> ! {
    let globals = core::ptr::from_ref(globals) as ULONG_PTR;
    bug_check(WDF_VIOLATION, [code as ULONG_PTR, second, third, globals])
}

/// Stops a run in which the driver did something that is undefined on Windows and not checked there.
pub(crate) fn undefined(message: &CStr) -> ! {
    kernel::print(message);
    bug_check(MODEL_STOP, [message.as_ptr() as ULONG_PTR, 0, 0, 0])
}

/// Stops a run in which the framework recurses without end. On Windows the kernel stack overflows, which
/// is a double fault.
pub(crate) fn stack_overflow(message: &CStr) -> ! {
    const UNEXPECTED_KERNEL_MODE_TRAP: ULONG = 0x7F;
    const EXCEPTION_DOUBLE_FAULT: ULONG_PTR = 0x8;
    kernel::print(message);
    bug_check(
        UNEXPECTED_KERNEL_MODE_TRAP,
        [EXCEPTION_DOUBLE_FAULT, 0, 0, 0],
    )
}

/// Stops a run that needs a function or a switch that the model does not have.
pub(crate) fn not_modelled(function: &CStr) -> ! {
    kernel::print_about(function, c"not modelled");
    bug_check(MODEL_STOP, [function.as_ptr() as ULONG_PTR, 0, 0, 0])
}

/// Stops a call whose required pointer is NULL (OBJ-72). On Windows parameter 3 is the caller's return
/// address, which stable Rust cannot read; here it is the address of the call's name.
pub(crate) fn required_is_null(globals: &Globals, call: &CStr) -> ! {
    kernel::print_about(call, c"a required pointer is NULL");
    violation(
        globals,
        _WDF_BUGCHECK_CODES::WDF_REQUIRED_PARAMETER_IS_NULL,
        0,
        call.as_ptr() as ULONG_PTR,
    )
}

/// Stops a run in which the model itself panics, with the location as a driver's panic handler reports it.
#[cfg(image)]
pub(crate) fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    const RUST_PANIC: ULONG = u32::from_le_bytes(*b"CNPR");
    let [file, length, line] = match info.location() {
        Some(place) => {
            let file = place.file();
            [
                file.as_ptr() as ULONG_PTR,
                file.len() as ULONG_PTR,
                place.line().into(),
            ]
        }
        None => [0; 3],
    };
    bug_check(RUST_PANIC, [file, length, line, 0])
}
