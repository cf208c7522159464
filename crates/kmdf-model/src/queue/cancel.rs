//! Cancellation: the IRP's cancel routine, for waiting requests and for cancelable ones.

use super::state::QueueState;
use super::{Queue, dispatch};
use crate::object::live::Live;
use crate::request::{POSSESSION, Request, RequestList};
use crate::support::sync::Guard;
use kmdf_sys::ntddk::IoReleaseCancelSpinLock;
use kmdf_sys::{
    _DEVICE_OBJECT, _IRP, NTSTATUS, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
};

/// Sets the cancel routine of `request`. `false` if the sender has already cancelled it and the cancel
/// routine will not run, so that the caller has to cancel it.
#[must_use]
pub(super) fn arm(request: Live<Request>) -> bool {
    request.set_cancel_routine(Some(on_cancel));
    !request.irp_is_cancelled() || !disarm(request)
}

/// Clears the cancel routine of `request`. `false` if the cancel routine was called: the request has to
/// stay in its list, from which that routine takes it.
#[must_use]
pub(super) fn disarm(request: Live<Request>) -> bool {
    request.set_cancel_routine(None)
}

/// The cancel routine of every request that waits or is cancelable.
///
/// # Safety
///
/// `irp` must be an IRP that [`arm`] set this routine on. The cancel spin lock must be held, which this
/// routine releases.
unsafe extern "C" fn on_cancel(_device: *mut _DEVICE_OBJECT, irp: *mut _IRP) {
    // SAFETY: The kernel passes the valid IRP that is being cancelled.
    let irql = unsafe { (*irp).CancelIrql };
    // SAFETY: The kernel acquired the lock at this IRQL before it called the routine.
    unsafe { IoReleaseCancelSpinLock(irql) };
    // SAFETY: An armed request stays in its queue's list until this routine takes it out.
    let request = unsafe { Request::of_irp(irp) };
    let Some(queue) = request.queue() else { return };
    // Once the request is in no list of the queue, only this reference keeps the queue.
    queue.reference();
    let mut state = queue.state.lock();
    if request.is_cancelable() {
        cancel_for_driver(&mut state, request);
        queue.dispatch_unless_active(state);
    } else {
        state.waiting.remove(request);
        let mut leaving = RequestList::new();
        queue.cancel_waiting(&mut state, request, &mut leaving);
        state = queue.finish_leaving(state, leaving);
        queue.dispatch_unless_active(state);
    }
    // SAFETY: Referenced at the start of this function.
    unsafe { queue.release() };
}

/// Cancels a driver-owned request, whose callback then runs in the dispatch loop (REQ-48, REQ-52).
fn cancel_for_driver(state: &mut QueueState, request: Live<Request>) {
    take_from_cancelable(state, request);
    request.set_canceled();
    state.cancelled.push_back(request);
}

/// Takes `request` out of the cancelable list, if it is there.
pub(super) fn take_from_cancelable(state: &mut QueueState, request: Live<Request>) {
    if request.is_cancelable() {
        request.set_cancelable(false);
        state.cancelable.remove(request);
    }
}

impl Queue {
    /// Cancels a request that was removed from the waiting list: it is delivered to
    /// EvtIoCanceledOnQueue, or added to `leaving` (REQ-54).
    pub(super) fn cancel_waiting(
        &self,
        state: &mut QueueState,
        request: Live<Request>,
        leaving: &mut RequestList<POSSESSION>,
    ) {
        if request.was_delivered() && self.config.canceled_on_queue.is_some() {
            request.set_canceled();
            state.give_to_driver(request);
            state.canceled_on_queue.push_back(request);
        } else {
            leaving.push_back(request);
        }
    }

    /// Completes the requests in `leaving` with the lock released. They are in no list and no count of the
    /// queue, so nothing that waits for the queue waits for them. The caller keeps the queue alive.
    pub(super) fn finish_leaving<'a>(
        &'a self,
        state: Guard<'a, QueueState>,
        mut leaving: RequestList<POSSESSION>,
    ) -> Guard<'a, QueueState> {
        if leaving.is_empty() {
            return state;
        }
        drop(state);
        while let Some(request) = leaving.pop_front() {
            dispatch::complete_undelivered(request, STATUS_CANCELLED);
        }
        self.state.lock()
    }

    /// Cancels the waiting requests and those that the driver marked cancelable (QUE-44, QUE-46).
    pub(super) fn cancel_requests<'a>(
        &'a self,
        state: Guard<'a, QueueState>,
    ) -> Guard<'a, QueueState> {
        let mut state = self.cancel_waiting_requests(state, |_| true);
        let mut next = state.cancelable.first();
        while let Some(request) = next {
            next = state.cancelable.after(request);
            // If its cancel routine already runs, that does the same.
            if disarm(request) {
                cancel_for_driver(&mut state, request);
            }
        }
        state
    }

    /// Cancels the requests among those that wait now which `selects` picks.
    pub(super) fn cancel_waiting_requests<'a>(
        &'a self,
        mut state: Guard<'a, QueueState>,
        selects: impl Fn(&Request) -> bool,
    ) -> Guard<'a, QueueState> {
        let mut leaving = RequestList::new();
        let mut next = state.waiting.first();
        while let Some(request) = next {
            next = state.waiting.after(request);
            if selects(&request) && disarm(request) {
                state.waiting.remove(request);
                self.cancel_waiting(&mut state, request, &mut leaving);
            }
        }
        self.finish_leaving(state, leaving)
    }

    /// Makes a request cancelable. If it is already cancelled, the call fails or, without
    /// `reports_cancelled`, the callback runs (REQ-47 to REQ-49).
    pub(crate) fn mark_cancelable(
        &self,
        request: Live<Request>,
        callback: unsafe extern "C" fn(kmdf_sys::WDFREQUEST),
        reports_cancelled: bool,
    ) -> NTSTATUS {
        let mut state = self.state.lock();
        if self.globals().verifier_on()
            && (!request.is_driver_owned() || request.is_marked_cancelable())
        {
            drop(state);
            self.break_point(c"WdfRequestMarkCancelable: the driver must own the request, and not have marked it before");
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        let cancelled = state.cancels_dispatched || !arm(request);
        if cancelled && reports_cancelled {
            return STATUS_CANCELLED;
        }
        request.set_cancel_callback(Some(callback));
        request.set_marked_cancelable(true);
        if !cancelled {
            request.set_cancelable(true);
            state.cancelable.push_back(request);
            return STATUS_SUCCESS;
        }
        cancel_for_driver(&mut state, request);
        self.dispatch_unless_active(state);
        STATUS_SUCCESS
    }

    /// Withdraws a request from cancellation, unless that has begun (REQ-47, REQ-50, REQ-51).
    pub(crate) fn unmark_cancelable(&self, request: Live<Request>) -> NTSTATUS {
        let mut state = self.state.lock();
        if self.globals().verifier_on()
            && (!request.is_driver_owned() || !request.is_marked_cancelable())
        {
            drop(state);
            self.break_point(
                c"WdfRequestUnmarkCancelable: the driver must own the request and have marked it",
            );
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        if !disarm(request) {
            return STATUS_CANCELLED;
        }
        if request.is_cancelable() {
            take_from_cancelable(&mut state, request);
        } else {
            // The framework takes it from the waiting list without a check that it is there (REQ-65).
            state.waiting.remove(request);
            request.set_driver_owned(true);
        }
        request.set_cancel_callback(None);
        request.set_marked_cancelable(false);
        STATUS_SUCCESS
    }
}
