//! Where every IRP enters the framework.

use crate::device::Device;
use crate::device::file;
use crate::object::context::ContextHeader;
use crate::object::live::Live;
use crate::request::Request;
use crate::request::irp::Irp;
use crate::support::kernel;
use crate::support::sync::CriticalRegion;
use core::ptr::NonNull;
use kmdf_sys::{
    _DEVICE_OBJECT, _IRP, APC_LEVEL, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_READ,
    IRP_MJ_SHUTDOWN, IRP_MJ_SYSTEM_CONTROL, IRP_MJ_WRITE, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_PENDING, STATUS_SUCCESS,
};

/// The dispatch routine of all major functions (DEV-20).
///
/// # Safety
///
/// Called by the kernel with a device object of a driver of this framework, and an IRP for it.
pub(crate) unsafe extern "C" fn dispatch(device: *mut _DEVICE_OBJECT, irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: By the contract of this function; a device gets its IRPs while it is alive.
    let device = unsafe { device_of(device) };
    // SAFETY: The kernel passes a valid IRP.
    let irp = unsafe { NonNull::new_unchecked(irp) };
    // SAFETY: As above.
    let irp = unsafe { Irp::new(irp) };
    match irp.major() {
        IRP_MJ_CREATE => file::on_create(device, irp),
        IRP_MJ_CLEANUP => file::on_cleanup(device, irp),
        IRP_MJ_CLOSE => file::on_close(device, irp),
        IRP_MJ_READ | IRP_MJ_WRITE | IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL => {
            transfer(device, irp)
        }
        IRP_MJ_PNP if device.is_pnp() => device.on_pnp(irp),
        IRP_MJ_POWER | IRP_MJ_SYSTEM_CONTROL if device.is_pnp() => irp.pass_down(device.lower()),
        // DEV-60
        IRP_MJ_SHUTDOWN => irp.finish(STATUS_SUCCESS),
        _ => irp.finish(STATUS_INVALID_DEVICE_REQUEST),
    }
}

/// The device behind a device object (DEV-31).
///
/// # Safety
///
/// `device` is a device object of this framework's, whose device is alive.
pub(crate) unsafe fn device_of(device: *mut _DEVICE_OBJECT) -> Live<Device> {
    // SAFETY: By the contract of this function.
    let context = unsafe { (*device).DeviceExtension };
    // SAFETY: The extension is the device's first context.
    let header = unsafe { ContextHeader::of_context(context) };
    // SAFETY: By the contract of this function.
    unsafe { Live::new(header.object().cast()) }
}

/// Reads, writes and device controls: on their way to a queue (REQ-1 to REQ-5, QUE-26, QUE-35).
fn transfer(device: Live<Device>, irp: Irp) -> NTSTATUS {
    // REQ-4
    let low = u32::from(kernel::current_irql()) <= APC_LEVEL;
    let _region = low.then(CriticalRegion::enter);
    let queue = device.queue_for(irp.major());
    if queue.is_none() && device.in_caller_context.is_none() {
        return irp.finish(STATUS_INVALID_DEVICE_REQUEST);
    }
    let Some(request) = Request::create(device, irp) else {
        return irp.finish(STATUS_INSUFFICIENT_RESOURCES);
    };
    if device.in_caller_context.is_some() {
        call_in_caller_context(device, irp, request);
        return STATUS_PENDING;
    }
    match queue {
        Some(queue) => queue.accept(request),
        None => irp.finish(STATUS_INVALID_DEVICE_REQUEST),
    }
}

/// QUE-35
fn call_in_caller_context(device: Live<Device>, irp: Irp, request: Live<Request>) {
    use crate::object::FrameworkObject;
    let Some(callback) = device.in_caller_context else {
        return;
    };
    irp.mark_pending();
    request.set_in_caller_context(true);
    request.hand_to_driver();
    // The callback may complete the request; the mark is taken back afterwards.
    request.reference();
    // SAFETY: The driver's callback, with live handles.
    unsafe { callback(device.handle().cast(), request.wdf_request()) };
    request.set_in_caller_context(false);
    // SAFETY: Taken above.
    unsafe { request.release() };
}
