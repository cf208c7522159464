//! How a queue follows its device's power, and the driver's answer to EvtIoStop.

use super::Queue;
use super::state::{Power, prepend};
use crate::object::live::Live;
use crate::request::{Request, RequestList};

/// What a device asks of its queues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PowerAction {
    /// The device is in D0.
    Start,
    /// The device leaves D0 and may come back.
    Hold,
    /// The device goes: power-managed queues shut down (QUE-59).
    PurgeManaged,
    /// The device goes: the other queues shut down.
    PurgeNonManaged,
}

impl Queue {
    /// Does what the device asks, and waits until it is done (QUE-57, DEV-58). PASSIVE_LEVEL.
    pub(crate) fn follow_power(&self, action: PowerAction) {
        let concerned = self.config.power_managed != (action == PowerAction::PurgeNonManaged);
        if !concerned {
            return;
        }
        match action {
            PowerAction::Start => self.power_up(),
            PowerAction::Hold => self.power_down(false),
            PowerAction::PurgeManaged | PowerAction::PurgeNonManaged => self.power_down(true),
        }
    }

    fn power_up(&self) {
        let mut state = self.state.lock();
        if state.power == Power::Off {
            state.power = Power::Resuming;
            self.dispatch(state, None);
        }
    }

    fn power_down(&self, purge: bool) {
        let mut state = self.state.lock();
        if state.deleted || (state.power == Power::Off && !purge) {
            return;
        }
        self.power_settled.reset();
        for request in state.owned.iter() {
            request.clear_stop_notification();
        }
        if purge {
            state.shut_down = true;
            state.accepting = false;
            state.cancels_dispatched = true;
            state = self.cancel_requests(state);
        }
        state.power = Power::Stopping { purge };
        self.dispatch(state, None);
        self.power_settled.wait_reported(self.globals());
        // Signalled with the lock held.
        drop(self.state.lock());
    }

    /// The driver has seen EvtIoStop for `request`: it keeps it, or gives it back to be presented
    /// again.
    pub(crate) fn acknowledge_stop(&self, request: Live<Request>, requeue: bool) {
        let mut state = self.state.lock();
        if requeue {
            state.take_from_driver(request);
            request.set_driver_owned(false);
            if !prepend(&mut state, request) {
                let mut leaving = RequestList::new();
                self.cancel_waiting(&mut state, request, &mut leaving);
                state = self.finish_leaving(state, leaving);
            }
        } else {
            request.acknowledge_stop();
        }
        self.dispatch_unless_active(state);
    }
}
