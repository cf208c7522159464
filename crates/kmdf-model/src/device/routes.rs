//! Which queue gets which requests (QUE-22, QUE-23, DEV-42), and iteration over a device's queues.

use super::Device;
use crate::object::FrameworkObject;
use crate::object::live::Live;
use crate::queue::{PowerAction, Queue};
use crate::support::sync::Locked;
use crate::support::verifier;
use core::cell::Cell;
use kmdf_sys::{
    IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ,
    IRP_MJ_WRITE, NTSTATUS, PFILE_OBJECT, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_WDF_BUSY,
};

/// The queues of a device, newest first.
struct QueueList {
    first: Option<Live<Queue>>,
    /// The number of the last iteration over the list.
    walk: u64,
}

/// The queues that a device sends its requests to.
///
/// # Invariants
///
/// The bindings are written before the device takes requests. A bound queue cannot be deleted by
/// the driver and lives as long as the device. `queues` holds each queue from the success of its
/// creation to the end of its disposal.
pub(super) struct Routes {
    default: Cell<Option<Live<Queue>>>,
    /// The queues of creates, reads, writes, device controls, internal device controls.
    bound: [Cell<Option<Live<Queue>>>; 5],
    /// The framework's own queue for EvtDeviceFileCreate.
    creates: Cell<Option<Live<Queue>>>,
    queues: Locked<QueueList>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self {
            default: Cell::new(None),
            bound: Default::default(),
            creates: Cell::new(None),
            queues: Locked::new(QueueList {
                first: None,
                walk: 0,
            }),
        }
    }
}

fn slot(major: u32) -> Option<usize> {
    match major {
        IRP_MJ_CREATE => Some(0),
        IRP_MJ_READ => Some(1),
        IRP_MJ_WRITE => Some(2),
        IRP_MJ_DEVICE_CONTROL => Some(3),
        IRP_MJ_INTERNAL_DEVICE_CONTROL => Some(4),
        _ => None,
    }
}

impl Device {
    /// The queue for a major function (QUE-26). Creates never go to the default queue (DEV-43).
    pub(crate) fn queue_for(&self, major: u32) -> Option<Live<Queue>> {
        let bound = self.routes.bound.get(slot(major)?)?.get();
        if major == IRP_MJ_CREATE {
            return bound;
        }
        bound.or(self.routes.default.get())
    }

    pub(crate) fn default_queue(&self) -> Option<Live<Queue>> {
        self.routes.default.get()
    }

    /// Makes `queue` the default queue; `false` if the device has one (QUE-18, QUE-22).
    pub(crate) fn set_default_queue(&self, queue: Live<Queue>) -> bool {
        if self.routes.default.get().is_some() {
            return false;
        }
        queue.bind();
        self.routes.default.set(Some(queue));
        true
    }

    pub(crate) fn create_queue(&self) -> Option<Live<Queue>> {
        self.routes.creates.get()
    }

    pub(crate) fn set_create_queue(&self, queue: Live<Queue>) {
        queue.bind();
        self.routes.creates.set(Some(queue));
    }

    /// Sends requests of one major function to `queue` (QUE-23).
    pub(super) fn bind_queue(&self, major: u32, queue: Live<Queue>) -> Result<(), NTSTATUS> {
        let reject = |message, status| {
            verifier::break_point(self.globals(), message);
            Err(status)
        };
        let bound = slot(major).and_then(|slot| self.routes.bound.get(slot));
        let Some(bound) = bound else {
            return Err(STATUS_INVALID_PARAMETER);
        };
        if !queue.config.suits(major) {
            let message =
                c"WdfDeviceConfigureRequestDispatching: the queue has no callback for this request type";
            return reject(message, STATUS_INVALID_DEVICE_REQUEST);
        }
        if self.routes.default.get() == Some(queue) {
            let message = c"WdfDeviceConfigureRequestDispatching: the queue is the default queue";
            return reject(message, STATUS_INVALID_DEVICE_REQUEST);
        }
        if bound.get().is_some() {
            if major == IRP_MJ_CREATE {
                return Err(STATUS_INVALID_PARAMETER);
            }
            let message = c"WdfDeviceConfigureRequestDispatching: another queue already gets this request type";
            return reject(message, STATUS_WDF_BUSY);
        }
        queue.bind();
        bound.set(Some(queue));
        Ok(())
    }

    pub(crate) fn add_queue(&self, queue: Live<Queue>) {
        let mut queues = self.routes.queues.lock();
        queue.next.set(queues.first);
        queues.first = Some(queue);
    }

    /// Removes a queue from the list, if it is in it.
    pub(crate) fn forget_queue(&self, queue: &Queue) {
        let mut queues = self.routes.queues.lock();
        let mut before: Option<Live<Queue>> = None;
        let mut next = queues.first;
        while let Some(current) = next {
            next = current.next.get();
            if core::ptr::eq(current.as_ptr(), queue) {
                match before {
                    Some(before) => before.next.set(next),
                    None => queues.first = next,
                }
                return;
            }
            before = Some(current);
        }
    }

    /// Calls `visit` for every queue that exists during the whole iteration.
    fn for_each_queue(&self, visit: impl Fn(&Queue)) {
        let walk = {
            let mut queues = self.routes.queues.lock();
            queues.walk += 1;
            queues.walk
        };
        while let Some(queue) = self.take_unvisited(walk) {
            visit(&queue);
            // SAFETY: `take_unvisited` took this reference.
            unsafe { queue.release() };
        }
    }

    /// A queue, referenced, that iteration number `walk` has not visited.
    fn take_unvisited(&self, walk: u64) -> Option<Live<Queue>> {
        let queues = self.routes.queues.lock();
        let mut all = core::iter::successors(queues.first, |queue| queue.next.get());
        let queue = all.find(|queue| queue.visited.get() < walk)?;
        queue.visited.set(walk);
        queue.reference();
        Some(queue)
    }

    pub(crate) fn power_queues(&self, action: PowerAction) {
        self.for_each_queue(|queue| queue.follow_power(action));
    }

    /// Cancels the waiting requests of a file object in every queue (QUE-61).
    pub(crate) fn flush_queues(&self, file: PFILE_OBJECT) {
        self.for_each_queue(|queue| queue.flush(file));
    }

    /// Whether queues may no longer be bound or made the default (QUE-6, QUE-7, DEV-42).
    pub(crate) fn has_started(&self) -> bool {
        if self.is_pnp() {
            self.pnp.has_left_init()
        } else {
            self.finished.get()
        }
    }

    /// Whether power-managed queues may deliver requests (QUE-56).
    pub(crate) fn is_powered(&self) -> bool {
        !self.is_pnp() || self.pnp.is_in_d0()
    }

    pub(super) fn is_own_queue(&self, queue: &Queue) -> bool {
        core::ptr::eq(queue.device.object(), self.object())
    }
}
