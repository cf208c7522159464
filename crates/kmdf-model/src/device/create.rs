//! WdfDeviceCreate: the checks, and the creation of a device.

use super::{Constraints, Device, IoPackage};
use crate::device::file::{self, FileList};
use crate::device::init::{DeviceInit, FileClass};
use crate::device::interface::Interfaces;
use crate::device::pnp::Pnp;
use crate::driver;
use crate::driver::globals::Globals;
use crate::memory::entry_list::EntryList;
use crate::object::attributes::{self, Attributes, Parent, Rules};
use crate::object::dispose_list::DisposeList;
use crate::object::live::Live;
use crate::object::{self, CANNOT_DELETE, FrameworkObject, Layout, NewParent, Object};
use crate::request::Request;
use crate::support::sync::CallbackLock;
use crate::support::unicode::PoolString;
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::CStr;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicU32};
use kmdf_sys::{
    NTSTATUS, PASSIVE_LEVEL, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, PWDFDEVICE_INIT,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_SECURITY_DESCR,
    STATUS_SUCCESS, WDFDEVICE,
};

/// WdfDeviceCreate: creates the device that a WDFDEVICE_INIT describes (DEV-26, DEV-27).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `device` must be NULL or writable.
/// `init` must be NULL or the address of the WDFDEVICE_INIT pointer that the driver was given.
/// `device_attributes` must be NULL or attributes that stay unchanged for the call, with readable
/// type information and a live parent.
pub(crate) unsafe extern "C" fn wdf_device_create(
    globals: PWDF_DRIVER_GLOBALS,
    init: *mut PWDFDEVICE_INIT,
    device_attributes: PWDF_OBJECT_ATTRIBUTES,
    device: *mut WDFDEVICE,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceCreate";
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals_of_call = unsafe { Globals::from_public(globals) };
    verifier::require(globals_of_call, CALL, init);
    // SAFETY: `init` is not NULL, so the address of the driver's pointer.
    let init = unsafe { &mut *init };
    // SAFETY: The pointer is NULL or a WDFDEVICE_INIT that is not consumed, as the caller guarantees.
    let this = unsafe { DeviceInit::from_pointer(globals, CALL, *init) };
    // SAFETY: `device` is NULL or writable, as the caller guarantees.
    let device = unsafe { verifier::required_out(globals_of_call, CALL, device) };
    device.write(null_mut());
    // SAFETY: The attributes are as `create` asks.
    match unsafe { create(this, device_attributes) } {
        Ok(created) => {
            this.created = Some(created);
            *init = null_mut();
            device.write(created.handle().cast());
            // SAFETY: The driver's pointer was the only one, and is NULL now.
            unsafe { DeviceInit::free(NonNull::from(this)) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// Creates a device, with the checks in their order (DEV-26).
///
/// # Safety
///
/// `device_attributes` must be NULL or as [`attributes::validate`] asks.
unsafe fn create(
    init: &DeviceInit,
    device_attributes: PWDF_OBJECT_ATTRIBUTES,
) -> Result<Live<Device>, NTSTATUS> {
    let globals = init.globals();
    verifier::check_irql(globals, c"WdfDeviceCreate", PASSIVE_LEVEL)?;
    let rules = Rules {
        required: false,
        parent: Parent::Forbidden,
        level: true,
        scope: true,
    };
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(device_attributes, rules) }?;
    if init.created.is_some() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    if init.sddl.is_some() && !init.has_name() && !init.is_control() {
        return Err(STATUS_INVALID_SECURITY_DESCR);
    }
    let constraints = driver::constraints(globals).effective(attributes.get());
    let file_constraints = file::constraints(&init.file, constraints)?;
    let request_attributes = init.request_attributes.get();
    let layout = Layout::new(globals, size_of::<Request>(), 0, request_attributes)
        .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let build = |object| Device::new(object, init, constraints, layout, file_constraints);
    let device = object::create(globals, attributes, build)?.keep();
    match device.set_up(init, attributes) {
        Ok(()) => Ok(device),
        Err(status) => {
            device.dispose_tree();
            // SAFETY: Created above, and its handle not returned to the driver.
            unsafe { device.remove() };
            Err(status)
        }
    }
}

impl Device {
    fn new(
        object: Object,
        init: &DeviceInit,
        constraints: Constraints,
        layout: Layout,
        file_constraints: Constraints,
    ) -> Self {
        Self {
            object,
            pdo: init.pdo,
            wdm: Cell::new(null_mut()),
            lower: Cell::new(null_mut()),
            constraints,
            lock: CallbackLock::new(constraints.passive),
            io_type: init.io_type,
            exclusive: init.exclusive,
            file_config: init.file,
            files: FileList::new(file_constraints),
            in_caller_context: init.in_caller_context,
            request_attributes: init.request_attributes,
            requests: EntryList::new(false, layout.total()),
            request_layout: layout,
            package: Cell::new(None),
            dispose_list: Cell::new(None),
            routes: super::routes::Routes::new(),
            pnp: Pnp::new(init.pnp),
            interfaces: Interfaces::new(),
            name: Cell::new(None),
            link: Cell::new(None),
            security: Cell::new(None),
            open_count: AtomicU32::new(0),
            deletion_postponed: AtomicBool::new(false),
            finished: Cell::new(false),
        }
    }

    /// Everything that a new object needs to become a device with a handle.
    fn set_up(&self, init: &DeviceInit, attributes: Attributes<'_>) -> Result<(), NTSTATUS> {
        let globals = self.globals();
        self.lock.initialize();
        self.requests.initialize(globals.tag.get());
        self.object.set_device(self.object.pointer());
        if self.is_pnp() {
            self.object.mark(CANNOT_DELETE);
        }
        self.create_package()?;
        self.create_wdm_device(init)?;
        self.keep_name(init)?;
        let list = DisposeList::create(globals, self.wdm())?;
        self.dispose_list.set(Some(list));
        if init.file.callbacks.EvtDeviceFileCreate.is_some() {
            file::make_create_queue(self)?;
        }
        object::commit(&self.object, attributes, NewParent::Default)?;
        Ok(())
    }

    fn create_package(&self) -> Result<(), NTSTATUS> {
        let build = |object| IoPackage { object };
        let package = object::create(self.globals(), Attributes::NONE, build)?
            .commit(Attributes::NONE, NewParent::Object(&self.object))?;
        self.package.set(Some(package.object().pointer()));
        Ok(())
    }

    fn keep_name(&self, init: &DeviceInit) -> Result<(), NTSTATUS> {
        if let Some(name) = &init.name {
            let copy = PoolString::copy(self.globals(), name.units())?;
            self.name.set(Some(copy));
        }
        Ok(())
    }

    pub(crate) fn file_class(&self) -> FileClass {
        self.file_config.class
    }
}
