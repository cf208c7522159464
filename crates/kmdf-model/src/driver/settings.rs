//! The framework verifier's switches, from the driver's `Parameters\Wdf` registry key.

use crate::driver::globals::Globals;
use crate::support::kernel::{self, WideString};
use crate::support::stop;
use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering};
use kmdf_sys::ntddk::{ZwClose, ZwOpenKey, ZwQueryValueKey};
use kmdf_sys::{
    _KEY_VALUE_INFORMATION_CLASS, _WDF_DRIVER_INIT_FLAGS, HANDLE, KEY_READ, NT_SUCCESS,
    OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, POOL_TYPE, PUNICODE_STRING, PVOID,
    REG_DWORD, STATUS_OBJECT_NAME_NOT_FOUND, ULONG,
};

/// VfCheckNxPoolType, the kernel's check for executable pool.
pub(crate) type CheckPoolType = Option<unsafe extern "C" fn(caller: PVOID, POOL_TYPE, tag: ULONG)>;

/// The value of `VerifierAllocateFailCount` that lets every allocation succeed.
const UNLIMITED: u32 = u32::MAX;

/// The switches of the verifier, all off until WdfDriverCreate reads the registry (VER-1).
pub(crate) struct Settings {
    pub(crate) on: Cell<bool>,
    pub(crate) break_on_error: Cell<bool>,
    /// Checks of newer versions apply to older clients as well (VER-4).
    pub(crate) down_level: Cell<bool>,
    /// After how many seconds a wait is reported (VER-29).
    pub(crate) wait_report_seconds: Cell<u32>,
    /// How many more allocations of the framework's allocator succeed (VER-21).
    pub(crate) allocations_left: AtomicU32,
    /// Lookaside buffers below a page are zeroed, as KMDF 1.33 does without promising it (MEM-60).
    pub(crate) zeroes_lookaside_buffers: Cell<bool>,
    /// The kernel's check of pool types, if it has one (MEM-6).
    pub(crate) pool_type_check: Cell<CheckPoolType>,
}

impl Settings {
    pub(crate) const fn new() -> Self {
        Self {
            on: Cell::new(false),
            break_on_error: Cell::new(false),
            down_level: Cell::new(false),
            wait_report_seconds: Cell::new(60),
            allocations_left: AtomicU32::new(UNLIMITED),
            zeroes_lookaside_buffers: Cell::new(false),
            pool_type_check: Cell::new(None),
        }
    }

    /// Counts an allocation of the framework's allocator; false if it has to fail (VER-21).
    pub(crate) fn may_allocate(&self) -> bool {
        if !self.on.get() {
            return true;
        }
        let count = |left| match left {
            UNLIMITED => Some(UNLIMITED),
            left => u32::checked_sub(left, 1),
        };
        self.allocations_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count)
            .is_ok()
    }
}

/// Reads the switches from the service key of the driver, once, in WdfDriverCreate (VER-1 to
/// VER-4, VER-29). A key or value that is missing leaves its switch at the default. PASSIVE_LEVEL.
///
/// # Safety
///
/// `registry_path` must be the valid path of the service key.
pub(crate) unsafe fn read(globals: &Globals, registry_path: PUNICODE_STRING) {
    // SAFETY: A valid path, as the caller guarantees.
    let Some(service) = (unsafe { Key::open(null_mut(), registry_path) }) else {
        return;
    };
    let mut name = WideString::new("Parameters\\Wdf");
    // SAFETY: `name` lives for the call, and the service key is open.
    let key = unsafe { Key::open(service.0, &mut name.as_unicode()) };
    let value = |name| key.as_ref().and_then(|key| key.dword(name));
    let is_set = |name| value(name).map(|value| value != 0);
    let settings = &globals.settings;
    let on = is_set("VerifierOn").unwrap_or(false);
    settings.on.set(on);
    settings
        .break_on_error
        .set(is_set("DbgBreakOnError").unwrap_or(on));
    settings
        .down_level
        .set(is_set("VerifyDownLevel").unwrap_or(false));
    if let Some(seconds) = value("DbgWaitForSignalTimeoutInSec") {
        settings.wait_report_seconds.set(seconds);
    }
    settings
        .zeroes_lookaside_buffers
        .set(is_set("ModelZeroesLookasideBuffers").unwrap_or(false));
    settings.allocations_left.store(
        value("VerifierAllocateFailCount").unwrap_or(UNLIMITED),
        Ordering::Relaxed,
    );
    if let Some(key) = &key {
        reject_unmodelled(key);
    }
    let verify = is_set("VerifyOn").unwrap_or(false);
    globals.add_driver_flags(on, _WDF_DRIVER_INIT_FLAGS::WdfVerifierOn);
    globals.add_driver_flags(on || verify, _WDF_DRIVER_INIT_FLAGS::WdfVerifyOn);
    if on {
        let check = kernel::routine("VfCheckNxPoolType");
        // SAFETY: The kernel's VfCheckNxPoolType has this type, and NULL is `None`.
        let check = unsafe { core::mem::transmute::<PVOID, CheckPoolType>(check) };
        settings.pool_type_check.set(check);
    }
}

/// Stops the run for a switch that the model does not have: object leak detection, handle tracking and
/// callback wrapping (VER-24 to VER-26), reports of every wait (VER-29), requests that are children of
/// their device (REQ-2).
fn reject_unmodelled(key: &Key) {
    match key.value("ObjectLeakDetectionLimit") {
        None | Some(Value::Number(u32::MAX)) => {}
        Some(_) => stop::not_modelled(c"the registry value ObjectLeakDetectionLimit"),
    }
    if key.value("TrackHandles").is_some() {
        stop::not_modelled(c"the registry value TrackHandles");
    }
    if let Some(Value::Number(0)) = key.value("DbgWaitForSignalTimeoutInSec") {
        stop::not_modelled(c"the registry value DbgWaitForSignalTimeoutInSec of 0");
    }
    if let Some(Value::Number(0)) = key.value("RequestParentOptimizationOn") {
        stop::not_modelled(c"the registry value RequestParentOptimizationOn of 0");
    }
    match key.value("EnhancedVerifierOptions") {
        None | Some(Value::Number(0)) => {}
        Some(_) => stop::not_modelled(c"the registry value EnhancedVerifierOptions"),
    }
}

/// The data of a registry value, of which only numbers matter.
enum Value {
    Number(u32),
    Other,
}

/// An open registry key, which is closed when it is dropped.
struct Key(HANDLE);

impl Key {
    /// Opens a key; `None` if it does not exist or cannot be opened.
    ///
    /// # Safety
    ///
    /// `name` must be a valid string, `root` an open key or NULL.
    unsafe fn open(root: HANDLE, name: PUNICODE_STRING) -> Option<Self> {
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as ULONG,
            RootDirectory: root,
            ObjectName: name,
            Attributes: OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut key = null_mut();
        // SAFETY: Name and root are valid, as the caller guarantees; both pointers lead to locals.
        let status = unsafe { ZwOpenKey(&raw mut key, KEY_READ, &raw mut attributes) };
        NT_SUCCESS(status).then_some(Self(key))
    }

    /// The number in the value of this name; `None` if there is none.
    fn dword(&self, name: &str) -> Option<u32> {
        match self.value(name)? {
            Value::Number(number) => Some(number),
            Value::Other => None,
        }
    }

    /// The data of the value of this name; `None` if it does not exist.
    fn value(&self, name: &str) -> Option<Value> {
        let mut name = WideString::new(name);
        // KEY_VALUE_PARTIAL_INFORMATION of a number: index, type, length, value.
        let mut information = [0_u32; 4];
        let (length, mut needed) = (size_of_val(&information) as ULONG, 0);
        let class = _KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation;
        let buffer = information.as_mut_ptr().cast();
        let mut name = name.as_unicode();
        // SAFETY: The key is open, and the buffer has `length` bytes.
        let status =
            unsafe { ZwQueryValueKey(self.0, &mut name, class, buffer, length, &mut needed) };
        let [_, kind, _, value] = information;
        match status {
            STATUS_OBJECT_NAME_NOT_FOUND => None,
            _ if NT_SUCCESS(status) && kind == REG_DWORD => Some(Value::Number(value)),
            _ => Some(Value::Other),
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: `open` opened the key, and only this closes it.
        let _ = unsafe { ZwClose(self.0) };
    }
}
