//! Requests that enter and leave a queue: arrival, completion, forward, requeue, flush.

use super::state::{QueueState, prepend};
use super::{DispatchType, Queue, cancel};
use crate::object::live::Live;
use crate::request::{Request, RequestList};
use crate::support::stop;
use crate::support::sync::Guard;
use kmdf_sys::{
    NTSTATUS, PFILE_OBJECT, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE,
    STATUS_PENDING, STATUS_SUCCESS, STATUS_WDF_BUSY,
};

impl Queue {
    /// Takes a request from the I/O manager (REQ-5, QUE-26). The result is what the dispatch
    /// routine returns.
    pub(crate) fn accept(&self, request: Live<Request>) -> NTSTATUS {
        let state = self.state.lock();
        if !state.accepting {
            drop(state);
            super::dispatch::complete_undelivered(request, STATUS_INVALID_DEVICE_STATE);
            return STATUS_INVALID_DEVICE_STATE;
        }
        if let Some(irp) = request.irp() {
            irp.mark_pending();
        }
        self.enter(state, request);
        STATUS_PENDING
    }

    /// Takes a request from the driver, which keeps it if the queue does not accept (REQ-55,
    /// REQ-58).
    pub(crate) fn accept_from_driver(&self, request: Live<Request>) -> Result<(), NTSTATUS> {
        let state = self.state.lock();
        if !state.accepting {
            return Err(STATUS_WDF_BUSY);
        }
        request.set_driver_owned(false);
        request.set_in_caller_context(false);
        self.enter(state, request);
        Ok(())
    }

    fn enter<'a>(&'a self, state: Guard<'a, QueueState>, request: Live<Request>) {
        // SAFETY: A queue is not disposed of while it has requests, such as this one.
        request.set_queue(Some(unsafe { self.live() }));
        self.dispatch(state, Some(request));
    }

    /// Removes a request that the driver has completed and that is not freed yet (REQ-37 step 10).
    pub(crate) fn request_completed(&self, request: Live<Request>) {
        let mut state = self.state.lock();
        cancel::take_from_cancelable(&mut state, request);
        state.take_from_driver(request);
        self.dispatch_unless_active(state);
    }

    /// Moves a request of the driver's to another queue of the device (REQ-55, REQ-56, QUE-63).
    pub(crate) fn forward(&self, request: Live<Request>, destination: &Queue) -> NTSTATUS {
        let verified = self.globals().verifier_on();
        let mut state = self.state.lock();
        if verified && !self.may_forward(&request, destination) {
            drop(state);
            self.break_point(
                c"WdfRequestForwardToIoQueue: the driver must own the request, unmark it, and name another queue of the same device",
            );
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        if request.is_cancelable() {
            stop::undefined(c"WdfRequestForwardToIoQueue: the request is marked cancelable; call WdfRequestUnmarkCancelable first");
        }
        if !request.is_outstanding() {
            stop::undefined(c"WdfRequestForwardToIoQueue: the driver does not own the request");
        }
        // The request counts as owned until the other queue has it.
        request.set_outstanding(false);
        state.owned.remove(request);
        drop(state);
        let accepted = destination.accept_from_driver(request);
        let mut state = self.state.lock();
        match accepted {
            Ok(()) => {
                state.owned_count -= 1;
                self.dispatch_unless_active(state);
                STATUS_SUCCESS
            }
            Err(status) => {
                request.set_outstanding(true);
                state.owned.push_back(request);
                status
            }
        }
    }

    fn may_forward(&self, request: &Request, destination: &Queue) -> bool {
        request.is_driver_owned()
            && !request.is_marked_cancelable()
            && !core::ptr::eq(self, destination)
            && self.device == destination.device
    }

    /// Returns a request of the driver's to the head of its manual queue (REQ-57).
    pub(crate) fn requeue(&self, request: Live<Request>) -> NTSTATUS {
        let mut state = self.state.lock();
        let verified = self.globals().verifier_on();
        if verified && (!request.is_driver_owned() || request.is_marked_cancelable()) {
            drop(state);
            self.break_point(
                c"WdfRequestRequeue: the driver must own the request and unmark it first",
            );
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        if verified {
            // The driver loses the request even if the queue is not a manual one (REQ-64).
            request.set_driver_owned(false);
        }
        if self.config.dispatch_type != DispatchType::Manual {
            drop(state);
            self.break_point(c"WdfRequestRequeue: the queue is not a manual one");
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        if request.is_cancelable() {
            stop::undefined(c"WdfRequestRequeue: the request is marked cancelable; call WdfRequestUnmarkCancelable first");
        }
        if !request.is_outstanding() {
            stop::undefined(c"WdfRequestRequeue: the driver does not own the request");
        }
        state.take_from_driver(request);
        request.set_driver_owned(false);
        if state.cancels_dispatched || !prepend(&mut state, request) {
            let mut leaving = RequestList::new();
            self.cancel_waiting(&mut state, request, &mut leaving);
            state = self.finish_leaving(state, leaving);
        }
        self.dispatch(state, None);
        STATUS_SUCCESS
    }

    /// Cancels the waiting requests of a file object at its cleanup (QUE-61).
    pub(crate) fn flush(&self, file: PFILE_OBJECT) {
        let state = self.state.lock();
        let state = self.cancel_waiting_requests(state, |request| request.is_of_file(file));
        self.dispatch(state, None);
    }
}
