//! The framework verifier: its switches, its breakpoint, its checks.

use crate::driver::globals::Globals;
use crate::support::kernel;
use crate::support::pool;
use crate::support::stop;
use core::ffi::CStr;
use core::ptr::NonNull;
use kmdf_sys::ntddk::DbgBreakPoint;
use kmdf_sys::{
    KIRQL, NTSTATUS, POOL_TYPE, PWDF_DRIVER_GLOBALS, STATUS_INVALID_DEVICE_REQUEST, ULONG,
    ULONG_PTR,
};

impl Globals {
    /// Whether the framework verifier is on for this driver.
    pub(crate) fn verifier_on(&self) -> bool {
        self.settings.on.get()
    }

    /// Whether the verifier is on and makes the checks that version 1.`minor` introduced (VER-4).
    pub(crate) fn verifies_since(&self, minor: u32) -> bool {
        self.verifier_on() && (self.client_is_at_least(minor) || self.settings.down_level.get())
    }
}

/// The lock verifier's record of an object: one more allocation, which may fail (section 7 of the
/// rules). `None` with the verifier off.
pub(crate) fn lock_record(globals: &Globals) -> Option<NonNull<u8>> {
    let record = || pool::allocate(globals, size_of::<[usize; 8]>());
    globals.verifier_on().then(record).flatten()
}

/// The lock verifier's table of threads, which WdfDriverCreate allocates first of all if the verifier
/// is on. It does without if there is no memory (FLT-17).
pub(crate) fn make_lock_threads(globals: &Globals) {
    if globals.verifier_on() && globals.lock_threads.get().is_none() {
        let table = pool::allocate(globals, 64 * size_of::<[usize; 2]>());
        globals.lock_threads.set(table);
    }
}

/// At the unbind.
pub(crate) fn free_lock_threads(globals: &Globals) {
    if let Some(table) = globals.lock_threads.take() {
        // SAFETY: A block of the framework's allocator, which nobody else knows.
        unsafe { pool::free(table) };
    }
}

/// VER-5: prints, and breaks into the debugger if that is on; changes nothing else.
pub(crate) fn break_point(globals: &Globals, message: &CStr) {
    kernel::print(message);
    if globals.settings.break_on_error.get() {
        // SAFETY: No preconditions; without a debugger the kernel decides what becomes of it.
        unsafe { DbgBreakPoint() };
    }
}

/// VER-6: with the verifier on, an IRQL above `limit` breaks and is refused.
pub(crate) fn check_irql(globals: &Globals, call: &CStr, limit: u32) -> Result<(), NTSTATUS> {
    if !globals.verifier_on() || kernel::current_irql() <= limit as KIRQL {
        return Ok(());
    }
    kernel::print_about(call, c"called at too high an IRQL");
    break_point(
        globals,
        c"a framework function was called at too high an IRQL",
    );
    Err(STATUS_INVALID_DEVICE_REQUEST)
}

/// MEM-6: with the verifier on, the kernel looks at the pool type; it may stop the run.
pub(crate) fn check_pool_type(globals: &Globals, call: &CStr, pool_type: POOL_TYPE, tag: ULONG) {
    if !globals.verifier_on() {
        return;
    }
    if let Some(check) = globals.settings.pool_type_check.get() {
        // The address of the call's name stands for that of the caller, as in OBJ-72.
        let caller = call.as_ptr().cast_mut().cast();
        // SAFETY: Callable with any values.
        unsafe { check(caller, pool_type, tag) };
    }
}

/// OBJ-72: a pointer that must not be NULL.
pub(crate) fn require<T>(globals: &Globals, call: &CStr, pointer: *const T) {
    if pointer.is_null() {
        stop::required_is_null(globals, call);
    }
}

/// # Safety
///
/// `globals` are the caller's bound driver globals.
pub(crate) unsafe extern "C" fn wdf_verifier_dbg_break_point(globals: PWDF_DRIVER_GLOBALS) {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    break_point(globals, c"WdfVerifierDbgBreakPoint");
}

/// # Safety
///
/// `globals` are the caller's bound driver globals.
pub(crate) unsafe extern "C" fn wdf_verifier_ke_bug_check(
    _globals: PWDF_DRIVER_GLOBALS,
    code: ULONG,
    first: ULONG_PTR,
    second: ULONG_PTR,
    third: ULONG_PTR,
    fourth: ULONG_PTR,
) {
    stop::bug_check(code, [first, second, third, fourth]);
}
