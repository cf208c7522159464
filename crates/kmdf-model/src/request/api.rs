//! The calls on requests that move no buffers: completion, parameters, cancellation, queues.

use super::Request;
use crate::device::file;
use crate::driver::globals::Globals;
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

/// # Safety
///
/// As for the calls: bound globals, and NULL or the handle of a live object that stays so while
/// the call uses it.
unsafe fn resolve(globals: PWDF_DRIVER_GLOBALS, call: &CStr, request: WDFREQUEST) -> Live<Request> {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let request = unsafe { handle::typed::<Request>(globals, call, request.cast()) };
    // SAFETY: As above.
    unsafe { request.live() }
}

/// REQ-30, REQ-31
fn complete(
    request: Live<Request>,
    status: NTSTATUS,
    information: Option<ULONG_PTR>,
    boost: CCHAR,
) {
    let Some(irp) = request.irp().filter(|_| request.is_driver_owned()) else {
        if !request.globals().verifier_on() {
            stop::undefined(c"WdfRequestComplete: the driver does not own the request any more");
        }
        return request.break_point(c"a request was completed that the driver does not own");
    };
    if let Some(information) = information {
        irp.set_information(information);
    }
    request.complete_with_boost(status, boost);
}

/// # Safety
///
/// As for the function table's WdfRequestComplete: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_complete(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    status: NTSTATUS,
) {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestComplete", request) };
    complete(request, status, None, IO_NO_INCREMENT as CCHAR);
}

/// # Safety
///
/// As for the function table's WdfRequestCompleteWithPriorityBoost: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_complete_with_priority_boost(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    status: NTSTATUS,
    boost: CCHAR,
) {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestCompleteWithPriorityBoost", request) };
    complete(request, status, None, boost);
}

/// # Safety
///
/// As for the function table's WdfRequestCompleteWithInformation: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_complete_with_information(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    status: NTSTATUS,
    information: ULONG_PTR,
) {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestCompleteWithInformation", request) };
    complete(request, status, Some(information), IO_NO_INCREMENT as CCHAR);
}

impl Request {
    /// The part of REQ-23 that WdfIoQueueFindRequest shares.
    ///
    /// # Safety
    ///
    /// `parameters` is valid.
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
        // SAFETY: Both unions have 32 bytes.
        let words = unsafe { source.read() };
        // SAFETY: As above.
        unsafe { target.write(words) };
        if irp.is_device_control()
            && irp.method() == kmdf_sys::METHOD_NEITHER
            && self.globals().verifier_on()
        {
            filled.Parameters.DeviceIoControl.Type3InputBuffer = null_mut();
        }
        // SAFETY: By the contract of this function.
        unsafe { parameters.write(filled) };
    }
}

/// REQ-23
///
/// # Safety
///
/// As for the function table's WdfRequestGetParameters: bound globals, a handle, `parameters` valid
/// for the size it states or NULL.
pub(crate) unsafe extern "C" fn wdf_request_get_parameters(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    parameters: PWDF_REQUEST_PARAMETERS,
) {
    const CALL: &CStr = c"WdfRequestGetParameters";
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, CALL, request) };
    verifier::require(request.globals(), CALL, parameters);
    // SAFETY: As above.
    let size = unsafe { (*parameters).Size };
    if usize::from(size) != size_of::<WDF_REQUEST_PARAMETERS>() {
        return request.break_point(c"WdfRequestGetParameters: wrong size");
    }
    if request.globals().verifier_on() && (request.irp().is_none() || request.is_completed()) {
        return request.break_point(c"WdfRequestGetParameters: the request is completed");
    }
    // SAFETY: As above.
    unsafe { request.write_parameters(parameters) };
}

/// REQ-24
///
/// # Safety
///
/// As for the function table's WdfRequestSetInformation: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_set_information(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    information: ULONG_PTR,
) {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestSetInformation", request) };
    if request.globals().verifier_on() && request.is_completed() {
        return request.break_point(c"WdfRequestSetInformation: the request is completed");
    }
    let irp = request.attached(c"WdfRequestSetInformation: the request is completed");
    irp.set_information(information);
}

/// REQ-24
///
/// # Safety
///
/// As for the function table's WdfRequestGetInformation: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_get_information(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> ULONG_PTR {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestGetInformation", request) };
    if request.globals().verifier_on() && request.is_completed() {
        request.break_point(c"WdfRequestGetInformation: the request is completed");
        return 0;
    }
    let irp = request.attached(c"WdfRequestGetInformation: the request is completed");
    irp.information()
}

/// REQ-25
///
/// # Safety
///
/// As for the function table's WdfRequestGetStatus: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_get_status(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestGetStatus", request) };
    let irp = request.attached(c"WdfRequestGetStatus: the request is completed");
    irp.status()
}

/// REQ-25
///
/// # Safety
///
/// As for the function table's WdfRequestGetRequestorMode: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_get_requestor_mode(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> KPROCESSOR_MODE {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestGetRequestorMode", request) };
    if request.globals().verifier_on() && request.is_completed() {
        request.break_point(c"WdfRequestGetRequestorMode: the request is completed");
        return _MODE::UserMode as KPROCESSOR_MODE;
    }
    let irp = request.attached(c"WdfRequestGetRequestorMode: the request is completed");
    irp.requestor_mode()
}

/// REQ-26
///
/// # Safety
///
/// As for the function table's WdfRequestWdmGetIrp: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_wdm_get_irp(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> PIRP {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestWdmGetIrp", request) };
    if request.globals().verifier_on() && request.is_completed() {
        request.break_point(c"WdfRequestWdmGetIrp: the request is completed");
        return null_mut();
    }
    request.irp().map_or(null_mut(), |irp| irp.as_ptr())
}

/// REQ-27
///
/// # Safety
///
/// As for the function table's WdfRequestGetFileObject: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_get_file_object(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> WDFFILEOBJECT {
    // SAFETY: By the contract of this function.
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

/// REQ-28
///
/// # Safety
///
/// As for the function table's WdfRequestGetIoQueue: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_get_io_queue(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> WDFQUEUE {
    // SAFETY: By the contract of this function.
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

/// REQ-29: nothing here is a 32-bit process.
///
/// # Safety
///
/// As for the function table's WdfRequestIsFrom32BitProcess: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_is_from_32_bit_process(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> BOOLEAN {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestIsFrom32BitProcess", request) };
    request.attached(c"WdfRequestIsFrom32BitProcess: the request is completed");
    0
}

/// REQ-46: the queue that a request is at, for the calls that need one.
fn current_queue(request: Live<Request>, call: &'static CStr) -> Result<Live<Queue>, NTSTATUS> {
    request.queue().ok_or_else(|| {
        request.break_point(call);
        STATUS_INVALID_DEVICE_REQUEST
    })
}

fn mark_cancelable(
    request: Live<Request>,
    callback: PFN_WDF_REQUEST_CANCEL,
    call: &'static CStr,
    told: bool,
) -> NTSTATUS {
    let Some(callback) = callback else {
        stop::required_is_null(request.globals(), call);
    };
    match current_queue(request, call) {
        Ok(queue) => queue.mark_cancelable(request, callback, told),
        Err(status) => status,
    }
}

/// REQ-46 to REQ-48
///
/// # Safety
///
/// As for the function table's WdfRequestMarkCancelable: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_mark_cancelable(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    callback: PFN_WDF_REQUEST_CANCEL,
) {
    const CALL: &CStr = c"WdfRequestMarkCancelable";
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, CALL, request) };
    mark_cancelable(request, callback, CALL, false);
}

/// REQ-46, REQ-47, REQ-49
///
/// # Safety
///
/// As for the function table's WdfRequestMarkCancelableEx: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_mark_cancelable_ex(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    callback: PFN_WDF_REQUEST_CANCEL,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestMarkCancelableEx";
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, CALL, request) };
    mark_cancelable(request, callback, CALL, true)
}

/// REQ-46, REQ-47, REQ-50, REQ-51
///
/// # Safety
///
/// As for the function table's WdfRequestUnmarkCancelable: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_unmark_cancelable(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestUnmarkCancelable";
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, CALL, request) };
    match current_queue(request, CALL) {
        Ok(queue) => queue.unmark_cancelable(request),
        Err(status) => status,
    }
}

/// REQ-53
///
/// # Safety
///
/// As for the function table's WdfRequestIsCanceled: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_is_canceled(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> BOOLEAN {
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, c"WdfRequestIsCanceled", request) };
    let asked_in_vain = !request.is_driver_owned() || request.is_marked_cancelable();
    if request.globals().verifier_on() && asked_in_vain {
        request.break_point(c"WdfRequestIsCanceled: the request is not owned, or is cancelable");
        return 0;
    }
    let irp = request.attached(c"WdfRequestIsCanceled: the request is completed");
    (irp.is_cancelled() || request.is_canceled()).into()
}

/// REQ-55
///
/// # Safety
///
/// As for the function table's WdfRequestForwardToIoQueue: bound globals, handles.
pub(crate) unsafe extern "C" fn wdf_request_forward_to_io_queue(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    destination: WDFQUEUE,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestForwardToIoQueue";
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, CALL, request) };
    // SAFETY: As above.
    let destination =
        unsafe { handle::typed::<Queue>(request.globals(), CALL, destination.cast()) };
    match current_queue(request, CALL) {
        Ok(queue) => queue.forward(request, destination),
        Err(status) => status,
    }
}

/// REQ-57
///
/// # Safety
///
/// As for the function table's WdfRequestRequeue: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_requeue(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestRequeue";
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, CALL, request) };
    match current_queue(request, CALL) {
        Ok(queue) => queue.requeue(request),
        Err(status) => status,
    }
}

/// QUE-57, QUE-58
///
/// # Safety
///
/// As for the function table's WdfRequestStopAcknowledge: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_request_stop_acknowledge(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    requeue: BOOLEAN,
) {
    const CALL: &CStr = c"WdfRequestStopAcknowledge";
    // SAFETY: By the contract of this function.
    let request = unsafe { resolve(globals, CALL, request) };
    let requeue = requeue != 0;
    if request.globals().verifier_on() {
        let not_now = !request.is_in_stop_callback();
        let not_so = requeue && (!request.is_driver_owned() || request.is_marked_cancelable());
        if not_now || not_so {
            return request.break_point(
                c"WdfRequestStopAcknowledge: not in EvtIoStop, or requeued while cancelable",
            );
        }
    }
    if let Ok(queue) = current_queue(request, CALL) {
        queue.acknowledge_stop(request, requeue);
    }
}
