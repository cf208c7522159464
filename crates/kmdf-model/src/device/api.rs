//! The calls on devices, but for creation, files and interfaces.

use super::Device;
use crate::driver::dispatch;
use crate::driver::globals::Globals;
use crate::object::FrameworkObject;
use crate::object::handle;
use crate::queue::Queue;
use crate::request::Request;
use crate::support::stop;
use crate::support::unicode::{self, PoolString};
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::null_mut;
use kmdf_sys::ntddk::IoCreateSymbolicLink;
use kmdf_sys::{
    IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ,
    IRP_MJ_WRITE, NTSTATUS, PASSIVE_LEVEL, PCUNICODE_STRING, PDEVICE_OBJECT, PWDF_DRIVER_GLOBALS,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, WDF_REQUEST_TYPE, WDFDEVICE, WDFDRIVER, WDFQUEUE, WDFREQUEST,
};

/// # Safety
///
/// As for the calls: bound globals, and NULL or the handle of a live object.
pub(crate) unsafe fn resolve<'a>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    device: WDFDEVICE,
) -> &'a Device {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    unsafe { handle::typed(globals, call, device.cast()) }
}

/// DEV-36
///
/// # Safety
///
/// As for the function table's WdfControlFinishInitializing: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_control_finish_initializing(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) {
    // SAFETY: By the contract of this function.
    let device = unsafe { resolve(globals, c"WdfControlFinishInitializing", device) };
    if device.is_pnp() {
        let message = c"WdfControlFinishInitializing: not a control device";
        return verifier::break_point(device.globals(), message);
    }
    device.finished.set(true);
    device.clear_initializing();
}

/// DEV-40
///
/// # Safety
///
/// As for the function table's WdfDeviceCreateSymbolicLink: bound globals, a handle, a string valid
/// or NULL.
pub(crate) unsafe extern "C" fn wdf_device_create_symbolic_link(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    name: PCUNICODE_STRING,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceCreateSymbolicLink";
    // SAFETY: By the contract of this function.
    let device = unsafe { resolve(globals, CALL, device) };
    verifier::require(device.globals(), CALL, name);
    // SAFETY: As above.
    let created = unsafe { create_symbolic_link(device, CALL, name) };
    created.err().unwrap_or(STATUS_SUCCESS)
}

/// # Safety
///
/// `name` is valid.
unsafe fn create_symbolic_link(
    device: &Device,
    call: &CStr,
    name: PCUNICODE_STRING,
) -> Result<(), NTSTATUS> {
    // SAFETY: By the contract of this function.
    let name = unsafe { *name };
    if name.Length == 0 {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    verifier::check_irql(device.globals(), call, PASSIVE_LEVEL)?;
    unicode::validate(&name)?;
    if device.has_symbolic_link() {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    let own_name = device.name.take();
    if own_name.is_none() && !device.is_pnp() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let mut target = match &own_name {
        Some(own) => own.as_unicode(),
        // It would be known by the name of the device below.
        None => {
            stop::not_modelled(c"WdfDeviceCreateSymbolicLink on a function device without a name")
        }
    };
    // SAFETY: Validated.
    let link = PoolString::copy(device.globals(), unsafe { unicode::units(&name) });
    let linked = link.and_then(|link| {
        let mut link_name = link.as_unicode();
        // SAFETY: Two valid strings.
        let status = unsafe { IoCreateSymbolicLink(&raw mut link_name, &raw mut target) };
        if status == STATUS_SUCCESS {
            device.link.set(Some(link));
            Ok(())
        } else {
            Err(status)
        }
    });
    device.name.set(own_name);
    linked
}

impl Device {
    fn has_symbolic_link(&self) -> bool {
        let link = self.link.take();
        let there = link.is_some();
        self.link.set(link);
        there
    }
}

/// DEV-42
///
/// # Safety
///
/// As for the function table's WdfDeviceConfigureRequestDispatching: bound globals, handles.
pub(crate) unsafe extern "C" fn wdf_device_configure_request_dispatching(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    queue: WDFQUEUE,
    request_type: WDF_REQUEST_TYPE,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceConfigureRequestDispatching";
    // SAFETY: By the contract of this function.
    let device = unsafe { resolve(globals, CALL, device) };
    let major = request_type as u32;
    if !matches!(
        major,
        IRP_MJ_CREATE
            | IRP_MJ_READ
            | IRP_MJ_WRITE
            | IRP_MJ_DEVICE_CONTROL
            | IRP_MJ_INTERNAL_DEVICE_CONTROL
    ) {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: As above.
    let queue = unsafe { handle::typed::<Queue>(device.globals(), CALL, queue.cast()) };
    if !device.is_own_queue(queue) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if device.has_started() {
        return STATUS_INVALID_DEVICE_STATE;
    }
    // SAFETY: A bound queue lives as long as the device.
    let bound = device.bind_queue(major, unsafe { queue.live() });
    bound.err().unwrap_or(STATUS_SUCCESS)
}

/// # Safety
///
/// As for the function table's WdfDeviceGetDefaultQueue: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_device_get_default_queue(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> WDFQUEUE {
    // SAFETY: By the contract of this function.
    let device = unsafe { resolve(globals, c"WdfDeviceGetDefaultQueue", device) };
    let queue = device.default_queue();
    queue.map_or(null_mut(), |queue| queue.wdf_queue())
}

/// REQ-58
///
/// # Safety
///
/// As for the function table's WdfDeviceEnqueueRequest: bound globals, handles.
pub(crate) unsafe extern "C" fn wdf_device_enqueue_request(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    request: WDFREQUEST,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceEnqueueRequest";
    // SAFETY: By the contract of this function.
    let device = unsafe { resolve(globals, CALL, device) };
    // SAFETY: As above.
    let request = unsafe { handle::typed::<Request>(device.globals(), CALL, request.cast()) };
    let entitled = request.is_in_caller_context() && request.is_driver_owned();
    if device.globals().verifier_on() && !entitled {
        request.break_point(c"WdfDeviceEnqueueRequest: outside EvtIoInCallerContext, or not owned");
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    let Some(queue) = device.queue_for(request.major()) else {
        request.break_point(c"WdfDeviceEnqueueRequest: no queue takes such requests");
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    // SAFETY: The driver gives up its request alive.
    let accepted = queue.accept_from_driver(unsafe { request.live() });
    accepted.err().unwrap_or(STATUS_SUCCESS)
}

/// # Safety
///
/// As for the function table's WdfDeviceGetDriver: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_device_get_driver(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> WDFDRIVER {
    // SAFETY: By the contract of this function.
    let device = unsafe { resolve(globals, c"WdfDeviceGetDriver", device) };
    let driver = device.globals().driver.get();
    driver.map_or(null_mut(), |driver| {
        // SAFETY: The driver object outlives its devices.
        unsafe { driver.as_ref() }.handle().cast()
    })
}

/// # Safety
///
/// As for the function table's WdfDeviceWdmGetDeviceObject: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_device_wdm_get_device_object(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> PDEVICE_OBJECT {
    // SAFETY: By the contract of this function.
    unsafe { resolve(globals, c"WdfDeviceWdmGetDeviceObject", device) }.wdm()
}

/// # Safety
///
/// As for the function table's WdfDeviceWdmGetAttachedDevice: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_device_wdm_get_attached_device(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> PDEVICE_OBJECT {
    // SAFETY: By the contract of this function.
    unsafe { resolve(globals, c"WdfDeviceWdmGetAttachedDevice", device) }.lower()
}

/// # Safety
///
/// As for the function table's WdfDeviceWdmGetPhysicalDevice: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_device_wdm_get_physical_device(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> PDEVICE_OBJECT {
    // SAFETY: By the contract of this function.
    unsafe { resolve(globals, c"WdfDeviceWdmGetPhysicalDevice", device) }.pdo()
}

/// # Safety
///
/// As for the function table's WdfWdmDeviceGetWdfDeviceHandle: bound globals, NULL or a device
/// object of the driver's.
pub(crate) unsafe extern "C" fn wdf_wdm_device_get_wdf_device_handle(
    globals: PWDF_DRIVER_GLOBALS,
    device: PDEVICE_OBJECT,
) -> WDFDEVICE {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, c"WdfWdmDeviceGetWdfDeviceHandle", device);
    // SAFETY: As above.
    let device = unsafe { dispatch::device_of(device) };
    device.handle().cast()
}
