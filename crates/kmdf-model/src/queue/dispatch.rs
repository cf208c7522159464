//! The dispatch loop: what a queue does next, and the callbacks that it calls.

use super::state::{Completion, Power, QueueState, append, limit};
use super::{DispatchType, Handler, Queue, cancel};
use crate::device::file;
use crate::object::live::Live;
use crate::object::{self, FrameworkObject};
use crate::request::{Direction, Request, RequestList};
use crate::support::sync::Guard;
use kmdf_sys::ntddk::KeInsertQueueDpc;
use kmdf_sys::{
    _KDPC, _WDF_REQUEST_STOP_ACTION_FLAGS, NTSTATUS, PASSIVE_LEVEL, PVOID, STATUS_CANCELLED,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, ULONG,
};

/// What one iteration of the loop does after releasing the queue's lock.
#[derive(Clone, Copy)]
enum Step {
    /// Call EvtRequestCancel for a cancelled request.
    Cancel(Live<Request>),
    /// Call EvtIoCanceledOnQueue for a cancelled request.
    CanceledOnQueue(Live<Request>),
    /// Report that a stop is complete, without the callback lock.
    Stopped(Completion),
    /// Report under the callback lock that a drain or purge is complete, or a manual queue not empty.
    Notify(Completion),
    /// Call EvtIoStop with these action flags.
    PowerStop(Live<Request>, ULONG),
    /// Call EvtIoResume for an acknowledged request.
    PowerResume(Live<Request>),
    /// Complete a request that was cancelled before it could wait.
    Leave(Live<Request>),
    /// Deliver a request to its handler.
    Deliver(Live<Request>),
    /// Wake the thread that deletes the queue.
    Finish,
    /// Leave the loop: there is nothing to do.
    Done,
}

impl Queue {
    /// Enters the dispatch loop, as every event from outside does (QUE-32 a), with the request
    /// that arrives, if that is the event.
    pub(super) fn dispatch<'a>(
        &'a self,
        mut state: Guard<'a, QueueState>,
        mut new: Option<Live<Request>>,
    ) {
        if !self.may_dispatch_at(state.previous_irql()) {
            let cancelled = new.filter(|&request| !append(&mut state, request));
            if let Some(request) = cancelled {
                let mut leaving = RequestList::new();
                self.cancel_waiting(&mut state, request, &mut leaving);
                state = self.finish_leaving(state, leaving);
            }
            self.defer(state);
            return;
        }
        state.loops += 1;
        loop {
            let step = self.next_step(&mut state, &mut new);
            match step {
                Step::Done => break,
                Step::Finish => return self.finish(state),
                step => {
                    drop(state);
                    self.perform(step);
                    state = self.state.lock();
                    self.after(&mut state, step);
                }
            }
        }
        state.loops -= 1;
    }

    /// Enters the dispatch loop unless a thread is in it, as completion and cancellation do
    /// (QUE-32 b).
    pub(super) fn dispatch_unless_active<'a>(&'a self, state: Guard<'a, QueueState>) {
        if state.loops == 0 {
            self.dispatch(state, None);
        }
    }

    /// Chooses the next step, in the order in which the framework does (QUE-62).
    fn next_step(&self, state: &mut QueueState, new: &mut Option<Live<Request>>) -> Step {
        if state.power_callbacks == 0
            && let Some(request) = state.cancelled.pop_front()
        {
            return Step::Cancel(request);
        }
        if let Some(request) = state.canceled_on_queue.pop_front() {
            return Step::CanceledOnQueue(request);
        }
        let alone = state.loops == 1;
        if alone
            && state.owned_count == 0
            && let Some(completion) = state.stop_completion.take()
        {
            state.cancels_dispatched = false;
            return Step::Stopped(completion);
        }
        let at_rest = alone && new.is_none() && state.is_empty();
        if at_rest && let Some(completion) = state.purge_completion.take() {
            state.cancels_dispatched = state.deleted;
            return Step::Notify(completion);
        }
        if let Some(step) = self.power_step(state) {
            return step;
        }
        if at_rest && state.deleted {
            return Step::Finish;
        }
        self.delivery_step(state, new)
    }

    /// The last part of the choice: delivery, or the notification of a manual queue (QUE-30, QUE-31,
    /// QUE-54).
    fn delivery_step(&self, state: &mut QueueState, new: &mut Option<Live<Request>>) -> Step {
        let open = state.is_open();
        if !open || state.owned_count >= limit(&self.config) {
            if let Some(request) = new.take()
                && !append(state, request)
            {
                return self.cancelled_on_arrival(state, request);
            }
            if open && self.config.dispatch_type == DispatchType::Manual && state.became_ready {
                state.became_ready = false;
                if let Some(ready) = state.ready_notify {
                    return Step::Notify(ready);
                }
            }
            return Step::Done;
        }
        if let Some(request) = new.take() {
            if state.waiting.is_empty() {
                state.give_to_driver(request);
                return Step::Deliver(request);
            }
            if !append(state, request) {
                return self.cancelled_on_arrival(state, request);
            }
        }
        match self.take_waiting(state, |_| true) {
            Some(request) => {
                state.give_to_driver(request);
                Step::Deliver(request)
            }
            None => Step::Done,
        }
    }

    /// What happens to a new request that is already cancelled (QUE-34, REQ-54).
    fn cancelled_on_arrival(&self, state: &mut QueueState, request: Live<Request>) -> Step {
        let mut leaving = RequestList::new();
        self.cancel_waiting(state, request, &mut leaving);
        match leaving.pop_front() {
            Some(request) => Step::Leave(request),
            None => {
                state.canceled_on_queue.remove(request);
                Step::CanceledOnQueue(request)
            }
        }
    }

    /// Takes the oldest waiting request that `selects` picks and that is not being cancelled.
    pub(super) fn take_waiting(
        &self,
        state: &mut QueueState,
        selects: impl Fn(&Request) -> bool,
    ) -> Option<Live<Request>> {
        let request = state
            .waiting
            .iter()
            .find(|request| selects(request) && cancel::disarm(*request))?;
        state.waiting.remove(request);
        Some(request)
    }

    /// The next power callback, if the device's power changes (QUE-57).
    fn power_step(&self, state: &mut QueueState) -> Option<Step> {
        use _WDF_REQUEST_STOP_ACTION_FLAGS as Action;
        match state.power {
            Power::On | Power::Off => None,
            Power::Stopping { purge } => {
                let not_notified = state.owned.iter().find(|request| request.note_stop());
                if self.config.stop.is_some()
                    && let Some(request) = not_notified
                {
                    let mut action = match purge {
                        false => Action::WdfRequestStopActionSuspend,
                        true => Action::WdfRequestStopActionPurge,
                    };
                    if request.is_marked_cancelable() {
                        action |= Action::WdfRequestStopRequestCancelable;
                    }
                    state.power_callbacks += 1;
                    request.reference();
                    return Some(Step::PowerStop(request, action as ULONG));
                }
                let acknowledged = state
                    .owned
                    .iter()
                    .filter(|request| request.is_acknowledged());
                let at_rest = acknowledged.count() as u32 == state.owned_count;
                // Only the last thread in the loop may report this: no callback of the queue runs (QUE-57).
                if at_rest && state.loops == 1 {
                    state.power = Power::Off;
                    self.power_settled.set();
                }
                None
            }
            Power::Resuming => {
                let stopped = state.owned.iter().find(|request| request.is_acknowledged());
                if let Some(request) = stopped {
                    request.clear_stop_notification();
                    if self.config.resume.is_some() {
                        state.power_callbacks += 1;
                        request.reference();
                        return Some(Step::PowerResume(request));
                    }
                    return self.power_step(state);
                }
                state.power = Power::On;
                state.became_ready |= !state.waiting.is_empty();
                None
            }
        }
    }

    fn perform(&self, step: Step) {
        match step {
            Step::Cancel(request) => self.call_cancel(request),
            Step::CanceledOnQueue(request) => {
                if let Some(callback) = self.config.canceled_on_queue {
                    request.hand_to_driver();
                    // SAFETY: EvtIoCanceledOnQueue, with the handles of this queue and a request in it.
                    self.locked(|| unsafe { callback(self.wdf_queue(), request.wdf_request()) });
                }
            }
            Step::Stopped(completion) => self.notify(completion),
            Step::Notify(completion) => self.locked(|| self.notify(completion)),
            Step::PowerStop(request, action) => {
                if let Some(callback) = self.config.stop {
                    request.set_in_stop_callback(true);
                    // SAFETY: EvtIoStop, with a request that `power_step` referenced for the callback.
                    self.locked(|| unsafe {
                        callback(self.wdf_queue(), request.wdf_request(), action)
                    });
                    request.set_in_stop_callback(false);
                }
                // SAFETY: `power_step` took the reference for this step.
                unsafe { request.release() };
            }
            Step::PowerResume(request) => {
                if let Some(callback) = self.config.resume {
                    // SAFETY: EvtIoResume, with a request that `power_step` referenced for the callback.
                    self.locked(|| unsafe { callback(self.wdf_queue(), request.wdf_request()) });
                }
                // SAFETY: `power_step` took the reference for this step.
                unsafe { request.release() };
            }
            Step::Leave(request) => complete_undelivered(request, STATUS_CANCELLED),
            Step::Deliver(request) => self.deliver(request),
            Step::Finish | Step::Done => (),
        }
    }

    /// Ends `step`, with the lock acquired again.
    fn after(&self, state: &mut QueueState, step: Step) {
        match step {
            Step::PowerStop(..) | Step::PowerResume(_) => state.power_callbacks -= 1,
            _ => (),
        }
    }

    /// Calls EvtRequestCancel once; the request lives until the callback has returned (REQ-52).
    fn call_cancel(&self, request: Live<Request>) {
        request.reference();
        if let Some(callback) = request.set_cancel_callback(None) {
            request.set_in_cancel_path();
            // SAFETY: EvtRequestCancel, with a request that is referenced above.
            self.locked(|| unsafe { callback(request.wdf_request()) });
        }
        // SAFETY: Referenced at the start of this function.
        unsafe { request.release() };
    }

    fn notify(&self, completion: Completion) {
        match completion {
            Completion::Driver(callback, context) => {
                // SAFETY: The driver's callback, with the context that it registered.
                unsafe { callback(self.wdf_queue(), context) }
            }
            // SAFETY: The waiting thread keeps its event until it is set.
            Completion::Waiter(event) => unsafe { event.as_ref() }.set(),
        }
    }

    /// Wakes the thread in [`Queue::shut_for_good`]. This is the last thread in the loop.
    fn finish(&self, mut state: Guard<'_, QueueState>) {
        state.loops -= 1;
        // The waiting thread acquires the lock before it frees the queue, so this thread holds it here.
        self.finished.set();
    }

    /// Delivers a request to the handler for its type (QUE-27 to QUE-29).
    fn deliver(&self, request: Live<Request>) {
        let Some(handler) = self.config.handler(request.major()) else {
            return complete_undelivered(request, STATUS_INVALID_DEVICE_REQUEST);
        };
        if self.completes_at_once(&request) {
            return complete_undelivered(request, STATUS_SUCCESS);
        }
        // With the verifier the object outlives the callback (VER-17).
        let kept = self.globals().verifier_on();
        if kept {
            request.reference();
        }
        request.hand_to_driver();
        self.locked(|| self.call(handler, request));
        if kept {
            // SAFETY: Referenced above, as `kept` says.
            unsafe { request.release() };
        }
    }

    fn call(&self, handler: Handler, request: Live<Request>) {
        let (queue, handle) = (self.wdf_queue(), request.wdf_request());
        let output = request.length(Direction::Output);
        let input = request.length(Direction::Input);
        match handler {
            // SAFETY: EvtIoDefault, with the handles of this queue and a request that it delivers.
            Handler::Default(callback) => unsafe { callback(queue, handle) },
            // SAFETY: EvtIoRead, with the handles of this queue and a request that it delivers.
            Handler::Read(callback) => unsafe { callback(queue, handle, output) },
            // SAFETY: EvtIoWrite, with the handles of this queue and a request that it delivers.
            Handler::Write(callback) => unsafe { callback(queue, handle, input) },
            Handler::DeviceControl(callback) => {
                let code = request.control_code();
                // SAFETY: EvtIoDeviceControl, with live handles; the output length comes first (QUE-28).
                unsafe { callback(queue, handle, output, input, code) }
            }
            Handler::Create => file::call_create(&self.device, request),
        }
    }

    /// Whether the queue completes a read or write of no bytes itself (QUE-29).
    pub(super) fn completes_at_once(&self, request: &Request) -> bool {
        !self.config.zero_length_requests
            && match request.major() {
                kmdf_sys::IRP_MJ_READ => request.length(Direction::Output) == 0,
                kmdf_sys::IRP_MJ_WRITE => request.length(Direction::Input) == 0,
                _ => false,
            }
    }

    /// Runs `callback` under the queue's callback lock, if it has one (QUE-39).
    fn locked(&self, callback: impl FnOnce()) {
        let lock = self.callback_lock();
        if let Some(lock) = lock {
            lock.acquire(self.globals());
        }
        callback();
        if let Some(lock) = lock {
            lock.release();
        }
    }

    /// Whether callbacks may run here: at this IRQL, and not inside a callback of the same lock (QUE-36,
    /// QUE-40).
    fn may_dispatch_at(&self, irql: kmdf_sys::KIRQL) -> bool {
        if self.callback_lock().is_some_and(|lock| lock.is_held()) {
            return false;
        }
        !self.config.passive || u32::from(irql) == PASSIVE_LEVEL
    }

    /// Has the loop entered by a work item or, where callbacks may run at DISPATCH_LEVEL, a DPC.
    fn defer(&self, mut state: Guard<'_, QueueState>) {
        if core::mem::replace(&mut state.deferred, true) {
            return;
        }
        if let Some(item) = self.work_item.get() {
            // SAFETY: The work item is freed with the queue, which waits for it.
            unsafe { item.as_ref() }.enqueue();
            return;
        }
        object::reference(self.object());
        drop(state);
        let (queue, none) = (object::as_void(self.object()), core::ptr::null_mut());
        // SAFETY: `initialize` made this the queue's DPC; the reference keeps the queue for it.
        unsafe { KeInsertQueueDpc(self.dpc.get(), queue, none) };
    }

    fn enter_deferred(&self) {
        let mut state = self.state.lock();
        state.deferred = false;
        self.dispatch(state, None);
    }
}

/// The work item's routine of a passive queue.
///
/// # Safety
///
/// `queue` must be the live queue whose work item runs.
pub(super) unsafe fn on_work_item(queue: PVOID) {
    // SAFETY: The queue waits for its work item before it is freed.
    let queue = unsafe { &*queue.cast::<Queue>() };
    queue.enter_deferred();
}

/// The DPC's routine of a queue whose callbacks may run at DISPATCH_LEVEL.
///
/// # Safety
///
/// `queue` must be the queue that [`Queue::defer`] referenced for this DPC.
pub(super) unsafe extern "C" fn on_dpc(_dpc: *mut _KDPC, _: PVOID, queue: PVOID, _: PVOID) {
    // SAFETY: The reference of `Queue::defer` keeps the queue until the release below.
    let queue = unsafe { &*queue.cast::<Queue>() };
    queue.enter_deferred();
    // SAFETY: `Queue::defer` took this reference for the DPC.
    unsafe { object::release(queue.object().pointer()) };
}

/// Completes, with no information, a request that the driver does not own.
pub(super) fn complete_undelivered(request: Live<Request>, status: NTSTATUS) {
    request.set_information(0);
    request.complete(status);
}
