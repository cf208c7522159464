//! What a queue knows from moment to moment, and the calls that start, stop, drain and purge it.

use super::{Config, Kind, Queue, cancel};
use crate::object::live::Live;
use crate::request::{CANCELLATION, POSSESSION, Request, RequestList};
use crate::support::sync::Event;
use core::ptr::NonNull;
use kmdf_sys::{
    NTSTATUS, STATUS_DELETE_PENDING, STATUS_INVALID_DEVICE_REQUEST, WDFCONTEXT, WDFQUEUE,
};

/// Who is told that a queue has come to rest.
#[derive(Clone, Copy)]
pub(crate) enum Completion {
    Driver(unsafe extern "C" fn(WDFQUEUE, WDFCONTEXT), WDFCONTEXT),
    /// The event of a thread that waits for it, hence alive.
    Waiter(NonNull<Event>),
}

/// Where a queue stands with its device's power (QUE-56, QUE-57).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    On,
    /// Nothing is presented; the device is not in D0, or being removed.
    Off,
    /// The driver is being told of each request it owns, and has to finish or acknowledge it.
    Stopping {
        purge: bool,
    },
    /// The driver is being told that it may go on with the requests it had acknowledged.
    Resuming,
}

/// A queue's changing part, under the queue's lock.
pub(crate) struct State {
    pub(crate) accepting: bool,
    pub(crate) dispatching: bool,
    /// Set for good by the removal of the device (QUE-59).
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
    /// Threads in the dispatch loop.
    pub(crate) loops: u32,
    /// A work item or DPC is on its way into the dispatch loop.
    pub(crate) deferred: bool,
    pub(crate) power: Power,
    /// Power callbacks that run; cancellation waits for them (REQ-52).
    pub(crate) power_callbacks: u32,
    pub(crate) ready_notify: Option<Completion>,
    /// The queue was empty and is not any more, which `ready_notify` was not told yet.
    pub(crate) became_ready: bool,
    pub(crate) stop_completion: Option<Completion>,
    pub(crate) purge_completion: Option<Completion>,
    /// The queue object is being deleted.
    pub(crate) deleted: bool,
}

impl State {
    /// QUE-24
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

    /// Nothing waits and the driver owns nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.owned_count == 0
    }

    /// Whether the driver may be given requests, as far as state and power go.
    pub(super) fn is_open(&self) -> bool {
        self.dispatching && self.power == Power::On
    }

    /// The driver takes `request`.
    pub(super) fn give_to_driver(&mut self, request: Live<Request>) {
        request.clear_stop_notification();
        request.set_outstanding(true);
        self.owned.push_back(request);
        self.owned_count += 1;
    }

    /// The driver gives `request` back.
    pub(super) fn take_from_driver(&mut self, request: Live<Request>) {
        request.set_outstanding(false);
        self.owned.remove(request);
        self.owned_count -= 1;
    }
}

/// What a stop or purge does with the requests that are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Nothing,
    Everything,
}

impl Queue {
    /// QUE-42
    pub(super) fn start(&self) {
        let mut state = self.state.lock();
        state.accepting = !state.shut_down && !state.deleted;
        state.dispatching = true;
        state.cancels_dispatched = false;
        state.became_ready |= !state.waiting.is_empty();
        self.dispatch(state, None);
    }

    /// QUE-43, and with `cancel` QUE-44.
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

    /// QUE-45, and with `cancel` QUE-46.
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

    /// The part of deletion that waits for the driver (QUE-60).
    pub(super) fn shut_for_good(&self) {
        let mut state = self.state.lock();
        state.deleted = true;
        state.accepting = false;
        state.cancels_dispatched = true;
        state = self.cancel_requests(state);
        self.dispatch(state, None);
        self.finished.wait_reported(self.globals());
        // Signalled with the lock held, by a thread that is done with the queue once it is free.
        drop(self.state.lock());
    }
}

/// QUE-15, QUE-20, QUE-30: how many requests the driver may own.
pub(super) fn limit(config: &Config) -> u32 {
    match config.kind {
        Kind::Sequential => 1,
        Kind::Parallel { limit } => limit,
        Kind::Manual => 0,
    }
}

/// Puts `request` behind those that wait. `false` if it is cancelled already, and still the
/// caller's to finish (QUE-34).
#[must_use]
pub(super) fn append(state: &mut State, request: Live<Request>) -> bool {
    if !cancel::arm(request) {
        return false;
    }
    state.became_ready |= state.waiting.is_empty();
    state.waiting.push_back(request);
    true
}

/// Puts `request` in front of those that wait; `false` as for [`append`].
#[must_use]
pub(super) fn prepend(state: &mut State, request: Live<Request>) -> bool {
    if !cancel::arm(request) {
        return false;
    }
    state.became_ready |= state.waiting.is_empty();
    state.waiting.push_front(request);
    true
}
