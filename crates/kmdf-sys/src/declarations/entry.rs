//! The stub between an image's entry point and its `DriverEntry`: binds to the framework and unbinds.
//!
//! On the WDK route Microsoft's `WdfDriverEntry.lib` does this; here it is written from the loader
//! handshake (DEV-1 to DEV-6 of the framework rules).
//!
//! Every function here is `#[inline]`, so that it is compiled into the crate that makes an entry point of it and
//! not into this one: a program without a driver, such as a test of `nt-model` alone, then links without a
//! framework on Windows too, where the linker wants even what is called from unused functions.

use super::loader::{WDF_BIND_INFO, WDF_VERSION, WdfVersionBind, WdfVersionUnbind};
use super::*;
use core::ptr::{null, null_mut};

/// Version that every build of this project binds with: the lowest that has all calls it makes.
pub const VERSION: WDF_VERSION = WDF_VERSION {
    Major: 1,
    Minor: 15,
    Build: 0,
};

/// Functions in the table of version 1.15.
pub const FUNCTION_COUNT: ULONG = 444;

/// A driver's own entry point, called once the framework is bound.
pub type DriverEntry = unsafe extern "C" fn(PDRIVER_OBJECT, PCUNICODE_STRING) -> NTSTATUS;

/// The bound function table.
#[unsafe(export_name = "WdfFunctions_01015")]
pub static mut WdfFunctions: *const WDFFUNC = null();

/// The framework's globals of this driver.
#[unsafe(no_mangle)]
pub static mut WdfDriverGlobals: PWDF_DRIVER_GLOBALS = null_mut();

/// Bytes of the registry path that the stub keeps for the loader; a longer path is cut.
const REGISTRY_PATH_SIZE: usize = 520;

static mut REGISTRY_PATH_BUFFER: [WCHAR; REGISTRY_PATH_SIZE / 2] = [0; REGISTRY_PATH_SIZE / 2];
static mut REGISTRY_PATH: UNICODE_STRING = UNICODE_STRING {
    Length: 0,
    MaximumLength: REGISTRY_PATH_SIZE as USHORT,
    Buffer: null_mut(),
};
static mut COMPONENT: [WCHAR; 12] = {
    let name = b"KmdfLibrary\0";
    let mut wide = [0; 12];
    let mut index = 0;
    while index < name.len() {
        wide[index] = name[index] as WCHAR;
        index += 1;
    }
    wide
};
static mut BIND_INFO: WDF_BIND_INFO = WDF_BIND_INFO {
    Size: size_of::<WDF_BIND_INFO>() as ULONG,
    Component: null_mut(),
    Version: VERSION,
    FuncCount: FUNCTION_COUNT,
    FuncTable: null_mut(),
    Module: null_mut(),
};
static mut DISPLACED_UNLOAD: PDRIVER_UNLOAD = None;

/// Binds to the framework, calls `driver_entry`, and hooks the unload routine so that the image
/// unbinds after the framework's own unload.
///
/// # Safety
///
/// Called once per load of the image, by the kernel, as the image's entry point and with the
/// arguments of one.
#[inline]
pub unsafe fn fx_driver_entry(
    driver_object: PDRIVER_OBJECT,
    registry_path: PUNICODE_STRING,
    driver_entry: DriverEntry,
) -> NTSTATUS {
    if driver_object.is_null() {
        // SAFETY: Loaded as an export driver: the arguments go through as they came.
        return unsafe { driver_entry(driver_object, registry_path) };
    }
    // SAFETY: The kernel passes its driver object to this entry point.
    unsafe { crate::load_id::begin(driver_object) };
    // SAFETY: The kernel passes a valid registry path, and nothing else runs in this image yet.
    unsafe { keep_registry_path(registry_path) };
    // SAFETY: Nothing else runs in this image yet.
    unsafe { prepare_bind_info() };
    let (path, info, globals) = (
        &raw mut REGISTRY_PATH,
        &raw mut BIND_INFO,
        &raw mut WdfDriverGlobals,
    );
    // SAFETY: All point at statics of this image or came from the kernel.
    let status = unsafe { WdfVersionBind(driver_object, path, info, globals) };
    if status < 0 {
        crate::load_id::end();
        return status;
    }
    // SAFETY: The framework is bound; the arguments are the kernel's.
    let status = unsafe { driver_entry(driver_object, registry_path) };
    if status < 0 {
        // SAFETY: Bound above, and the driver refused to run.
        unsafe { unbind() };
        return status;
    }
    // SAFETY: The driver object is the kernel's, and its driver has been entered.
    unsafe { displace_unload(driver_object) };
    STATUS_SUCCESS
}

/// Copies the registry path into this image's own buffer.
///
/// # Safety
///
/// `registry_path` is valid, and no other code of the image runs.
#[inline]
unsafe fn keep_registry_path(registry_path: PUNICODE_STRING) {
    // SAFETY: The caller passes a valid string.
    let path = unsafe { *registry_path };
    let length = usize::from(path.Length).min(REGISTRY_PATH_SIZE) / 2;
    let buffer = (&raw mut REGISTRY_PATH_BUFFER).cast::<WCHAR>();
    // SAFETY: The source holds `Length` bytes, the target at least `length` characters.
    unsafe { core::ptr::copy_nonoverlapping(path.Buffer, buffer, length) };
    let copy = UNICODE_STRING {
        Length: (length * 2) as USHORT,
        MaximumLength: REGISTRY_PATH_SIZE as USHORT,
        Buffer: buffer,
    };
    let target = &raw mut REGISTRY_PATH;
    // SAFETY: The caller guarantees that no other code of the image runs, so nothing else uses the static.
    unsafe { target.write(copy) };
}

/// Fills in what the loader is called with.
///
/// # Safety
///
/// No other code of the image runs.
#[inline]
unsafe fn prepare_bind_info() {
    let info = WDF_BIND_INFO {
        Size: size_of::<WDF_BIND_INFO>() as ULONG,
        Component: (&raw mut COMPONENT).cast(),
        Version: VERSION,
        FuncCount: FUNCTION_COUNT,
        FuncTable: (&raw mut WdfFunctions).cast(),
        Module: null_mut(),
    };
    let target = &raw mut BIND_INFO;
    // SAFETY: The caller guarantees that no other code of the image runs, so nothing else uses the static.
    unsafe { target.write(info) };
}

/// Puts this image's unload routine in place of the framework's, if the framework allows that.
///
/// # Safety
///
/// The driver has been entered with `driver_object` and the framework is bound.
#[inline]
unsafe fn displace_unload(driver_object: PDRIVER_OBJECT) {
    // SAFETY: The bind has written the pointer, and nothing else does before the unbind.
    let globals = unsafe { WdfDriverGlobals };
    // SAFETY: A bound driver's globals live until the unbind.
    let displace = unsafe { (*globals).DisplaceDriverUnload };
    if displace == 0 {
        return;
    }
    // SAFETY: The kernel keeps the driver object while the driver is loaded.
    let unload = unsafe { (*driver_object).DriverUnload };
    let displaced = &raw mut DISPLACED_UNLOAD;
    // SAFETY: Nothing calls the unload routine before the entry point has returned.
    unsafe { displaced.write(unload) };
    // SAFETY: The kernel keeps the driver object while the driver is loaded, and does not read the routine before
    // the entry point has returned.
    unsafe { (*driver_object).DriverUnload = Some(unload_stub) };
}

/// The image's unload routine: calls the framework's, then unbinds.
///
/// # Safety
///
/// Called by the kernel as the driver's unload routine.
#[inline]
unsafe extern "C" fn unload_stub(driver_object: *mut _DRIVER_OBJECT) {
    // SAFETY: The variable was written before the entry point returned, and not since.
    let displaced = unsafe { DISPLACED_UNLOAD };
    if let Some(unload) = displaced {
        // SAFETY: This is the framework's own unload routine, called with the driver object as the kernel would.
        unsafe { unload(driver_object) };
    }
    // SAFETY: The framework's unload routine has returned, so no code of the driver runs any more.
    unsafe { unbind() };
}

/// `WdfVersionUnbind`: gives up the function table and the globals.
///
/// # Safety
///
/// The framework is bound and no further framework call follows.
#[inline]
unsafe fn unbind() {
    // SAFETY: The bind has written the pointer, and nothing else does before the unbind.
    let globals = unsafe { WdfDriverGlobals };
    let (path, info) = (&raw mut REGISTRY_PATH, &raw mut BIND_INFO);
    // SAFETY: The three values are those of the bind.
    let _ = unsafe { WdfVersionUnbind(path, info, globals) };
    {
        crate::load_id::end();
        let (functions, globals) = (&raw mut WdfFunctions, &raw mut WdfDriverGlobals);
        // SAFETY: No code of the driver runs any more.
        unsafe { functions.write(null()) };
        // SAFETY: No code of the driver runs any more that could read its globals.
        unsafe { globals.write(null_mut()) };
    }
}
