//! What WDFLDR.SYS exports: binding a client gives it its globals and its function table.

use crate::driver::globals::{DEFAULT_TAG, Globals};
use crate::driver::{self, MAJOR_VERSION, MINOR_VERSION};
use crate::support::pool;
use crate::support::verifier;
use crate::table::{FUNCTION_COUNT, TABLE};
use kmdf_sys::loader::{PWDF_BIND_INFO, WDF_BIND_INFO};
use kmdf_sys::{
    _POOL_TYPE, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING, PWDF_DRIVER_GLOBALS,
    STATUS_INVALID_PARAMETER, STATUS_REVISION_MISMATCH, STATUS_SUCCESS, ULONG, WDFFUNC,
};

/// The numbers of functions that released versions of the framework have (DEV-7).
const KNOWN_COUNTS: [ULONG; 13] = [
    383, 386, 387, 396, 432, 438, 444, 446, 448, 451, 453, 454, 458,
];

/// Clients with no more functions than this get a copy of the table (DEV-6).
const LAST_COPIED_COUNT: ULONG = 438;

/// Binds a client (DEV-6, DEV-7).
///
/// # Safety
///
/// The caller must be a client's entry point, before it calls anything else of the framework, and
/// `driver_object` its driver object. `info` must be NULL or readable, and its `FuncTable` as a client
/// of its version and number of functions declares it. `component_globals` must be NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WdfVersionBind(
    driver_object: PDRIVER_OBJECT,
    _registry_path: PUNICODE_STRING,
    info: PWDF_BIND_INFO,
    component_globals: *mut PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    // SAFETY: `info` is NULL or readable, as the caller guarantees.
    let Some(info) = (unsafe { info.as_ref() }) else {
        return STATUS_INVALID_PARAMETER;
    };
    if info.Version.Major != MAJOR_VERSION || info.Version.Minor > MINOR_VERSION {
        return STATUS_REVISION_MISMATCH;
    }
    if component_globals.is_null() || info.FuncTable.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if !KNOWN_COUNTS.contains(&info.FuncCount) {
        return STATUS_INVALID_PARAMETER;
    }
    let Some(globals) = allocate_globals(driver_object, info.Version.Minor) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: `FuncTable` is as a client of this version declares it, as the caller guarantees.
    unsafe { give_table(info) };
    // SAFETY: `component_globals` is not NULL, so writable.
    unsafe { component_globals.write(globals.public()) };
    STATUS_SUCCESS
}

fn allocate_globals<'a>(driver_object: PDRIVER_OBJECT, minor: ULONG) -> Option<&'a Globals> {
    let nx = _POOL_TYPE::NonPagedPoolNx;
    let block = pool::kernel_allocate(nx, size_of::<Globals>(), DEFAULT_TAG)?.cast::<Globals>();
    // SAFETY: The block has the size of the globals, and pool is 16-aligned.
    unsafe { block.write(Globals::new(driver_object, minor)) };
    // SAFETY: Written above, and freed by WdfVersionUnbind only.
    Some(unsafe { block.as_ref() })
}

/// Gives the client the address of the function table or, to an older client, a copy (DEV-6).
///
/// # Safety
///
/// `FuncTable` must lead to a table pointer or, for up to [`LAST_COPIED_COUNT`] functions, to a table of
/// `FuncCount` entries.
unsafe fn give_table(info: &WDF_BIND_INFO) {
    let table = (&raw const TABLE).cast::<WDFFUNC>();
    if info.FuncCount > LAST_COPIED_COUNT {
        let pointer = info.FuncTable.cast::<*const WDFFUNC>();
        // SAFETY: The client's table pointer, as the caller guarantees.
        unsafe { pointer.write(table) };
        return;
    }
    let count = (info.FuncCount as usize).min(FUNCTION_COUNT);
    // SAFETY: The client's table has `FuncCount` entries, as the caller guarantees.
    unsafe { core::ptr::copy_nonoverlapping(table, info.FuncTable, count) };
}

/// Unbinds a client and frees its globals (DEV-10).
///
/// # Safety
///
/// `component_globals` must be NULL or those that WdfVersionBind gave this client, which must not call
/// the framework afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WdfVersionUnbind(
    _registry_path: PUNICODE_STRING,
    _info: PWDF_BIND_INFO,
    component_globals: PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    if component_globals.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: `component_globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(component_globals) };
    driver::delete_left_over(globals);
    verifier::free_lock_threads(globals);
    if globals.verifier_on() {
        pool::report_leaks(globals);
    }
    globals.retire();
    let block = core::ptr::NonNull::from(globals).cast();
    // SAFETY: `allocate_globals` allocated them, and the client does not use them afterwards.
    unsafe { pool::kernel_free(block) };
    STATUS_SUCCESS
}
