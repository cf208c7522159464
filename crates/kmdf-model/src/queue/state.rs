//! The changing state of a queue, and the operations that start, stop, drain and purge it.

use super::{DispatchType, Queue, QueueConfig, cancel};
use crate::object::live::Live;
use crate::request::{CANCELLATION, POSSESSION, Request, RequestList};
use crate::support::sync::Event;
use core::ptr::NonNull;
use kmdf_sys::{
    NTSTATUS, STATUS_DELETE_PENDING, STATUS_INVALID_DEVICE_REQUEST, WDFCONTEXT, WDFQUEUE,
};

/// What is notified when an operation on a queue is complete.
#[derive(Clone, Copy)]
pub(crate) enum Completion {
    Driver(unsafe extern "C" fn(WDFQUEUE, WDFCONTEXT), WDFCONTEXT),
    /// The event of a waiting thread, which keeps it until it is set.
    Waiter(NonNull<Event>),
}

/// The power state of a queue, which follows that of its device (QUE-56, QUE-57).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    /// Nothing is delivered: the device is not in D0, or is being removed.
    Off,
    /// EvtIoStop is called for each request that the driver owns, which it completes or acknowledges.
    Stopping {
        purge: bool,
    },
    /// EvtIoResume is called for each request that the driver has acknowledged.
    Resuming,
}

/// The part of a queue that changes, under the queue's lock.
pub(crate) struct QueueState {
    pub(crate) accepting: bool,
    pub(crate) dispatching: bool,
    /// The removal of the device has shut the queue down, which is final (QUE-59).
    pub(crate) shut_down: bool,
    /// A request that the driver marks cancelable is cancelled at once (QUE-33).
    pub(crate) cancels_dispatched: bool,
    pub(crate) waiting: RequestList<POSSESSION>,
    pub(crate) owned: RequestList<POSSESSION>,
    /// The driver-owned requests; one that is being forwarded counts, but is in no list (QUE-63).
    pub(crate) owned_count: u32,
    pub(crate) cancelable: RequestList<CANCELLATION>,
    pub(crate) cancelled: RequestList<CANCELLATION>,
    pub(crate) canceled_on_queue: RequestList<CANCELLATION>,
    /// The number of threads in the dispatch loop.
    pub(crate) loops: u32,
    /// A work item or DPC is queued that enters the dispatch loop.
    pub(crate) deferred: bool,
    pub(crate) power: Power,
    /// The number of running power callbacks, which cancellation waits for (REQ-52).
    pub(crate) power_callbacks: u32,
    pub(crate) ready_notify: Option<Completion>,
    /// The queue has become non-empty, and `ready_notify` has not been called for that yet.
    pub(crate) became_ready: bool,
    pub(crate) stop_completion: Option<Completion>,
    pub(crate) purge_completion: Option<Completion>,
    /// The queue object is being deleted.
    pub(crate) deleted: bool,
}

impl QueueState {
    /// The state of a new queue, which accepts and delivers (QUE-24).
    pub(super) fn new(power: Power) -> Self {
        Self {
            accepting: true,
            dispatching: true,
            shut_down: false,
            cancels_dispatched: false,
            waiting: RequestList::new(),
            owned: RequestList::new(),
            owned_count: 0,
            cancelable: RequestList::new(),
            cancelled: RequestList::new(),
            canceled_on_queue: RequestList::new(),
            loops: 0,
            deferred: false,
            power,
            power_callbacks: 0,
            ready_notify: None,
            became_ready: false,
            stop_completion: None,
            purge_completion: None,
            deleted: false,
        }
    }

    /// Whether no request waits and the driver owns none.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.owned_count == 0
    }

    /// Whether the state and the power of the queue allow delivery.
    pub(super) fn is_open(&self) -> bool {
        self.dispatching && self.power == Power::On
    }

    /// Adds `request` to those that the driver owns.
    pub(super) fn give_to_driver(&mut self, request: Live<Request>) {
        request.clear_stop_notification();
        request.set_outstanding(true);
        self.owned.push_back(request);
        self.owned_count += 1;
    }

    /// Removes `request` from those that the driver owns.
    pub(super) fn take_from_driver(&mut self, request: Live<Request>) {
        request.set_outstanding(false);
        self.owned.remove(request);
        self.owned_count -= 1;
    }
}

/// Whether an operation cancels the requests that are in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Nothing,
    Everything,
}

impl Queue {
    /// Accepts and delivers again (QUE-42).
    pub(super) fn start(&self) {
        let mut state = self.state.lock();
        state.accepting = !state.shut_down && !state.deleted;
        state.dispatching = true;
        state.cancels_dispatched = false;
        state.became_ready |= !state.waiting.is_empty();
        self.dispatch(state, None);
    }

    /// Stops delivery (QUE-43), and cancels the requests if asked to (QUE-44).
    fn idle(&self, cancel: Cancel, completion: Option<Completion>) -> Result<(), NTSTATUS> {
        let mut state = self.state.lock();
        if state.deleted {
            return Err(STATUS_DELETE_PENDING);
        }
        if completion.is_some() {
            if state.stop_completion.is_some() {
                return Err(STATUS_INVALID_DEVICE_REQUEST);
            }
            state.stop_completion = completion;
        }
        state.accepting = !state.shut_down;
        state.dispatching = false;
        if cancel == Cancel::Everything {
            state.cancels_dispatched = true;
            state = self.cancel_requests(state);
        }
        self.dispatch(state, None);
        Ok(())
    }

    /// Stops accepting (QUE-45), and cancels the requests if asked to (QUE-46).
    fn drain(&self, cancel: Cancel, completion: Option<Completion>) -> Result<(), NTSTATUS> {
        let mut state = self.state.lock();
        if state.deleted {
            return Err(STATUS_DELETE_PENDING);
        }
        if completion.is_some() {
            if state.purge_completion.is_some() {
                return Err(STATUS_INVALID_DEVICE_REQUEST);
            }
            state.purge_completion = completion;
        }
        state.accepting = false;
        if cancel == Cancel::Everything {
            state.cancels_dispatched = self.globals().client_is_at_least(11);
            state = self.cancel_requests(state);
        }
        self.dispatch(state, None);
        Ok(())
    }

    pub(super) fn stop(&self, completion: Option<Completion>) -> Result<(), NTSTATUS> {
        self.idle(Cancel::Nothing, completion)
    }

    pub(super) fn stop_and_purge(&self, completion: Option<Completion>) -> Result<(), NTSTATUS> {
        self.idle(Cancel::Everything, completion)
    }

    pub(super) fn drain_queue(&self, completion: Option<Completion>) -> Result<(), NTSTATUS> {
        self.drain(Cancel::Nothing, completion)
    }

    pub(super) fn purge(&self, completion: Option<Completion>) -> Result<(), NTSTATUS> {
        self.drain(Cancel::Everything, completion)
    }

    /// Shuts the queue down and waits until the driver has completed its requests (QUE-60).
    pub(super) fn shut_for_good(&self) {
        let mut state = self.state.lock();
        state.deleted = true;
        state.accepting = false;
        state.cancels_dispatched = true;
        state = self.cancel_requests(state);
        self.dispatch(state, None);
        self.finished.wait_reported(self.globals());
        // The signalling thread holds the lock, and does not use the queue after releasing it.
        drop(self.state.lock());
    }
}

/// How many requests the driver may own at a time (QUE-15, QUE-20, QUE-30).
pub(super) fn limit(config: &QueueConfig) -> u32 {
    match config.dispatch_type {
        DispatchType::Sequential => 1,
        DispatchType::Parallel { limit } => limit,
        DispatchType::Manual => 0,
    }
}

/// Appends `request` to the waiting requests. `false` if it is already cancelled, and the caller has to
/// finish it (QUE-34).
#[must_use]
pub(super) fn append(state: &mut QueueState, request: Live<Request>) -> bool {
    if !cancel::arm(request) {
        return false;
    }
    state.became_ready |= state.waiting.is_empty();
    state.waiting.push_back(request);
    true
}

/// Puts `request` in front of the waiting requests. `false` if it is already cancelled, and the caller
/// has to finish it.
#[must_use]
pub(super) fn prepend(state: &mut QueueState, request: Live<Request>) -> bool {
    if !cancel::arm(request) {
        return false;
    }
    state.became_ready |= state.waiting.is_empty();
    state.waiting.push_front(request);
    true
}
