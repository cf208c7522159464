//! The dispatch routine, through which every IRP enters the framework.

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
/// `device` must be a device object of this framework whose device is alive, and `irp` a valid IRP for it.
pub(crate) unsafe extern "C" fn dispatch(device: *mut _DEVICE_OBJECT, irp: *mut _IRP) -> NTSTATUS {
    // SAFETY: The kernel passes a device object of this driver, whose device lives until its remove
    // request.
    let device = unsafe { device_of(device) };
    // SAFETY: The kernel passes a valid IRP.
    let irp = unsafe { NonNull::new_unchecked(irp) };
    // SAFETY: The IRP is at this driver until the routines below complete it or pass it down.
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
        // Shutdown requests succeed without a callback (DEV-60).
        IRP_MJ_SHUTDOWN => irp.finish(STATUS_SUCCESS),
        _ => irp.finish(STATUS_INVALID_DEVICE_REQUEST),
    }
}

/// The device behind a device object (DEV-31).
///
/// # Safety
///
/// `device` must be a device object of this framework whose device stays alive while the result is used.
pub(crate) unsafe fn device_of(device: *mut _DEVICE_OBJECT) -> Live<Device> {
    // SAFETY: A live device object, as the caller guarantees.
    let context = unsafe { (*device).DeviceExtension };
    // SAFETY: `set_extension` made the extension the first context of the device.
    let header = unsafe { ContextHeader::of_context(context) };
    // SAFETY: The device stays alive while the result is used, as the caller guarantees.
    unsafe { Live::new(header.object().cast()) }
}

/// Sends reads, writes and device controls to a queue (REQ-1 to REQ-5, QUE-26, QUE-35).
fn transfer(device: Live<Device>, irp: Irp) -> NTSTATUS {
    // Asynchronous procedure calls are disabled while the request is created and queued (REQ-4).
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

/// Calls EvtIoInCallerContext, which queues or completes the request (QUE-35).
fn call_in_caller_context(device: Live<Device>, irp: Irp, request: Live<Request>) {
    use crate::object::FrameworkObject;
    let Some(callback) = device.in_caller_context else {
        return;
    };
    irp.mark_pending();
    request.set_in_caller_context(true);
    request.hand_to_driver();
    // The callback may complete the request, and the mark is cleared afterwards.
    request.reference();
    // SAFETY: EvtIoInCallerContext, with the handles of the device and of a request of its own.
    unsafe { callback(device.handle().cast(), request.wdf_request()) };
    request.set_in_caller_context(false);
    // SAFETY: Referenced before the callback.
    unsafe { request.release() };
}
