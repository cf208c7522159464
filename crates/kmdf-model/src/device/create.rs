//! WdfDeviceCreate.

use super::{Constraints, Device, IoPackage};
use crate::device::file::{self, FileList};
use crate::device::init::{DeviceInit, FileClass};
use crate::device::interface::Interfaces;
use crate::device::pnp::Pnp;
use crate::driver;
use crate::driver::globals::Globals;
use crate::memory::entry_list::EntryList;
use crate::object::attributes::{self, Parent, Rules};
use crate::object::dispose_list::DisposeList;
use crate::object::live::Live;
use crate::object::{self, CANNOT_DELETE, FrameworkObject, Layout, NewParent, Object};
use crate::request::Request;
use crate::support::sync::CallbackLock;
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::CStr;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicU32};
use kmdf_sys::{
    NTSTATUS, PASSIVE_LEVEL, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, PWDFDEVICE_INIT,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_SECURITY_DESCR,
    STATUS_SUCCESS, WDF_OBJECT_ATTRIBUTES, WDFDEVICE,
};

/// DEV-26, DEV-27
///
/// # Safety
///
/// As for the function table's WdfDeviceCreate: bound globals, pointers valid or NULL.
pub(crate) unsafe extern "C" fn wdf_device_create(
    globals: PWDF_DRIVER_GLOBALS,
    init: *mut PWDFDEVICE_INIT,
    device_attributes: PWDF_OBJECT_ATTRIBUTES,
    device: *mut WDFDEVICE,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceCreate";
    // SAFETY: By the contract of this function.
    let globals_of_call = unsafe { Globals::from_public(globals) };
    verifier::require(globals_of_call, CALL, init);
    // SAFETY: As above.
    let given = unsafe { *init };
    // SAFETY: As above.
    let this = unsafe { DeviceInit::from_pointer(globals, CALL, given) };
    verifier::require(globals_of_call, CALL, device);
    // SAFETY: As above.
    unsafe { device.write(null_mut()) };
    // SAFETY: As above.
    match unsafe { create(this, device_attributes) } {
        Ok(created) => {
            this.created = Some(created);
            // SAFETY: As above.
            unsafe { init.write(null_mut()) };
            // SAFETY: As above; the driver has no pointer to it any more.
            unsafe { device.write(created.handle().cast()) };
            // SAFETY: As above.
            unsafe { DeviceInit::free(NonNull::from(this)) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// # Safety
///
/// The attributes are NULL or valid.
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
    // SAFETY: By the contract of this function.
    let given = unsafe { attributes::validate(device_attributes, rules) }?;
    if init.created.is_some() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    if init.sddl.is_some() && !init.has_name() && !init.is_control() {
        return Err(STATUS_INVALID_SECURITY_DESCR);
    }
    let constraints = driver::constraints(globals).effective(given);
    let file_constraints = file::constraints(&init.file, constraints)?;
    // SAFETY: Validated when they were set.
    let layout = unsafe {
        Layout::new(
            globals,
            size_of::<Request>(),
            0,
            init.request_attributes.as_ref(),
        )
    }
    .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let build = |object| Device::new(object, init, constraints, layout, file_constraints);
    // SAFETY: Validated above.
    let device = unsafe { object::create::<Device>(globals, given, build) }?;
    // SAFETY: Deleted below if anything fails.
    let device = unsafe { Live::new(device) };
    // SAFETY: As above.
    match unsafe { device.set_up(init, given) } {
        Ok(()) => Ok(device),
        Err(status) => {
            device.dispose_tree();
            // SAFETY: Nobody else knows the device.
            unsafe { device.vanish() };
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

    /// Everything from a bare object to a device that the driver may know.
    ///
    /// # Safety
    ///
    /// `given` was validated.
    unsafe fn set_up(
        &self,
        init: &DeviceInit,
        given: Option<&WDF_OBJECT_ATTRIBUTES>,
    ) -> Result<(), NTSTATUS> {
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
        // SAFETY: By the contract of this function.
        unsafe { object::commit(&self.object, given, NewParent::Default) }?;
        Ok(())
    }

    fn create_package(&self) -> Result<(), NTSTATUS> {
        let build = |object| IoPackage { object };
        // SAFETY: There are no attributes.
        let package = unsafe { object::create::<IoPackage>(self.globals(), None, build) }?;
        // SAFETY: Just created.
        let object = unsafe { package.as_ref() }.object();
        // SAFETY: As above; a new device takes children.
        unsafe { object::commit(object, None, NewParent::Object(&self.object)) }?;
        self.package.set(Some(object.pointer()));
        Ok(())
    }

    fn keep_name(&self, init: &DeviceInit) -> Result<(), NTSTATUS> {
        if let Some(name) = &init.name {
            let copy = crate::support::unicode::PoolString::copy(self.globals(), name.units())?;
            self.name.set(Some(copy));
        }
        Ok(())
    }

    pub(crate) fn file_class(&self) -> FileClass {
        self.file_config.class
    }
}
