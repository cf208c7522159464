//! The calls on requests that move no buffers: completion, parameters, cancellation, queues.

use super::Request;
use crate::device::file;
use crate::object::FrameworkObject;
use crate::object::handle;
use crate::object::live::Live;
use crate::queue::Queue;
use crate::support::stop;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::null_mut;
use kmdf_sys::{
    _MODE, BOOLEAN, CCHAR, IO_NO_INCREMENT, KPROCESSOR_MODE, NTSTATUS, PFN_WDF_REQUEST_CANCEL,
    PIRP, PWDF_DRIVER_GLOBALS, PWDF_REQUEST_PARAMETERS, STATUS_INVALID_DEVICE_REQUEST, ULONG_PTR,
    WDF_REQUEST_PARAMETERS, WDFFILEOBJECT, WDFQUEUE, WDFREQUEST,
};

/// The request of a handle that the driver passed to a call.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, `request` NULL or the handle of a
/// request that stays alive while the call uses it.
pub(super) unsafe fn resolve(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    request: WDFREQUEST,
) -> Live<Request> {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { handle::resolve::<Request>(globals, call, request.cast()) };
    // SAFETY: Alive while the call uses it, as the caller guarantees.
    unsafe { request.live() }
}

/// Completes a request that the driver owns (REQ-30, REQ-31).
fn complete(
    request: Live<Request>,
    status: NTSTATUS,
    information: Option<ULONG_PTR>,
    boost: CCHAR,
) {
    let Some(irp) = request.irp().filter(|_| request.is_driver_owned()) else {
        if !request.globals().verifier_on() {
            stop::undefined(c"WdfRequestComplete: the driver does not own the request; was it completed or forwarded before?");
        }
        return request.break_point(c"WdfRequestComplete: the driver does not own the request; was it completed or forwarded before?");
    };
    if let Some(information) = information {
        irp.set_information(information);
    }
    request.complete_with_boost(status, boost);
}

/// WdfRequestComplete: completes the request with a status (REQ-30).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_complete(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    status: NTSTATUS,
) {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestComplete", request) };
    complete(request, status, None, IO_NO_INCREMENT as CCHAR);
}

/// WdfRequestCompleteWithPriorityBoost: completes the request and boosts the waiting thread
/// (REQ-30).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_complete_with_priority_boost(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    status: NTSTATUS,
    boost: CCHAR,
) {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestCompleteWithPriorityBoost", request) };
    complete(request, status, None, boost);
}

/// WdfRequestCompleteWithInformation: completes the request with status and information (REQ-30).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_complete_with_information(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    status: NTSTATUS,
    information: ULONG_PTR,
) {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestCompleteWithInformation", request) };
    complete(request, status, Some(information), IO_NO_INCREMENT as CCHAR);
}

impl Request {
    /// Copies the parameters, as WdfRequestGetParameters and WdfIoQueueFindRequest do (REQ-23).
    ///
    /// # Safety
    ///
    /// `parameters` must be writable.
    pub(crate) unsafe fn write_parameters(&self, parameters: PWDF_REQUEST_PARAMETERS) {
        let irp = self.attached(c"WdfRequestGetParameters: the request is completed");
        let mut filled = WDF_REQUEST_PARAMETERS {
            Size: size_of::<WDF_REQUEST_PARAMETERS>() as u16,
            MinorFunction: irp.minor() as u8,
            Type: irp.major() as i32,
            ..WDF_REQUEST_PARAMETERS::default()
        };
        // The stack location's parameters, member for member: both are four words.
        let source = (&raw const irp.stack().Parameters).cast::<[usize; 4]>();
        let target = (&raw mut filled.Parameters).cast::<[usize; 4]>();
        // SAFETY: The stack location's union has 32 bytes, any of which are words.
        let words = unsafe { source.read() };
        // SAFETY: The framework's union has 32 bytes too.
        unsafe { target.write(words) };
        if irp.is_device_control()
            && irp.method() == kmdf_sys::METHOD_NEITHER
            && self.globals().verifier_on()
        {
            filled.Parameters.DeviceIoControl.Type3InputBuffer = null_mut();
        }
        // SAFETY: `parameters` is writable, as the caller guarantees.
        unsafe { parameters.write(filled) };
    }
}

/// WdfRequestGetParameters: copies the parameters from the stack location (REQ-23).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object. `parameters` must be NULL or valid up to the size that it states.
pub(crate) unsafe extern "C" fn wdf_request_get_parameters(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    parameters: PWDF_REQUEST_PARAMETERS,
) {
    const CALL: &CStr = c"WdfRequestGetParameters";
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, CALL, request) };
    verifier::require(request.globals(), CALL, parameters);
    // SAFETY: `parameters` is not NULL, so its size field is readable.
    let size = unsafe { (*parameters).Size };
    if usize::from(size) != size_of::<WDF_REQUEST_PARAMETERS>() {
        return request.break_point(
            c"WdfRequestGetParameters: WDF_REQUEST_PARAMETERS has the wrong size; use its INIT",
        );
    }
    if request.globals().verifier_on() && (request.irp().is_none() || request.is_completed()) {
        return request.break_point(c"WdfRequestGetParameters: the request is completed");
    }
    // SAFETY: `parameters` is not NULL and states its full size, so it is writable.
    unsafe { request.write_parameters(parameters) };
}

/// WdfRequestSetInformation: sets the information that completion reports (REQ-24).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_set_information(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    information: ULONG_PTR,
) {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestSetInformation", request) };
    if request.globals().verifier_on() && request.is_completed() {
        return request.break_point(c"WdfRequestSetInformation: the request is completed");
    }
    let irp = request.attached(c"WdfRequestSetInformation: the request is completed");
    irp.set_information(information);
}

/// WdfRequestGetInformation: the information that completion would report (REQ-24).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_get_information(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> ULONG_PTR {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestGetInformation", request) };
    if request.globals().verifier_on() && request.is_completed() {
        request.break_point(c"WdfRequestGetInformation: the request is completed");
        return 0;
    }
    let irp = request.attached(c"WdfRequestGetInformation: the request is completed");
    irp.information()
}

/// WdfRequestGetStatus: the status in the IRP (REQ-25).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_get_status(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> NTSTATUS {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestGetStatus", request) };
    let irp = request.attached(c"WdfRequestGetStatus: the request is completed");
    irp.status()
}

/// WdfRequestGetRequestorMode: whether the request came from user mode or from the kernel (REQ-25).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_get_requestor_mode(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> KPROCESSOR_MODE {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestGetRequestorMode", request) };
    if request.globals().verifier_on() && request.is_completed() {
        request.break_point(c"WdfRequestGetRequestorMode: the request is completed");
        return _MODE::UserMode as KPROCESSOR_MODE;
    }
    let irp = request.attached(c"WdfRequestGetRequestorMode: the request is completed");
    irp.requestor_mode()
}

/// WdfRequestWdmGetIrp: the IRP, NULL once the request is completed (REQ-26).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_wdm_get_irp(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> PIRP {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestWdmGetIrp", request) };
    if request.globals().verifier_on() && request.is_completed() {
        request.break_point(c"WdfRequestWdmGetIrp: the request is completed");
        return null_mut();
    }
    request.irp().map_or(null_mut(), |irp| irp.as_ptr())
}

/// WdfRequestGetFileObject: the file object that the request was sent through, or NULL (REQ-27).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_get_file_object(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> WDFFILEOBJECT {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestGetFileObject", request) };
    if request.globals().verifies_since(9) && !request.is_driver_owned() {
        request.break_point(c"WdfRequestGetFileObject: the driver does not own the request");
        return null_mut();
    }
    let irp = request.attached(c"WdfRequestGetFileObject: the request is completed");
    let file = request
        .created_file()
        .or_else(|| file::find(&request.device, irp.file_object()));
    file.map_or(null_mut(), |file| file.handle().cast())
}

/// WdfRequestGetIoQueue: the queue that the request is in or came from, or NULL (REQ-28).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_get_io_queue(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> WDFQUEUE {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestGetIoQueue", request) };
    match request.queue() {
        Some(queue) if queue.config.takes_creates => {
            request.break_point(c"WdfRequestGetIoQueue: a create is in no queue of the driver");
            null_mut()
        }
        Some(queue) => queue.wdf_queue(),
        None => null_mut(),
    }
}

/// WdfRequestIsFrom32BitProcess: always false, because the model has no 32-bit process (REQ-29).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_is_from_32_bit_process(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> BOOLEAN {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestIsFrom32BitProcess", request) };
    request.attached(c"WdfRequestIsFrom32BitProcess: the request is completed");
    0
}

/// The queue that a request is in or came from, for the calls that need one (REQ-46).
fn current_queue(request: Live<Request>, call: &'static CStr) -> Result<Live<Queue>, NTSTATUS> {
    request.queue().ok_or_else(|| {
        request.break_point(call);
        STATUS_INVALID_DEVICE_REQUEST
    })
}

/// Sets EvtRequestCancel; `reports_cancelled` for the call that fails if it is too late (REQ-46).
fn mark_cancelable(
    request: Live<Request>,
    callback: PFN_WDF_REQUEST_CANCEL,
    call: &'static CStr,
    reports_cancelled: bool,
) -> NTSTATUS {
    let Some(callback) = callback else {
        stop::required_is_null(request.globals(), call);
    };
    match current_queue(request, call) {
        Ok(queue) => queue.mark_cancelable(request, callback, reports_cancelled),
        Err(status) => status,
    }
}

/// WdfRequestMarkCancelable: sets EvtRequestCancel, which runs even for a request that is cancelled
/// already (REQ-46 to REQ-48).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_mark_cancelable(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    callback: PFN_WDF_REQUEST_CANCEL,
) {
    const CALL: &CStr = c"WdfRequestMarkCancelable";
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, CALL, request) };
    mark_cancelable(request, callback, CALL, false);
}

/// WdfRequestMarkCancelableEx: sets EvtRequestCancel, and fails for a request that is cancelled
/// already (REQ-46, REQ-47, REQ-49).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_mark_cancelable_ex(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    callback: PFN_WDF_REQUEST_CANCEL,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestMarkCancelableEx";
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, CALL, request) };
    mark_cancelable(request, callback, CALL, true)
}

/// WdfRequestUnmarkCancelable: withdraws EvtRequestCancel, unless the request is being cancelled
/// (REQ-46, REQ-47, REQ-50, REQ-51).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_unmark_cancelable(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestUnmarkCancelable";
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, CALL, request) };
    match current_queue(request, CALL) {
        Ok(queue) => queue.unmark_cancelable(request),
        Err(status) => status,
    }
}

/// WdfRequestIsCanceled: whether the request was cancelled, for drivers that poll (REQ-53).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_is_canceled(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> BOOLEAN {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, c"WdfRequestIsCanceled", request) };
    let cannot_tell = !request.is_driver_owned() || request.is_marked_cancelable();
    if request.globals().verifier_on() && cannot_tell {
        request.break_point(c"WdfRequestIsCanceled: the driver must own the request, and not have marked it cancelable");
        return 0;
    }
    let irp = request.attached(c"WdfRequestIsCanceled: the request is completed");
    (irp.is_cancelled() || request.is_canceled()).into()
}

/// WdfRequestForwardToIoQueue: moves the request to another queue of the device (REQ-55).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` and `destination`
/// each NULL or the handle of a live object.
pub(crate) unsafe extern "C" fn wdf_request_forward_to_io_queue(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    destination: WDFQUEUE,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestForwardToIoQueue";
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, CALL, request) };
    // SAFETY: `destination` is NULL or the handle of a live object, as the caller guarantees.
    let destination =
        unsafe { handle::typed::<Queue>(request.globals(), CALL, destination.cast()) };
    match current_queue(request, CALL) {
        Ok(queue) => queue.forward(request, destination),
        Err(status) => status,
    }
}

/// WdfRequestRequeue: returns the request to the head of its manual queue (REQ-57).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_requeue(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestRequeue";
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, CALL, request) };
    match current_queue(request, CALL) {
        Ok(queue) => queue.requeue(request),
        Err(status) => status,
    }
}

/// WdfRequestStopAcknowledge: lets the device leave D0 with the request pending (QUE-57, QUE-58).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_request_stop_acknowledge(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    requeue: BOOLEAN,
) {
    const CALL: &CStr = c"WdfRequestStopAcknowledge";
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { resolve(globals, CALL, request) };
    let requeue = requeue != 0;
    if request.globals().verifier_on() {
        let outside_callback = !request.is_in_stop_callback();
        let cannot_requeue =
            requeue && (!request.is_driver_owned() || request.is_marked_cancelable());
        if outside_callback || cannot_requeue {
            return request.break_point(
                c"WdfRequestStopAcknowledge: call it in EvtIoStop, and requeue only a request that the driver owns and has unmarked",
            );
        }
    }
    if let Ok(queue) = current_queue(request, CALL) {
        queue.acknowledge_stop(request, requeue);
    }
}
