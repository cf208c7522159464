//! The framework verifier: its switches, its breakpoint, its checks.

use crate::driver::globals::Globals;
use crate::support::kernel;
use crate::support::pool;
use crate::support::stop;
use core::ffi::CStr;
use core::mem::MaybeUninit;
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

/// Allocates the lock verifier's record of an object. `None` with the verifier off, and if the
/// allocation fails, which nothing reports.
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

/// Frees the lock verifier's table of threads, when the client unbinds.
pub(crate) fn free_lock_threads(globals: &Globals) {
    if let Some(table) = globals.lock_threads.take() {
        // SAFETY: `make_lock_threads` allocated it for these globals alone.
        unsafe { pool::free(table) };
    }
}

/// Prints a message and, if the settings say so, breaks into the debugger (VER-5). The call goes on.
pub(crate) fn break_point(globals: &Globals, message: &CStr) {
    kernel::print(message);
    if globals.settings.break_on_error.get() {
        // SAFETY: DbgBreakPoint can be called anywhere; without a debugger the kernel handles it.
        unsafe { DbgBreakPoint() };
    }
}

/// Rejects a call above IRQL `limit` if the verifier is on, with a break (VER-6).
///
/// # Errors
///
/// STATUS_INVALID_DEVICE_REQUEST: the IRQL is too high.
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

/// Has the kernel check the pool type if the verifier is on, which may stop the run (MEM-6).
pub(crate) fn check_pool_type(globals: &Globals, call: &CStr, pool_type: POOL_TYPE, tag: ULONG) {
    if !globals.verifier_on() {
        return;
    }
    if let Some(check) = globals.settings.pool_type_check.get() {
        // The address of the call's name stands for that of the caller, as in OBJ-72.
        let caller = call.as_ptr().cast_mut().cast();
        // SAFETY: The kernel's routine takes any values.
        unsafe { check(caller, pool_type, tag) };
    }
}

/// Stops the run if a pointer that the call requires is NULL (OBJ-72).
pub(crate) fn require<T>(globals: &Globals, call: &CStr, pointer: *const T) {
    if pointer.is_null() {
        stop::required_is_null(globals, call);
    }
}

/// A structure that the call requires; NULL stops the run (OBJ-72).
///
/// # Safety
///
/// `pointer` must be NULL or readable, and unchanged for `'a`.
pub(crate) unsafe fn required<'a, T>(globals: &Globals, call: &CStr, pointer: *const T) -> &'a T {
    require(globals, call, pointer);
    // SAFETY: Not NULL, so readable for `'a`, as the caller guarantees.
    unsafe { &*pointer }
}

/// The variable that the call writes its result to; NULL stops the run (OBJ-72).
///
/// # Safety
///
/// `pointer` must be NULL or writable, and used through the result only for `'a`.
pub(crate) unsafe fn required_out<'a, T>(
    globals: &Globals,
    call: &CStr,
    pointer: *mut T,
) -> &'a mut MaybeUninit<T> {
    require(globals, call, pointer);
    // SAFETY: Not NULL, so writable for `'a`, as the caller guarantees.
    unsafe { &mut *pointer.cast() }
}

/// Writes a result that the caller need not want.
///
/// # Safety
///
/// `pointer` must be NULL or writable.
pub(crate) unsafe fn write_optional<T>(pointer: *mut T, value: T) {
    if !pointer.is_null() {
        // SAFETY: Not NULL, so writable, as the caller guarantees.
        unsafe { pointer.write(value) };
    }
}

/// WdfVerifierDbgBreakPoint: breaks into the debugger if the settings say so.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller.
pub(crate) unsafe extern "C" fn wdf_verifier_dbg_break_point(globals: PWDF_DRIVER_GLOBALS) {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    break_point(globals, c"WdfVerifierDbgBreakPoint");
}

/// WdfVerifierKeBugCheck: stops the system with the given code.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller.
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
