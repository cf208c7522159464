//! Functions that only an image needs: those that the compiler calls, and replacements of kernel functions
//! that Wine 8 does not have.

use super::{_DRIVER_OBJECT, KIRQL, NTSTATUS, PDRIVER_OBJECT, PVOID, ULONG};
use crate::{STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};
use core::arch::asm;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

/// Compilers refer to it from code with floating-point numbers.
#[unsafe(export_name = "_fltused")]
static FLOATING_POINT_USED: c_int = 0;

// Declared for the linker alone: the compiler calls these functions by name.
#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
#[expect(dead_code, reason = "called by code that the compiler generates")]
unsafe extern "C" {
    fn memcpy(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn memmove(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn memset(to: *mut c_void, value: c_int, count: usize) -> *mut c_void;
    fn memcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int;
    fn strlen(text: *const c_char) -> usize;
}

/// The current IRQL, as the headers for older Windows inline it: Wine 8 has no export.
///
/// # Safety
///
/// Called in kernel mode.
#[inline]
#[expect(non_snake_case, reason = "the name of the kernel's function")]
pub unsafe fn KeGetCurrentIrql() -> KIRQL {
    let level: u64;
    // SAFETY: Reading CR8 has no side effect, and is allowed in kernel mode.
    unsafe {
        asm!("mov {}, cr8", out(reg) level, options(nomem, nostack, preserves_flags));
    }
    level as KIRQL
}

/// The size of a driver object's extension in bytes, and the number of driver objects that may have one.
const EXTENSION_SIZE: usize = 16;
const EXTENSIONS: usize = 8;

/// An extension of a driver object.
///
/// # Invariants
///
/// `bytes` belongs to the driver that allocated the extension under `driver` and `key`.
struct Extension {
    driver: AtomicPtr<_DRIVER_OBJECT>,
    key: AtomicPtr<c_void>,
    bytes: UnsafeCell<[u64; EXTENSION_SIZE / 8]>,
}

// SAFETY: Only the owner uses `bytes`, by the type invariant; the other fields are atomic.
unsafe impl Sync for Extension {}

static DRIVER_EXTENSIONS: [Extension; EXTENSIONS] = [const {
    Extension {
        driver: AtomicPtr::new(null_mut()),
        key: AtomicPtr::new(null_mut()),
        bytes: UnsafeCell::new([0; EXTENSION_SIZE / 8]),
    }
}; EXTENSIONS];

/// Allocates an extension of a driver object. Wine 8's function returns STATUS_NOT_IMPLEMENTED, so an image
/// keeps extensions itself. Only the framework's image for Wine allocates any.
///
/// # Safety
///
/// `extension` can be written. The function is called while drivers are loaded, one after the other.
#[must_use]
#[expect(non_snake_case, reason = "the name of the kernel's function")]
pub unsafe fn IoAllocateDriverObjectExtension(
    driver_object: PDRIVER_OBJECT,
    key: PVOID,
    size: ULONG,
    extension: *mut PVOID,
) -> NTSTATUS {
    let mut slots = DRIVER_EXTENSIONS.iter();
    let slot = slots.find(|slot| {
        let owner = slot.driver.load(Ordering::Acquire);
        owner.is_null() || owner == driver_object
    });
    let Some(slot) = slot.filter(|_| size as usize <= EXTENSION_SIZE) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let bytes = slot.bytes.get();
    // SAFETY: The slot is free, or belonged to a former driver at this address, which is unloaded.
    unsafe { bytes.write([0; EXTENSION_SIZE / 8]) };
    slot.key.store(key, Ordering::Release);
    slot.driver.store(driver_object, Ordering::Release);
    // SAFETY: The caller passes a pointer that can be written.
    unsafe { extension.write(bytes.cast()) };
    STATUS_SUCCESS
}

/// The extension that [`IoAllocateDriverObjectExtension`] allocated, or NULL.
///
/// # Safety
///
/// The driver object is one that is loaded.
#[expect(non_snake_case, reason = "the name of the kernel's function")]
pub unsafe fn IoGetDriverObjectExtension(driver_object: PDRIVER_OBJECT, key: PVOID) -> PVOID {
    let found = DRIVER_EXTENSIONS.iter().find(|slot| {
        slot.driver.load(Ordering::Acquire) == driver_object
            && slot.key.load(Ordering::Acquire) == key
    });
    found.map_or(null_mut(), |slot| slot.bytes.get().cast())
}
