//! How a queue follows its device's power, and WdfRequestStopAcknowledge.

use super::Queue;
use super::state::{Power, prepend};
use crate::object::live::Live;
use crate::request::{Request, RequestList};

/// A change of the device's power that its queues follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PowerAction {
    /// The device is in D0: power-managed queues deliver.
    Start,
    /// The device leaves D0 and may return: power-managed queues stop delivery.
    Hold,
    /// The device is removed: power-managed queues shut down (QUE-59).
    PurgeManaged,
    /// The device is removed: the other queues shut down.
    PurgeNonManaged,
}

impl Queue {
    /// Follows the device's power, and waits until the driver has stopped (QUE-57, DEV-58). PASSIVE_LEVEL.
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
        // The signalling thread holds the lock, and does not use the queue after releasing it.
        drop(self.state.lock());
    }

    /// WdfRequestStopAcknowledge: the driver keeps `request`, or returns it to be delivered again.
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
