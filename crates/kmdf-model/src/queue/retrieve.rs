//! Manual retrieval: the next request, that of a file object, one found by looking.

use super::state::{Completion, State};
use super::{Kind, Queue, dispatch};
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

/// Which request to take.
#[derive(Clone, Copy)]
enum Wanted {
    Next,
    OfFile(PFILE_OBJECT),
    Found(Live<Request>),
}

impl Wanted {
    fn is(self, request: &Request) -> bool {
        match self {
            Self::Next => true,
            Self::OfFile(file) => request.is_of_file(file),
            Self::Found(found) => core::ptr::eq(found.as_ptr(), request),
        }
    }
}

impl Queue {
    /// QUE-51, QUE-52
    fn retrieve(&self, wanted: Wanted) -> Result<Live<Request>, NTSTATUS> {
        if matches!(self.config.kind, Kind::Parallel { .. }) {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        loop {
            let mut state = self.state.lock();
            if !state.is_open() {
                return Err(STATUS_WDF_PAUSED);
            }
            if self.config.kind == Kind::Sequential
                && state.owned_count == 0
                && self.globals().verifier_on()
            {
                drop(state);
                self.break_point(
                    c"a sequential queue was asked for a request while none is outstanding",
                );
                state = self.state.lock();
            }
            let taken = self.take_waiting(&mut state, |request| wanted.is(request));
            let Some(request) = taken else {
                return Err(match wanted {
                    Wanted::Found(_) => STATUS_NOT_FOUND,
                    _ => STATUS_NO_MORE_ENTRIES,
                });
            };
            state.give_to_driver(request);
            drop(state);
            // QUE-29: the empty ones are not the driver's to see.
            if self.completes_at_once(&request) {
                dispatch::complete_unpresented(request, STATUS_SUCCESS);
                continue;
            }
            request.hand_to_driver();
            return Ok(request);
        }
    }

    /// QUE-53: the first waiting request behind `after`, or of all; it stays where it is.
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

    /// QUE-54
    fn set_ready_notify(&self, ready: Option<Completion>) -> Result<(), NTSTATUS> {
        let mut state = self.state.lock();
        if state.deleted {
            return Err(STATUS_DELETE_PENDING);
        }
        let allowed = self.config.kind == Kind::Manual
            && match ready {
                Some(_) => state.ready_notify.is_none(),
                None => state.ready_notify.is_some() && !state.dispatching,
            };
        if !allowed {
            drop(state);
            self.break_point(c"WdfIoQueueReadyNotify: not a manual queue, or not at this time");
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        state.ready_notify = ready;
        state.became_ready |= ready.is_some() && !state.waiting.is_empty();
        self.dispatch(state, None);
        Ok(())
    }
}

fn is_waiting(state: &State, request: Live<Request>) -> bool {
    state.waiting.iter().any(|waiting| waiting == request)
}

/// Resolves the handle, requires and clears the out pointer, and writes the request that `take`
/// gives.
///
/// # Safety
///
/// As for the calls: bound globals, a handle, `out` valid or NULL.
unsafe fn retrieve_into(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    queue: WDFQUEUE,
    out: *mut WDFREQUEST,
    take: impl FnOnce(&Queue) -> Result<Live<Request>, NTSTATUS>,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let queue = unsafe { handle::typed::<Queue>(globals, call, queue.cast()) };
    verifier::require(globals, call, out);
    // SAFETY: As above.
    unsafe { out.write(null_mut()) };
    match take(queue) {
        Ok(request) => {
            // SAFETY: As above.
            unsafe { out.write(request.wdf_request()) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// # Safety
///
/// As for the function table's WdfIoQueueRetrieveNextRequest: bound globals, a handle, `out` valid
/// or NULL.
pub(crate) unsafe extern "C" fn wdf_io_queue_retrieve_next_request(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    out: *mut WDFREQUEST,
) -> NTSTATUS {
    let call = c"WdfIoQueueRetrieveNextRequest";
    // SAFETY: By the contract of this function.
    unsafe {
        retrieve_into(globals, call, queue, out, |queue| {
            queue.retrieve(Wanted::Next)
        })
    }
}

/// # Safety
///
/// As for the function table's WdfIoQueueRetrieveRequestByFileObject: bound globals, handles,
/// `out` valid or NULL.
pub(crate) unsafe extern "C" fn wdf_io_queue_retrieve_request_by_file_object(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    file: WDFFILEOBJECT,
    out: *mut WDFREQUEST,
) -> NTSTATUS {
    let call = c"WdfIoQueueRetrieveRequestByFileObject";
    // SAFETY: By the contract of this function.
    let owner = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let file = unsafe { handle::typed::<FileObject>(owner, call, file.cast()) };
    let wanted = Wanted::OfFile(file.wdm());
    // SAFETY: As above.
    unsafe { retrieve_into(globals, call, queue, out, |queue| queue.retrieve(wanted)) }
}

/// # Safety
///
/// As for the function table's WdfIoQueueRetrieveFoundRequest: bound globals, handles, `out` valid
/// or NULL.
pub(crate) unsafe extern "C" fn wdf_io_queue_retrieve_found_request(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    found: WDFREQUEST,
    out: *mut WDFREQUEST,
) -> NTSTATUS {
    let call = c"WdfIoQueueRetrieveFoundRequest";
    // SAFETY: By the contract of this function.
    let owner = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let found = unsafe { handle::typed::<Request>(owner, call, found.cast()) };
    // SAFETY: The driver holds the reference of WdfIoQueueFindRequest.
    let found = unsafe { found.live() };
    let take = |queue: &Queue| {
        if owner.verifies_since(11) && queue.config.kind != Kind::Manual {
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
        queue.retrieve(Wanted::Found(found))
    };
    // SAFETY: As above.
    unsafe { retrieve_into(globals, call, queue, out, take) }
}

/// VER-20
fn not_in_queue(globals: &Globals, request: Live<Request>) -> ! {
    let code = _WDF_BUGCHECK_CODES::WDF_REQUEST_FATAL_ERROR;
    let detail = _WDF_REQUEST_FATAL_ERROR_CODES::WDF_REQUEST_FATAL_ERROR_REQUEST_NOT_IN_QUEUE;
    let handle = request.wdf_request().addr() as ULONG_PTR;
    stop::violation(globals, code, detail as ULONG_PTR, handle)
}

/// # Safety
///
/// As for the function table's WdfIoQueueFindRequest: bound globals, handles or NULL, `parameters`
/// valid for the size they state or NULL, `out` valid or NULL.
pub(crate) unsafe extern "C" fn wdf_io_queue_find_request(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    found: WDFREQUEST,
    file: WDFFILEOBJECT,
    parameters: PWDF_REQUEST_PARAMETERS,
    out: *mut WDFREQUEST,
) -> NTSTATUS {
    let call = c"WdfIoQueueFindRequest";
    // SAFETY: By the contract of this function.
    let owner = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let queue = unsafe { handle::typed::<Queue>(owner, call, queue.cast()) };
    let found = NonNull::new(found).map(|found| {
        // SAFETY: As above.
        unsafe { handle::typed::<Request>(owner, call, found.as_ptr().cast()) }
    });
    // SAFETY: The driver holds the reference of the earlier call.
    let found = found.map(|found| unsafe { found.live() });
    let file = NonNull::new(file).map(|file| {
        // SAFETY: As above.
        let file = unsafe { handle::typed::<FileObject>(owner, call, file.as_ptr().cast()) };
        file.wdm()
    });
    verifier::require(owner, call, out);
    // SAFETY: As above.
    if let Some(parameters) = unsafe { parameters.as_ref() }
        && usize::from(parameters.Size) < size_of::<WDF_REQUEST_PARAMETERS>()
    {
        return STATUS_INVALID_PARAMETER_4;
    }
    // SAFETY: As above.
    unsafe { out.write(null_mut()) };
    if queue.config.kind != Kind::Manual {
        queue.break_point(c"WdfIoQueueFindRequest: not a manual queue");
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    match queue.peek(found, file) {
        Ok(request) => {
            if !parameters.is_null() {
                // SAFETY: As above.
                unsafe { request.write_parameters(parameters) };
            }
            // SAFETY: As above.
            unsafe { out.write(request.wdf_request()) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// # Safety
///
/// As for the function table's WdfIoQueueReadyNotify: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_io_queue_ready_notify(
    globals: PWDF_DRIVER_GLOBALS,
    queue: WDFQUEUE,
    ready: PFN_WDF_IO_QUEUE_STATE,
    context: WDFCONTEXT,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    let call = c"WdfIoQueueReadyNotify";
    // SAFETY: As above.
    let queue = unsafe { handle::typed::<Queue>(globals, call, queue.cast()) };
    let ready = ready.map(|ready| Completion::Driver(ready, context));
    queue
        .set_ready_notify(ready)
        .err()
        .unwrap_or(STATUS_SUCCESS)
}
