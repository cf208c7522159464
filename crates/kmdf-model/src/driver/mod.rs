//! The driver object (WDFDRIVER): creation, AddDevice, unload.

pub(crate) mod bind;
pub(crate) mod dispatch;
pub(crate) mod globals;
pub(crate) mod name;
pub(crate) mod settings;

use crate::device::Constraints;
use crate::device::init::DeviceInit;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Parent, Rules};
use crate::object::dispose_list::DisposeList;
use crate::object::handle;
use crate::object::{
    self, CANNOT_DELETE, Cleanup, FrameworkObject, Kind, NewParent, Object, PASSIVE_CALLBACKS,
    type_code,
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
    STATUS_SUCCESS, ULONG, WDF_DRIVER_CONFIG, WDF_DRIVER_VERSION_AVAILABLE_PARAMS,
    WDF_OBJECT_ATTRIBUTES, WDFDRIVER,
};

/// The version that the framework says it is.
pub(crate) const MAJOR_VERSION: ULONG = 1;
pub(crate) const MINOR_VERSION: ULONG = 33;

const NON_PNP: ULONG = _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as ULONG;
const NO_DISPATCH: ULONG = _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNoDispatchOverride as ULONG;
const COMPANION: ULONG = _WDF_DRIVER_INIT_FLAGS::WdfDriverInitCompanion as ULONG;

/// Marks this framework's extension of a driver object.
static EXTENSION_KEY: u8 = 0;

/// A driver.
///
/// # Invariants
///
/// The driver object's extension leads here while the object lives.
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
    const KIND: &'static Kind = &Kind {
        marks: CANNOT_DELETE | PASSIVE_CALLBACKS,
        disposed_before_destroyed: true,
        lockable: true,
        dispose: |object| {
            // DEV-23
            if object.globals().dispose_list.get().is_some() {
                let globals = object.globals();
                globals.driver_dispose_list().wait_until_empty(globals);
            }
            Cleanup::Now
        },
        destroy: |object| {
            // SAFETY: Called for objects of this kind alone.
            unsafe { object.downcast::<Self>() }.destroy();
        },
        ..Kind::new(c"WDFDRIVER", type_code::DRIVER)
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
            // SAFETY: The driver's objects are gone.
            unsafe { DisposeList::destroy(list, globals) };
        }
    }
}

/// The driver of bound globals, once it is created.
fn of<'a>(globals: &Globals) -> Option<&'a Driver> {
    // SAFETY: Named by the globals as long as it lives.
    let object = unsafe { globals.driver.get()?.as_ref() };
    // SAFETY: As above, and a driver.
    Some(unsafe { object.downcast() })
}

/// What devices inherit (DEV-29).
pub(crate) fn constraints(globals: &Globals) -> Constraints {
    of(globals).map_or(Constraints::DRIVER_DEFAULT, |driver| driver.constraints)
}

/// DEV-11 to DEV-21
///
/// # Safety
///
/// As for the function table's WdfDriverCreate: bound globals, pointers valid or NULL.
pub(crate) unsafe extern "C" fn wdf_driver_create(
    globals: PWDF_DRIVER_GLOBALS,
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    driver_attributes: PWDF_OBJECT_ATTRIBUTES,
    config: PWDF_DRIVER_CONFIG,
    driver: *mut WDFDRIVER,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDriverCreate";
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, CALL, driver_object);
    verifier::require(globals, CALL, registry_path);
    verifier::require(globals, CALL, config);
    // SAFETY: As above.
    let (config, path) = (unsafe { *config }, unsafe { *registry_path });
    if let Err(status) = check_config(globals, CALL, &config, &path) {
        return status;
    }
    if !driver.is_null() {
        // SAFETY: As above.
        unsafe { driver.write(null_mut()) };
    }
    // SAFETY: Validated in `check_config`.
    let units = unsafe { unicode::units(&path) };
    globals.name_and_tag(units, config.DriverPoolTag);
    let pnp = config.DriverInitFlags & (NON_PNP | NO_DISPATCH) == 0;
    let adds_in_vain = config.DriverInitFlags & NON_PNP != 0
        && config.DriverInitFlags & NO_DISPATCH == 0
        && config.EvtDriverDeviceAdd.is_some();
    if adds_in_vain {
        return STATUS_INVALID_PARAMETER;
    }
    let rules = Rules {
        required: false,
        parent: Parent::Forbidden,
        level: true,
        scope: true,
    };
    // SAFETY: As above.
    let given = match unsafe { attributes::validate(driver_attributes, rules) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    // SAFETY: A valid path, as validated.
    unsafe { settings::read(globals, registry_path.cast_mut()) };
    verifier::make_lock_threads(globals);
    // SAFETY: Validated above.
    match unsafe { create(globals, &config, units, given) } {
        Ok(created) => {
            // SAFETY: The driver's own object.
            unsafe { take_over(driver_object, &config) };
            globals.set_public_config(&config, pnp);
            if !driver.is_null() {
                // SAFETY: As above.
                unsafe { driver.write(created) };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// DEV-12 to DEV-16
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

/// DEV-19
///
/// # Safety
///
/// `given` was validated.
unsafe fn create(
    globals: &Globals,
    config: &WDF_DRIVER_CONFIG,
    path: &[u16],
    given: Option<&WDF_OBJECT_ATTRIBUTES>,
) -> Result<WDFDRIVER, NTSTATUS> {
    let overrides = config.DriverInitFlags & NO_DISPATCH == 0;
    let constraints = Constraints::DRIVER_DEFAULT.effective(given);
    let build = |object| Driver {
        object,
        device_add: config.EvtDriverDeviceAdd.filter(|_| overrides),
        unload: config.EvtDriverUnload.filter(|_| overrides),
        constraints,
        lock: CallbackLock::new(true),
        registry_path: Cell::new(None),
    };
    // SAFETY: By the contract of this function.
    let driver = unsafe { object::create::<Driver>(globals, given, build) }?;
    // SAFETY: Just created; deleted below if anything fails.
    let this = unsafe { driver.as_ref() };
    this.lock.initialize();
    // SAFETY: As above.
    let finished = unsafe { finish(this, globals, path, given) };
    if finished.is_err() {
        // SAFETY: Nobody else knows it.
        unsafe { object::delete(this.object().pointer()) };
    }
    finished
}

/// # Safety
///
/// `given` was validated.
unsafe fn finish(
    driver: &Driver,
    globals: &Globals,
    path: &[u16],
    given: Option<&WDF_OBJECT_ATTRIBUTES>,
) -> Result<WDFDRIVER, NTSTATUS> {
    let list = DisposeList::create(globals, globals.driver_object.cast())?;
    globals.dispose_list.set(Some(list));
    allocate_extension(globals.driver_object)?;
    let path = PoolString::copy_to(globals, _POOL_TYPE::PagedPool, path)?;
    driver.registry_path.set(Some(path));
    // SAFETY: By the contract of this function.
    let handle = unsafe { object::commit(driver.object(), given, NewParent::Nobody) }?.cast();
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
    // SAFETY: The driver's own object.
    let status = unsafe {
        IoAllocateDriverObjectExtension(driver_object, extension_key(), size, &raw mut extension)
    };
    if NT_SUCCESS(status) {
        Ok(())
    } else {
        Err(status)
    }
}

/// The word in the driver object's extension, where the driver's object is.
fn extension(driver_object: PDRIVER_OBJECT) -> Option<NonNull<*mut c_void>> {
    // SAFETY: The driver's own object.
    let extension = unsafe { IoGetDriverObjectExtension(driver_object, extension_key()) };
    NonNull::new(extension.cast())
}

fn set_extension(driver_object: PDRIVER_OBJECT, driver: *mut c_void) {
    if let Some(extension) = extension(driver_object) {
        // SAFETY: Allocated with room for a pointer.
        unsafe { extension.write(driver) };
    }
}

fn of_driver_object<'a>(driver_object: PDRIVER_OBJECT) -> Option<&'a Driver> {
    let extension = extension(driver_object)?;
    // SAFETY: Allocated with room for a pointer.
    let driver = unsafe { extension.read() }.cast::<Driver>();
    // SAFETY: By the invariant of `Driver`.
    unsafe { driver.as_ref() }
}

/// DEV-20
///
/// # Safety
///
/// `driver_object` is the driver's own.
unsafe fn take_over(driver_object: PDRIVER_OBJECT, config: &WDF_DRIVER_CONFIG) {
    if config.DriverInitFlags & NO_DISPATCH != 0 {
        return;
    }
    // SAFETY: By the contract of this function; the kernel does not touch it meanwhile.
    let driver_object = unsafe { &mut *driver_object };
    driver_object.MajorFunction = [Some(dispatch::dispatch); 28];
    let pnp = config.DriverInitFlags & NON_PNP == 0;
    driver_object.DriverUnload = Some(unload as unsafe extern "C" fn(*mut _DRIVER_OBJECT))
        .filter(|_| pnp || config.EvtDriverUnload.is_some());
    // SAFETY: Every driver object has an extension.
    let extension = unsafe { &mut *driver_object.DriverExtension };
    extension.AddDevice = Some(add_device as unsafe extern "C" fn(_, _) -> _).filter(|_| pnp);
}

impl Globals {
    fn set_public_driver(&self, driver: WDFDRIVER) {
        // SAFETY: The driver reads its globals only; writes are ordered by the invariant.
        unsafe { (*self.public()).Driver = driver };
    }

    /// DEV-21
    fn set_public_config(&self, config: &WDF_DRIVER_CONFIG, pnp: bool) {
        let displaces = pnp || config.EvtDriverUnload.is_some();
        // SAFETY: As above.
        unsafe { (*self.public()).DisplaceDriverUnload = displaces.into() };
        self.add_driver_flags(true, config.DriverInitFlags as i32);
    }
}

/// DEV-25
///
/// # Safety
///
/// Called by the kernel with the driver's own object and a device of its bus.
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
    // SAFETY: The driver gave the device up by failing.
    unsafe { device.vanish() };
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
        // SAFETY: The driver's callback, with a live handle and an init that lasts for the call.
        let status = unsafe { callback(self.handle().cast(), init) };
        if serialised {
            self.lock.release();
        }
        status
    }
}

/// DEV-23
///
/// # Safety
///
/// Called by the kernel, or by the stub in its place, when no device is left.
unsafe extern "C" fn unload(driver_object: *mut _DRIVER_OBJECT) {
    let Some(driver) = of_driver_object(driver_object) else {
        return;
    };
    if let Some(callback) = driver.unload {
        // SAFETY: The driver's callback, with a live handle.
        unsafe { callback(driver.handle().cast()) };
    }
    // SAFETY: The driver is done.
    unsafe { object::delete(driver.object().pointer()) };
}

/// Deletes what a driver left behind whose DriverEntry failed (DEV-10).
pub(crate) fn delete_left_over(globals: &Globals) {
    if let Some(driver) = globals.driver.get() {
        // SAFETY: Named by the globals as long as it lives, and nobody uses it any more.
        unsafe { object::delete(driver) };
    }
}

/// # Safety
///
/// As for the calls: bound globals, and NULL or the handle of a live object.
unsafe fn resolve<'a>(globals: PWDF_DRIVER_GLOBALS, call: &CStr, driver: WDFDRIVER) -> &'a Driver {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    unsafe { handle::typed(globals, call, driver.cast()) }
}

/// # Safety
///
/// As for the function table's WdfDriverGetRegistryPath: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_driver_get_registry_path(
    globals: PWDF_DRIVER_GLOBALS,
    driver: WDFDRIVER,
) -> PWSTR {
    // SAFETY: By the contract of this function.
    let driver = unsafe { resolve(globals, c"WdfDriverGetRegistryPath", driver) };
    let path = driver.registry_path.take();
    let buffer = path
        .as_ref()
        .map_or(null_mut(), |path| path.as_unicode().Buffer);
    driver.registry_path.set(path);
    buffer
}

/// # Safety
///
/// As for the function table's WdfDriverWdmGetDriverObject: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_driver_wdm_get_driver_object(
    globals: PWDF_DRIVER_GLOBALS,
    driver: WDFDRIVER,
) -> PDRIVER_OBJECT {
    // SAFETY: By the contract of this function.
    let driver = unsafe { resolve(globals, c"WdfDriverWdmGetDriverObject", driver) };
    driver.object().globals().driver_object
}

/// # Safety
///
/// As for the function table's WdfDriverIsVersionAvailable: bound globals, a handle, a pointer valid
/// or NULL.
pub(crate) unsafe extern "C" fn wdf_driver_is_version_available(
    globals: PWDF_DRIVER_GLOBALS,
    driver: WDFDRIVER,
    parameters: PWDF_DRIVER_VERSION_AVAILABLE_PARAMS,
) -> BOOLEAN {
    const CALL: &CStr = c"WdfDriverIsVersionAvailable";
    // SAFETY: By the contract of this function.
    let driver = unsafe { resolve(globals, CALL, driver) };
    let globals = driver.object().globals();
    verifier::require(globals, CALL, parameters);
    // SAFETY: As above.
    let wanted = unsafe { *parameters };
    if wanted.Size != size_of::<WDF_DRIVER_VERSION_AVAILABLE_PARAMS>() as ULONG {
        verifier::break_point(globals, c"WdfDriverIsVersionAvailable: wrong size");
        return 0;
    }
    (wanted.MajorVersion == MAJOR_VERSION && wanted.MinorVersion <= MINOR_VERSION).into()
}
