//! The loader's interface: how a client's entry point gets its globals and its function table.

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

/// How many functions the released versions of the framework have (DEV-7).
const KNOWN_COUNTS: [ULONG; 13] = [
    383, 386, 387, 396, 432, 438, 444, 446, 448, 451, 453, 454, 458,
];

/// Clients with no more functions than this get a copy of the table (DEV-6).
const LAST_COPIED_COUNT: ULONG = 438;

/// Binds a client (DEV-6, DEV-7).
///
/// # Safety
///
/// Called by a client's entry point before anything else of the framework, with its driver object
/// and pointers that are valid or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WdfVersionBind(
    driver_object: PDRIVER_OBJECT,
    _registry_path: PUNICODE_STRING,
    info: PWDF_BIND_INFO,
    component_globals: *mut PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
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
    // SAFETY: By the contract of this function.
    unsafe { give_table(info) };
    // SAFETY: As above.
    unsafe { component_globals.write(globals.public()) };
    STATUS_SUCCESS
}

fn allocate_globals<'a>(driver_object: PDRIVER_OBJECT, minor: ULONG) -> Option<&'a Globals> {
    let nx = _POOL_TYPE::NonPagedPoolNx;
    let block = pool::kernel_allocate(nx, size_of::<Globals>(), DEFAULT_TAG)?.cast::<Globals>();
    // SAFETY: The block has room for them, and pool is aligned enough.
    unsafe { block.write(Globals::new(driver_object, minor)) };
    // SAFETY: They stay until the unbind.
    Some(unsafe { block.as_ref() })
}

/// DEV-6
///
/// # Safety
///
/// `FuncTable` is what the client's version makes of it.
unsafe fn give_table(info: &WDF_BIND_INFO) {
    let table = (&raw const TABLE).cast::<WDFFUNC>();
    if info.FuncCount > LAST_COPIED_COUNT {
        let pointer = info.FuncTable.cast::<*const WDFFUNC>();
        // SAFETY: By the contract of this function, the address of the client's table pointer.
        unsafe { pointer.write(table) };
        return;
    }
    let count = (info.FuncCount as usize).min(FUNCTION_COUNT);
    // SAFETY: By the contract of this function, a table of that many entries.
    unsafe { core::ptr::copy_nonoverlapping(table, info.FuncTable, count) };
}

/// Unbinds a client; its globals are gone afterwards (DEV-10).
///
/// # Safety
///
/// The values are those of the bind, and the client calls nothing of the framework any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WdfVersionUnbind(
    _registry_path: PUNICODE_STRING,
    _info: PWDF_BIND_INFO,
    component_globals: PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    if component_globals.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(component_globals) };
    driver::delete_left_over(globals);
    verifier::free_lock_threads(globals);
    if globals.verifier_on() {
        pool::report_leaks(globals);
    }
    globals.retire();
    let block = core::ptr::NonNull::from(globals).cast();
    // SAFETY: Allocated in the bind; nobody uses them any more.
    unsafe { pool::kernel_free(block) };
    STATUS_SUCCESS
}
