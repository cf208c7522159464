//! Manual retrieval: the next request, that of a file object, one that WdfIoQueueFindRequest found.

use super::state::{Completion, QueueState};
use super::{DispatchType, Queue, dispatch};
use crate::device::file::FileObject;
use crate::driver::globals::Globals;
use crate::object::handle;
use crate::object::live::Live;
use crate::request::Request;
use crate::support::stop;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{
    _WDF_BUGCHECK_CODES, _WDF_REQUEST_FATAL_ERROR_CODES, NTSTATUS, PFILE_OBJECT,
    PFN_WDF_IO_QUEUE_STATE, PWDF_DRIVER_GLOBALS, PWDF_REQUEST_PARAMETERS, STATUS_DELETE_PENDING,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER_4,
    STATUS_NO_MORE_ENTRIES, STATUS_NOT_FOUND, STATUS_SUCCESS, STATUS_WDF_PAUSED, ULONG_PTR,
    WDF_REQUEST_PARAMETERS, WDFCONTEXT, WDFFILEOBJECT, WDFQUEUE, WDFREQUEST,
};

/// Which waiting request a call retrieves.
#[derive(Clone, Copy)]
enum Selection {
    Next,
    OfFile(PFILE_OBJECT),
    Found(Live<Request>),
}

impl Selection {
    fn is(self, request: &Request) -> bool {
        match self {
            Self::Next => true,
            Self::OfFile(file) => request.is_of_file(file),
            Self::Found(found) => core::ptr::eq(found.as_ptr(), request),
        }
    }
}

impl Queue {
    /// Makes a waiting request the driver's (QUE-51, QUE-52).
    fn retrieve(&self, selection: Selection) -> Result<Live<Request>, NTSTATUS> {
        if matches!(self.config.dispatch_type, DispatchType::Parallel { .. }) {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        loop {
            let mut state = self.state.lock();
            if !state.is_open() {
                return Err(STATUS_WDF_PAUSED);
            }
            if self.config.dispatch_type == DispatchType::Sequential
                && state.owned_count == 0
                && self.globals().verifier_on()
            {
                drop(state);
                self.break_point(
                    c"WdfIoQueueRetrieveNextRequest: a sequential queue delivers its requests itself while the driver owns none",
                );
                state = self.state.lock();
            }
            let taken = self.take_waiting(&mut state, |request| selection.is(request));
            let Some(request) = taken else {
                return Err(match selection {
                    Selection::Found(_) => STATUS_NOT_FOUND,
                    _ => STATUS_NO_MORE_ENTRIES,
                });
            };
            state.give_to_driver(request);
            drop(state);
            // Requests without data are completed here unless the queue allows them (QUE-29).
            if self.completes_at_once(&request) {
                dispatch::complete_undelivered(request, STATUS_SUCCESS);
                continue;
            }
            request.hand_to_driver();
            return Ok(request);
        }
    }

    /// The first waiting request, or the first behind `after`, referenced; it stays in the queue (QUE-53).
    fn peek(
        &self,
        after: Option<Live<Request>>,
        file: Option<PFILE_OBJECT>,
    ) -> Result<Live<Request>, NTSTATUS> {
        let state = self.state.lock();
        let start = match after {
            None => state.waiting.first(),
            Some(after) if is_waiting(&state, after) => state.waiting.after(after),
            Some(_) => return Err(STATUS_NOT_FOUND),
        };
        let mut rest = core::iter::successors(start, |&request| state.waiting.after(request));
        let found = rest
            .find(|request| file.is_none_or(|file| request.is_of_file(file)))
            .ok_or(STATUS_NO_MORE_ENTRIES)?;
        found.reference();
        Ok(found)
    }

    /// Sets or removes the callback for a manual queue that becomes non-empty (QUE-54).
    fn set_ready_notify(&self, ready: Option<Completion>) -> Result<(), NTSTATUS> {
        let mut state = self.state.lock();
        if state.deleted {
            return Err(STATUS_DELETE_PENDING);
        }
        let allowed = self.config.dispatch_type == DispatchType::Manual
            && match ready {
                Some(_) => state.ready_notify.is_none(),
                None => state.ready_notify.is_some() && !state.dispatching,
            };
        if !allowed {
            drop(state);
            self.break_point(c"WdfIoQueueReadyNotify: not a manual queue, a callback is set already, or it is removed while the queue is not stopped");
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        state.ready_notify = ready;
        state.became_ready |= ready.is_some() && !state.waiting.is_empty();
        self.dispatch(state, None);
        Ok(())
    }
}

fn is_waiting(state: &QueueState, request: Live<Request>) -> bool {
    state.waiting.iter().any(|waiting| waiting == request)
}

/// Resolves the handle, clears `out`, and writes the request that `take` gives.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, `queue` NULL or the handle of a live
/// object, `out` NULL or writable.
unsafe fn retrieve_into(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    queue: WDFQUEUE,
    out: *mut WDFREQUEST,
    take: impl FnOnce(&Queue) -> Result<Live<Request>, NTSTATUS>,
) -> NTSTATUS {
    // SAFETY: `globals` is bound and `queue` NULL or live, as the caller guarantees.
    let (globals, queue) =
        unsafe { handle::resolve_with_globals::<Queue>(globals, call, queue.cast()) };
    // SAFETY: `out` is NULL or writable, as the caller guarantees.
    let out = unsafe { verifier::required_out(globals, call, out) };
    out.write(null_mut());
    match take(queue) {
        Ok(request) => {
            out.write(request.wdf_request());
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// WdfIoQueueRetrieveNextRequest: the oldest waiting request becomes the driver's.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `queue` NULL or the handle of a
/// live object. `out` must be NULL or writable.
pub(crate) unsafe extern "C" fn wdf_io_queue_retrieve_next_request(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    out: *mut WDFREQUEST,
) -> NTSTATUS {
    let call = c"WdfIoQueueRetrieveNextRequest";
    // SAFETY: `globals`, `queue` and `out` are what `retrieve_into` asks for too.
    unsafe {
        retrieve_into(globals, call, queue, out, |queue| {
            queue.retrieve(Selection::Next)
        })
    }
}

/// WdfIoQueueRetrieveRequestByFileObject: the oldest waiting request of one file object becomes the
/// driver's.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `queue` and `file` each NULL or
/// the handle of a live object. `out` must be NULL or writable.
pub(crate) unsafe extern "C" fn wdf_io_queue_retrieve_request_by_file_object(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    file: WDFFILEOBJECT,
    out: *mut WDFREQUEST,
) -> NTSTATUS {
    let call = c"WdfIoQueueRetrieveRequestByFileObject";
    // SAFETY: `globals` is bound and `file` NULL or live, as the caller guarantees.
    let file = unsafe { handle::resolve::<FileObject>(globals, call, file.cast()) };
    let selection = Selection::OfFile(file.wdm());
    // SAFETY: `globals`, `queue` and `out` are what `retrieve_into` asks for too.
    unsafe { retrieve_into(globals, call, queue, out, |queue| queue.retrieve(selection)) }
}

/// WdfIoQueueRetrieveFoundRequest: the request that WdfIoQueueFindRequest found becomes the
/// driver's.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `queue` and `found` each NULL
/// or the handle of a live object. `out` must be NULL or writable.
pub(crate) unsafe extern "C" fn wdf_io_queue_retrieve_found_request(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    found: WDFREQUEST,
    out: *mut WDFREQUEST,
) -> NTSTATUS {
    let call = c"WdfIoQueueRetrieveFoundRequest";
    // SAFETY: `globals` is bound and `found` NULL or live, as the caller guarantees.
    let (owner, found) =
        unsafe { handle::resolve_with_globals::<Request>(globals, call, found.cast()) };
    // SAFETY: The driver owns the reference of WdfIoQueueFindRequest.
    let found = unsafe { found.live() };
    let take = |queue: &Queue| {
        if owner.verifies_since(11) && queue.config.dispatch_type != DispatchType::Manual {
            queue.break_point(c"WdfIoQueueRetrieveFoundRequest: not a manual queue");
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        if owner.verifies_since(11)
            && found
                .queue()
                .is_some_and(|other| !core::ptr::eq(other.as_ptr(), queue))
        {
            not_in_queue(owner, found);
        }
        queue.retrieve(Selection::Found(found))
    };
    // SAFETY: `globals`, `queue` and `out` are what `retrieve_into` asks for too.
    unsafe { retrieve_into(globals, call, queue, out, take) }
}

/// Stops the run: the found request is in another queue (VER-20).
fn not_in_queue(globals: &Globals, request: Live<Request>) -> ! {
    let code = _WDF_BUGCHECK_CODES::WDF_REQUEST_FATAL_ERROR;
    let detail = _WDF_REQUEST_FATAL_ERROR_CODES::WDF_REQUEST_FATAL_ERROR_REQUEST_NOT_IN_QUEUE;
    let handle = request.wdf_request().addr() as ULONG_PTR;
    stop::violation(globals, code, detail as ULONG_PTR, handle)
}

/// WdfIoQueueFindRequest: the next waiting request, referenced, which stays in the queue (QUE-53).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `queue`, `found` and `file`
/// each NULL or the handle of a live object. `out` must be NULL or writable. `parameters` must be
/// NULL or valid up to the size that it states.
pub(crate) unsafe extern "C" fn wdf_io_queue_find_request(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    found: WDFREQUEST,
    file: WDFFILEOBJECT,
    parameters: PWDF_REQUEST_PARAMETERS,
    out: *mut WDFREQUEST,
) -> NTSTATUS {
    let call = c"WdfIoQueueFindRequest";
    // SAFETY: `globals` is bound and `queue` NULL or live, as the caller guarantees.
    let (owner, queue) =
        unsafe { handle::resolve_with_globals::<Queue>(globals, call, queue.cast()) };
    let found = NonNull::new(found).map(|found| {
        // SAFETY: `found` is not NULL, so the handle of a live object.
        unsafe { handle::typed::<Request>(owner, call, found.as_ptr().cast()) }
    });
    // SAFETY: The driver owns the reference of the earlier call.
    let found = found.map(|found| unsafe { found.live() });
    let file = NonNull::new(file).map(|file| {
        // SAFETY: `file` is not NULL, so the handle of a live object.
        let file = unsafe { handle::typed::<FileObject>(owner, call, file.as_ptr().cast()) };
        file.wdm()
    });
    // SAFETY: `out` is NULL or writable, as the caller guarantees.
    let out = unsafe { verifier::required_out(owner, call, out) };
    // SAFETY: `parameters` is NULL or valid up to its size, which includes this field.
    if let Some(parameters) = unsafe { parameters.as_ref() }
        && usize::from(parameters.Size) < size_of::<WDF_REQUEST_PARAMETERS>()
    {
        return STATUS_INVALID_PARAMETER_4;
    }
    out.write(null_mut());
    if queue.config.dispatch_type != DispatchType::Manual {
        queue.break_point(c"WdfIoQueueFindRequest: not a manual queue");
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    match queue.peek(found, file) {
        Ok(request) => {
            if !parameters.is_null() {
                // SAFETY: Not NULL, and at least of the full size, as checked above.
                unsafe { request.write_parameters(parameters) };
            }
            out.write(request.wdf_request());
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// WdfIoQueueReadyNotify: registers or removes the callback for a manual queue that gets its first
/// request (QUE-54).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `queue` NULL or the handle of a
/// live object.
pub(crate) unsafe extern "C" fn wdf_io_queue_ready_notify(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    ready: PFN_WDF_IO_QUEUE_STATE,
    context: WDFCONTEXT,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfIoQueueReadyNotify";
    // SAFETY: `globals` is bound and `queue` NULL or live, as the caller guarantees.
    let queue = unsafe { handle::resolve::<Queue>(globals, CALL, queue.cast()) };
    let ready = ready.map(|ready| Completion::Driver(ready, context));
    queue
        .set_ready_notify(ready)
        .err()
        .unwrap_or(STATUS_SUCCESS)
}
