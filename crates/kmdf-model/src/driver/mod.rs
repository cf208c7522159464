//! The driver object (WDFDRIVER): creation, AddDevice, unload.

pub(crate) mod bind;
pub(crate) mod dispatch;
pub(crate) mod globals;
pub(crate) mod name;
pub(crate) mod settings;

use crate::device::Constraints;
use crate::device::init::DeviceInit;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Attributes, Parent, Rules};
use crate::object::dispose_list::DisposeList;
use crate::object::handle;
use crate::object::{
    self, CANNOT_DELETE, Cleanup, FrameworkObject, NewParent, Object, ObjectKind,
    PASSIVE_CALLBACKS, type_code,
};
use crate::queue::Scope;
use crate::support::sync::CallbackLock;
use crate::support::unicode::{self, PoolString};
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};
use kmdf_sys::ntddk::{IoAllocateDriverObjectExtension, IoGetDriverObjectExtension};
use kmdf_sys::{
    _DEVICE_OBJECT, _DRIVER_OBJECT, _POOL_TYPE, _WDF_DRIVER_INIT_FLAGS, BOOLEAN, NT_SUCCESS,
    NTSTATUS, PASSIVE_LEVEL, PCUNICODE_STRING, PDRIVER_OBJECT, PFN_WDF_DRIVER_DEVICE_ADD,
    PFN_WDF_DRIVER_UNLOAD, PWDF_DRIVER_CONFIG, PWDF_DRIVER_GLOBALS,
    PWDF_DRIVER_VERSION_AVAILABLE_PARAMS, PWDF_OBJECT_ATTRIBUTES, PWSTR,
    STATUS_DRIVER_INTERNAL_ERROR, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, ULONG, WDF_DRIVER_CONFIG, WDF_DRIVER_VERSION_AVAILABLE_PARAMS, WDFDRIVER,
};

/// The major version of the framework.
pub(crate) const MAJOR_VERSION: ULONG = 1;
/// The minor version of the framework: that of Windows 11.
pub(crate) const MINOR_VERSION: ULONG = 33;

const NON_PNP: ULONG = _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as ULONG;
const NO_DISPATCH: ULONG = _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNoDispatchOverride as ULONG;
const COMPANION: ULONG = _WDF_DRIVER_INIT_FLAGS::WdfDriverInitCompanion as ULONG;

/// The address of this variable identifies the framework's extension of a driver object.
static EXTENSION_KEY: u8 = 0;

/// A WDFDRIVER, of which each client has one.
///
/// # Invariants
///
/// The extension of the WDM driver object leads here from creation to destruction.
#[repr(C)]
pub(crate) struct Driver {
    object: Object,
    device_add: PFN_WDF_DRIVER_DEVICE_ADD,
    unload: PFN_WDF_DRIVER_UNLOAD,
    constraints: Constraints,
    /// Serialises EvtDriverDeviceAdd if the scope asks for it (DEV-22).
    lock: CallbackLock,
    registry_path: Cell<Option<PoolString>>,
}

// SAFETY: `repr(C)` with the object first; made in `create` alone.
unsafe impl FrameworkObject for Driver {
    const KIND: &'static ObjectKind = &ObjectKind {
        marks: CANNOT_DELETE | PASSIVE_CALLBACKS,
        disposed_before_destroyed: true,
        lockable: true,
        dispose: |object| {
            // Deferred disposals are finished before the driver object is (DEV-23).
            if object.globals().dispose_list.get().is_some() {
                let globals = object.globals();
                globals.driver_dispose_list().wait_until_empty(globals);
            }
            Cleanup::Now
        },
        destroy: |object| {
            // SAFETY: Only the kind of `Driver` has this function.
            unsafe { object.downcast::<Self>() }.destroy();
        },
        ..ObjectKind::new(c"WDFDRIVER", type_code::DRIVER)
    };
}

impl Driver {
    fn destroy(&self) {
        let globals = self.object.globals();
        self.registry_path.take();
        set_extension(globals.driver_object, null_mut());
        if globals.driver.get() == Some(self.object.pointer()) {
            globals.driver.set(None);
            globals.set_public_driver(null_mut());
        }
        if let Some(list) = globals.dispose_list.take() {
            // SAFETY: The driver's objects, which alone used the list, are destroyed.
            unsafe { DisposeList::destroy(list, globals) };
        }
    }
}

/// The WDFDRIVER of a client, once WdfDriverCreate has created it.
fn of<'a>(globals: &Globals) -> Option<&'a Driver> {
    // SAFETY: The globals name the driver object from its creation to its destruction.
    let object = unsafe { globals.driver.get()?.as_ref() };
    // SAFETY: The globals name no object of another type.
    Some(unsafe { object.downcast() })
}

/// The constraints that devices inherit from the driver (DEV-29).
pub(crate) fn constraints(globals: &Globals) -> Constraints {
    of(globals).map_or(Constraints::DRIVER_DEFAULT, |driver| driver.constraints)
}

/// WdfDriverCreate: creates the driver object and takes over the dispatch routines (DEV-11 to
/// DEV-21).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `config` must be NULL or readable.
/// `driver` must be NULL or writable. `driver_object` must be NULL or the driver's own object.
/// `registry_path` must be NULL or readable with its characters. `driver_attributes` must be NULL
/// or attributes that stay unchanged for the call, with readable type information and a live
/// parent.
pub(crate) unsafe extern "C" fn wdf_driver_create(
    globals: PWDF_DRIVER_GLOBALS,
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    driver_attributes: PWDF_OBJECT_ATTRIBUTES,
    config: PWDF_DRIVER_CONFIG,
    driver: *mut WDFDRIVER,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDriverCreate";
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, CALL, driver_object);
    // SAFETY: `registry_path` is NULL or readable, as the caller guarantees.
    let path = *unsafe { verifier::required(globals, CALL, registry_path) };
    // SAFETY: `config` is NULL or readable, as the caller guarantees.
    let config = *unsafe { verifier::required(globals, CALL, config) };
    if let Err(status) = check_config(globals, CALL, &config, &path) {
        return status;
    }
    // SAFETY: `driver` is NULL or writable, as the caller guarantees.
    unsafe { verifier::write_optional(driver, null_mut()) };
    // SAFETY: `check_config` validated the path, whose characters are readable.
    let units = unsafe { unicode::units(&path) };
    globals.name_and_tag(units, config.DriverPoolTag);
    let pnp = config.DriverInitFlags & (NON_PNP | NO_DISPATCH) == 0;
    let unused_device_add = config.DriverInitFlags & NON_PNP != 0
        && config.DriverInitFlags & NO_DISPATCH == 0
        && config.EvtDriverDeviceAdd.is_some();
    if unused_device_add {
        return STATUS_INVALID_PARAMETER;
    }
    let rules = Rules {
        required: false,
        parent: Parent::Forbidden,
        level: true,
        scope: true,
    };
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = match unsafe { attributes::validate(driver_attributes, rules) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    // SAFETY: `check_config` validated the path.
    unsafe { settings::read(globals, registry_path.cast_mut()) };
    verifier::make_lock_threads(globals);
    match create(globals, &config, units, attributes) {
        Ok(created) => {
            // SAFETY: The driver's own object, which it passes from DriverEntry.
            unsafe { take_over(driver_object, &config) };
            globals.set_public_config(&config, pnp);
            // SAFETY: `driver` is NULL or writable, as the caller guarantees.
            unsafe { verifier::write_optional(driver, created) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// The checks of the configuration and the path (DEV-12 to DEV-16).
fn check_config(
    globals: &Globals,
    call: &CStr,
    config: &WDF_DRIVER_CONFIG,
    path: &kmdf_sys::UNICODE_STRING,
) -> Result<(), NTSTATUS> {
    if config.Size != size_of::<WDF_DRIVER_CONFIG>() as ULONG {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    if config.DriverInitFlags & !(NON_PNP | NO_DISPATCH | COMPANION) != 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    verifier::check_irql(globals, call, PASSIVE_LEVEL)?;
    unicode::validate(path)?;
    if globals.driver.get().is_some() {
        return Err(STATUS_DRIVER_INTERNAL_ERROR);
    }
    Ok(())
}

/// Creates and commits the driver object (DEV-19).
fn create(
    globals: &Globals,
    config: &WDF_DRIVER_CONFIG,
    path: &[u16],
    attributes: Attributes<'_>,
) -> Result<WDFDRIVER, NTSTATUS> {
    let overrides = config.DriverInitFlags & NO_DISPATCH == 0;
    let constraints = Constraints::DRIVER_DEFAULT.effective(attributes.get());
    let build = |object| Driver {
        object,
        device_add: config.EvtDriverDeviceAdd.filter(|_| overrides),
        unload: config.EvtDriverUnload.filter(|_| overrides),
        constraints,
        lock: CallbackLock::new(true),
        registry_path: Cell::new(None),
    };
    let driver = object::create(globals, attributes, build)?;
    driver.lock.initialize();
    let list = DisposeList::create(globals, globals.driver_object.cast())?;
    globals.dispose_list.set(Some(list));
    allocate_extension(globals.driver_object)?;
    let path = PoolString::copy_to(globals, _POOL_TYPE::PagedPool, path)?;
    driver.registry_path.set(Some(path));
    let driver = driver.commit(attributes, NewParent::None)?;
    let handle = driver.handle().cast();
    set_extension(globals.driver_object, object::as_void(driver.object()));
    globals.driver.set(Some(driver.object().pointer()));
    globals.set_public_driver(handle);
    Ok(handle)
}

fn extension_key() -> *mut c_void {
    (&raw const EXTENSION_KEY).cast_mut().cast()
}

fn allocate_extension(driver_object: PDRIVER_OBJECT) -> Result<(), NTSTATUS> {
    let mut extension = null_mut();
    let size = size_of::<*mut c_void>() as ULONG;
    // SAFETY: The client's own driver object; `extension` is a local.
    let status = unsafe {
        IoAllocateDriverObjectExtension(driver_object, extension_key(), size, &raw mut extension)
    };
    if NT_SUCCESS(status) {
        Ok(())
    } else {
        Err(status)
    }
}

/// The framework's extension of a driver object, which holds the address of the WDFDRIVER.
fn extension(driver_object: PDRIVER_OBJECT) -> Option<NonNull<*mut c_void>> {
    // SAFETY: A live driver object, as every caller passes its own.
    let extension = unsafe { IoGetDriverObjectExtension(driver_object, extension_key()) };
    NonNull::new(extension.cast())
}

fn set_extension(driver_object: PDRIVER_OBJECT, driver: *mut c_void) {
    if let Some(extension) = extension(driver_object) {
        // SAFETY: `allocate_extension` made it as large as a pointer.
        unsafe { extension.write(driver) };
    }
}

fn of_driver_object<'a>(driver_object: PDRIVER_OBJECT) -> Option<&'a Driver> {
    let extension = extension(driver_object)?;
    // SAFETY: `allocate_extension` made it as large as a pointer, and the kernel zeroed it.
    let driver = unsafe { extension.read() }.cast::<Driver>();
    // SAFETY: NULL, or a driver that is not destroyed, by the invariant of `Driver`.
    unsafe { driver.as_ref() }
}

/// Sets the dispatch routines, AddDevice and DriverUnload of the driver object (DEV-20).
///
/// # Safety
///
/// `driver_object` must be the client's own, in its DriverEntry.
unsafe fn take_over(driver_object: PDRIVER_OBJECT, config: &WDF_DRIVER_CONFIG) {
    if config.DriverInitFlags & NO_DISPATCH != 0 {
        return;
    }
    // SAFETY: The client's own object, which the kernel leaves alone during DriverEntry.
    let driver_object = unsafe { &mut *driver_object };
    driver_object.MajorFunction = [Some(dispatch::dispatch); 28];
    let pnp = config.DriverInitFlags & NON_PNP == 0;
    driver_object.DriverUnload = Some(unload as unsafe extern "C" fn(*mut _DRIVER_OBJECT))
        .filter(|_| pnp || config.EvtDriverUnload.is_some());
    // SAFETY: The kernel gives every driver object an extension.
    let extension = unsafe { &mut *driver_object.DriverExtension };
    extension.AddDevice = Some(add_device as unsafe extern "C" fn(_, _) -> _).filter(|_| pnp);
}

impl Globals {
    fn set_public_driver(&self, driver: WDFDRIVER) {
        // SAFETY: The driver only reads its globals, and they are written while no other thread runs.
        unsafe { (*self.public()).Driver = driver };
    }

    /// Sets the members that say how the driver is unloaded and verified (DEV-21).
    fn set_public_config(&self, config: &WDF_DRIVER_CONFIG, pnp: bool) {
        let displaces = pnp || config.EvtDriverUnload.is_some();
        // SAFETY: The driver only reads its globals, and WdfDriverCreate writes them before it returns.
        unsafe { (*self.public()).DisplaceDriverUnload = displaces.into() };
        self.add_driver_flags(true, config.DriverInitFlags as i32);
    }
}

/// The AddDevice routine: calls EvtDriverDeviceAdd (DEV-25).
///
/// # Safety
///
/// `driver_object` must be a client's own driver object, and `pdo` a device object of its bus.
unsafe extern "C" fn add_device(
    driver_object: *mut _DRIVER_OBJECT,
    pdo: *mut _DEVICE_OBJECT,
) -> NTSTATUS {
    let Some(driver) = of_driver_object(driver_object) else {
        return STATUS_DRIVER_INTERNAL_ERROR;
    };
    let mut init = DeviceInit::new(driver.object().globals(), pdo);
    let status = driver.call_device_add(&mut init);
    let Some(device) = init.created else {
        return status;
    };
    if NT_SUCCESS(status) {
        device.clear_initializing();
        return status;
    }
    device.dispose_tree();
    // SAFETY: The driver does not use the device after EvtDriverDeviceAdd has failed.
    unsafe { device.remove() };
    status
}

impl Driver {
    fn call_device_add(&self, init: &mut DeviceInit) -> NTSTATUS {
        let Some(callback) = self.device_add else {
            return STATUS_SUCCESS;
        };
        let serialised = self.constraints.scope != Scope::None;
        if serialised {
            self.lock.acquire(self.object.globals());
        }
        let init = core::ptr::from_mut(init).cast();
        // SAFETY: EvtDriverDeviceAdd, with the driver's handle and an init that lives for the call.
        let status = unsafe { callback(self.handle().cast(), init) };
        if serialised {
            self.lock.release();
        }
        status
    }
}

/// The DriverUnload routine: calls EvtDriverUnload and deletes the driver object (DEV-23).
///
/// # Safety
///
/// `driver_object` must be a client's own driver object without devices.
unsafe extern "C" fn unload(driver_object: *mut _DRIVER_OBJECT) {
    let Some(driver) = of_driver_object(driver_object) else {
        return;
    };
    if let Some(callback) = driver.unload {
        // SAFETY: EvtDriverUnload, with the driver's handle.
        unsafe { callback(driver.handle().cast()) };
    }
    // SAFETY: The driver does not use its object after EvtDriverUnload.
    unsafe { object::delete(driver.object().pointer()) };
}

/// Deletes the driver object that a client leaves behind when its DriverEntry fails (DEV-10).
pub(crate) fn delete_left_over(globals: &Globals) {
    if let Some(driver) = globals.driver.get() {
        // SAFETY: Alive while the globals name it; the client is unbinding and does not use it.
        unsafe { object::delete(driver) };
    }
}

/// WdfDriverGetRegistryPath: the path of the service key, NUL-terminated.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `driver` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_driver_get_registry_path(
    globals: PWDF_DRIVER_GLOBALS,
    driver: WDFDRIVER,
) -> PWSTR {
    // SAFETY: `globals` is bound and `driver` NULL or live, as the caller guarantees.
    let driver =
        unsafe { handle::resolve::<Driver>(globals, c"WdfDriverGetRegistryPath", driver.cast()) };
    let path = driver.registry_path.take();
    let buffer = path
        .as_ref()
        .map_or(null_mut(), |path| path.as_unicode().Buffer);
    driver.registry_path.set(path);
    buffer
}

/// WdfDriverWdmGetDriverObject: the WDM driver object.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `driver` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_driver_wdm_get_driver_object(
    globals: PWDF_DRIVER_GLOBALS,
    driver: WDFDRIVER,
) -> PDRIVER_OBJECT {
    // SAFETY: `globals` is bound and `driver` NULL or live, as the caller guarantees.
    let driver = unsafe {
        handle::resolve::<Driver>(globals, c"WdfDriverWdmGetDriverObject", driver.cast())
    };
    driver.object().globals().driver_object
}

/// WdfDriverIsVersionAvailable: whether this framework has the wanted version.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `driver` NULL or the handle of
/// a live object. `parameters` must be NULL or readable.
pub(crate) unsafe extern "C" fn wdf_driver_is_version_available(
    globals: PWDF_DRIVER_GLOBALS,
    driver: WDFDRIVER,
    parameters: PWDF_DRIVER_VERSION_AVAILABLE_PARAMS,
) -> BOOLEAN {
    const CALL: &CStr = c"WdfDriverIsVersionAvailable";
    // SAFETY: `globals` is bound and `driver` NULL or live, as the caller guarantees.
    let driver = unsafe { handle::resolve::<Driver>(globals, CALL, driver.cast()) };
    let globals = driver.object().globals();
    // SAFETY: `parameters` is NULL or readable, as the caller guarantees.
    let wanted = unsafe { verifier::required(globals, CALL, parameters) };
    if wanted.Size != size_of::<WDF_DRIVER_VERSION_AVAILABLE_PARAMS>() as ULONG {
        verifier::break_point(
            globals,
            c"WdfDriverIsVersionAvailable: the parameters have the wrong size; use their INIT",
        );
        return 0;
    }
    (wanted.MajorVersion == MAJOR_VERSION && wanted.MinorVersion <= MINOR_VERSION).into()
}
