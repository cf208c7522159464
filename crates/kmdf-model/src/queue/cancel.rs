//! Cancellation: the IRP's cancel routine, and what becomes of waiting and of cancelable requests.

use super::state::State;
use super::{Queue, dispatch};
use crate::object::live::Live;
use crate::request::{POSSESSION, Request, RequestList};
use crate::support::sync::Guard;
use kmdf_sys::ntddk::IoReleaseCancelSpinLock;
use kmdf_sys::{
    _DEVICE_OBJECT, _IRP, NTSTATUS, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
};

/// Lets the sender of `request` cancel it from now on. `false` if the sender already has and no
/// cancel routine will run, so that the caller has to see to it.
#[must_use]
pub(super) fn arm(request: Live<Request>) -> bool {
    request.set_cancel_routine(Some(on_cancel));
    !request.irp_is_cancelled() || !disarm(request)
}

/// Takes the right to cancel back. `false` if the cancel routine is on its way: it will take the
/// request out of the list it is in, so it has to stay there.
#[must_use]
pub(super) fn disarm(request: Live<Request>) -> bool {
    request.set_cancel_routine(None)
}

/// The cancel routine of every request that waits or is cancelable.
///
/// # Safety
///
/// Called by the kernel as the cancel routine of an IRP that [`arm`] gave it to, with the cancel
/// spin lock held.
unsafe extern "C" fn on_cancel(_device: *mut _DEVICE_OBJECT, irp: *mut _IRP) {
    // SAFETY: The kernel passes a valid IRP.
    let irql = unsafe { (*irp).CancelIrql };
    // SAFETY: Held by the kernel for this routine, which releases it.
    unsafe { IoReleaseCancelSpinLock(irql) };
    // SAFETY: An armed request stays in its queue's list until this routine takes it out.
    let request = unsafe { Request::of_irp(irp) };
    let Some(queue) = request.queue() else { return };
    // When the request is in no list of the queue's any more, nothing else keeps it.
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
    // SAFETY: Taken above.
    unsafe { queue.release() };
}

/// A driver-owned request is cancelled: its callback runs in the dispatch loop (REQ-48, REQ-52).
fn cancel_for_driver(state: &mut State, request: Live<Request>) {
    take_from_cancelable(state, request);
    request.set_canceled();
    state.cancelled.push_back(request);
}

/// Takes `request` out of the cancelable list, if it is there.
pub(super) fn take_from_cancelable(state: &mut State, request: Live<Request>) {
    if request.is_cancelable() {
        request.set_cancelable(false);
        state.cancelable.remove(request);
    }
}

impl Queue {
    /// REQ-54: a request that was taken out of the waiting list is cancelled. It goes to the
    /// driver once more, or to those that leave.
    pub(super) fn cancel_waiting(
        &self,
        state: &mut State,
        request: Live<Request>,
        leaving: &mut RequestList<POSSESSION>,
    ) {
        if request.was_presented() && self.config.canceled_on_queue.is_some() {
            request.set_canceled();
            state.give_to_driver(request);
            state.canceled_on_queue.push_back(request);
        } else {
            leaving.push_back(request);
        }
    }

    /// Completes those that leave, outside the lock. They are in no list of the queue's and no count: who
    /// waits for the queue, its deletion among them, does not wait for them. The caller has the queue,
    /// or a reference on it.
    pub(super) fn finish_leaving<'a>(
        &'a self,
        state: Guard<'a, State>,
        mut leaving: RequestList<POSSESSION>,
    ) -> Guard<'a, State> {
        if leaving.is_empty() {
            return state;
        }
        drop(state);
        while let Some(request) = leaving.pop_front() {
            dispatch::complete_unpresented(request, STATUS_CANCELLED);
        }
        self.state.lock()
    }

    /// Cancels what waits now, and what the driver marked cancelable (QUE-44, QUE-46).
    pub(super) fn cancel_requests<'a>(&'a self, state: Guard<'a, State>) -> Guard<'a, State> {
        let mut state = self.cancel_waiting_requests(state, |_| true);
        let mut next = state.cancelable.first();
        while let Some(request) = next {
            next = state.cancelable.after(request);
            // A cancel routine that is on its way does the same for its request.
            if disarm(request) {
                cancel_for_driver(&mut state, request);
            }
        }
        state
    }

    /// Cancels the waiting requests that `selects` picks, of those that are there now.
    pub(super) fn cancel_waiting_requests<'a>(
        &'a self,
        mut state: Guard<'a, State>,
        selects: impl Fn(&Request) -> bool,
    ) -> Guard<'a, State> {
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

    /// REQ-47 to REQ-49: `told` is whether the caller learns of a cancellation that came before.
    pub(crate) fn mark_cancelable(
        &self,
        request: Live<Request>,
        callback: unsafe extern "C" fn(kmdf_sys::WDFREQUEST),
        told: bool,
    ) -> NTSTATUS {
        let mut state = self.state.lock();
        if self.globals().verifier_on()
            && (!request.is_driver_owned() || request.is_marked_cancelable())
        {
            drop(state);
            self.break_point(c"a request was marked cancelable that is not owned, or is marked");
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        let cancelled = state.cancels_dispatched || !arm(request);
        if cancelled && told {
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

    /// REQ-47, REQ-50, REQ-51
    pub(crate) fn unmark_cancelable(&self, request: Live<Request>) -> NTSTATUS {
        let mut state = self.state.lock();
        if self.globals().verifier_on()
            && (!request.is_driver_owned() || !request.is_marked_cancelable())
        {
            drop(state);
            self.break_point(c"a request was unmarked that is not owned, or is not marked");
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        if !disarm(request) {
            return STATUS_CANCELLED;
        }
        if request.is_cancelable() {
            take_from_cancelable(&mut state, request);
        } else {
            // REQ-65: found in another list, and nobody asks in which.
            state.waiting.remove(request);
            request.set_driver_owned(true);
        }
        request.set_cancel_callback(None);
        request.set_marked_cancelable(false);
        STATUS_SUCCESS
    }
}
