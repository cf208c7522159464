//! The calls on devices, except those on creation, file objects and interfaces.

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
    STATUS_SUCCESS, UNICODE_STRING, WDF_REQUEST_TYPE, WDFDEVICE, WDFDRIVER, WDFQUEUE, WDFREQUEST,
};

/// WdfControlFinishInitializing: lets a control device be opened (DEV-36).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_control_finish_initializing(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) {
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe {
        handle::resolve::<Device>(globals, c"WdfControlFinishInitializing", device.cast())
    };
    if device.is_pnp() {
        let message = c"WdfControlFinishInitializing: not a control device";
        return verifier::break_point(device.globals(), message);
    }
    device.finished.set(true);
    device.clear_initializing();
}

/// WdfDeviceCreateSymbolicLink: gives a named device a name for user mode (DEV-40).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object. `name` must be NULL or readable with its characters.
pub(crate) unsafe extern "C" fn wdf_device_create_symbolic_link(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    name: PCUNICODE_STRING,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceCreateSymbolicLink";
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe { handle::resolve::<Device>(globals, CALL, device.cast()) };
    // SAFETY: `name` is NULL or readable, as the caller guarantees.
    let name = unsafe { verifier::required(device.globals(), CALL, name) };
    // SAFETY: The characters of `name` are readable, as the caller guarantees.
    let created = unsafe { create_symbolic_link(device, CALL, name) };
    created.err().unwrap_or(STATUS_SUCCESS)
}

/// Creates the symbolic link, with the checks in their order (DEV-40).
///
/// # Safety
///
/// The characters of `name` must be readable.
unsafe fn create_symbolic_link(
    device: &Device,
    call: &CStr,
    name: &UNICODE_STRING,
) -> Result<(), NTSTATUS> {
    if name.Length == 0 {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    verifier::check_irql(device.globals(), call, PASSIVE_LEVEL)?;
    unicode::validate(name)?;
    if device.has_symbolic_link() {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    let own_name = device.name.take();
    if own_name.is_none() && !device.is_pnp() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let mut target = match &own_name {
        Some(own) => own.as_unicode(),
        // On Windows the link leads to the name of the lower device.
        None => {
            stop::not_modelled(c"WdfDeviceCreateSymbolicLink on a function device without a name")
        }
    };
    // SAFETY: Validated above, and readable, as the caller guarantees.
    let link = PoolString::copy(device.globals(), unsafe { unicode::units(name) });
    let linked = link.and_then(|link| {
        let mut link_name = link.as_unicode();
        // SAFETY: Both strings are copies in the framework's pool, which live for the call.
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
        let has_link = link.is_some();
        self.link.set(link);
        has_link
    }
}

/// WdfDeviceConfigureRequestDispatching: sends requests of one type to a queue (DEV-42).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` and `queue` each NULL
/// or the handle of a live object.
pub(crate) unsafe extern "C" fn wdf_device_configure_request_dispatching(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    queue: WDFQUEUE,
    request_type: WDF_REQUEST_TYPE,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceConfigureRequestDispatching";
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe { handle::resolve::<Device>(globals, CALL, device.cast()) };
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
    // SAFETY: `queue` is NULL or the handle of a live object, as the caller guarantees.
    let queue = unsafe { handle::typed::<Queue>(device.globals(), CALL, queue.cast()) };
    if !device.is_own_queue(queue) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if device.has_started() {
        return STATUS_INVALID_DEVICE_STATE;
    }
    // SAFETY: A queue that the device sends requests to cannot be deleted before the device.
    let bound = device.bind_queue(major, unsafe { queue.live() });
    bound.err().unwrap_or(STATUS_SUCCESS)
}

/// WdfDeviceGetDefaultQueue: the default queue, or NULL.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_device_get_default_queue(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> WDFQUEUE {
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device =
        unsafe { handle::resolve::<Device>(globals, c"WdfDeviceGetDefaultQueue", device.cast()) };
    let queue = device.default_queue();
    queue.map_or(null_mut(), |queue| queue.wdf_queue())
}

/// WdfDeviceEnqueueRequest: puts a request from EvtIoInCallerContext into its queue (REQ-58).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` and `request` each
/// NULL or the handle of a live object.
pub(crate) unsafe extern "C" fn wdf_device_enqueue_request(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
    request: WDFREQUEST,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfDeviceEnqueueRequest";
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe { handle::resolve::<Device>(globals, CALL, device.cast()) };
    // SAFETY: `request` is NULL or the handle of a live object, as the caller guarantees.
    let request = unsafe { handle::typed::<Request>(device.globals(), CALL, request.cast()) };
    let in_callback = request.is_in_caller_context() && request.is_driver_owned();
    if device.globals().verifier_on() && !in_callback {
        request.break_point(c"WdfDeviceEnqueueRequest: call it in EvtIoInCallerContext, with a request that the driver owns");
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    let Some(queue) = device.queue_for(request.major()) else {
        request.break_point(
            c"WdfDeviceEnqueueRequest: no queue of the device takes requests of this type",
        );
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    // SAFETY: The driver owns the request, which is not completed yet.
    let accepted = queue.accept_from_driver(unsafe { request.live() });
    accepted.err().unwrap_or(STATUS_SUCCESS)
}

/// WdfDeviceGetDriver: the driver that the device belongs to.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_device_get_driver(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> WDFDRIVER {
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device =
        unsafe { handle::resolve::<Device>(globals, c"WdfDeviceGetDriver", device.cast()) };
    let driver = device.globals().driver.get();
    driver.map_or(null_mut(), |driver| {
        // SAFETY: The driver object outlives the driver's devices.
        unsafe { driver.as_ref() }.handle().cast()
    })
}

/// WdfDeviceWdmGetDeviceObject: the WDM device object of the device.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_device_wdm_get_device_object(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> PDEVICE_OBJECT {
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe {
        handle::resolve::<Device>(globals, c"WdfDeviceWdmGetDeviceObject", device.cast())
    };
    device.wdm()
}

/// WdfDeviceWdmGetAttachedDevice: the next lower device object, NULL for a control device.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_device_wdm_get_attached_device(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> PDEVICE_OBJECT {
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe {
        handle::resolve::<Device>(globals, c"WdfDeviceWdmGetAttachedDevice", device.cast())
    };
    device.lower()
}

/// WdfDeviceWdmGetPhysicalDevice: the physical device object, NULL for a control device.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `device` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_device_wdm_get_physical_device(
    globals: PWDF_DRIVER_GLOBALS,
    device: WDFDEVICE,
) -> PDEVICE_OBJECT {
    // SAFETY: `globals` is bound and `device` NULL or live, as the caller guarantees.
    let device = unsafe {
        handle::resolve::<Device>(globals, c"WdfDeviceWdmGetPhysicalDevice", device.cast())
    };
    device.pdo()
}

/// WdfWdmDeviceGetWdfDeviceHandle: the device that a WDM device object belongs to.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `device` must be NULL or a device
/// object of this driver.
pub(crate) unsafe extern "C" fn wdf_wdm_device_get_wdf_device_handle(
    globals: PWDF_DRIVER_GLOBALS,
    device: PDEVICE_OBJECT,
) -> WDFDEVICE {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let globals = unsafe { Globals::from_public(globals) };
    verifier::require(globals, c"WdfWdmDeviceGetWdfDeviceHandle", device);
    // SAFETY: `device` is not NULL, so a device object of this driver.
    let device = unsafe { dispatch::device_of(device) };
    device.handle().cast()
}
