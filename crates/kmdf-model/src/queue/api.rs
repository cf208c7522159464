//! The calls that start, stop, drain and purge a queue, and ask for its state.

use super::Queue;
use super::state::{Completion, Power};
use crate::object::FrameworkObject;
use crate::object::handle;
use crate::support::sync::Event;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::NonNull;
use kmdf_sys::{
    _WDF_IO_QUEUE_STATE, NTSTATUS, PASSIVE_LEVEL, PFN_WDF_IO_QUEUE_STATE, PULONG,
    PWDF_DRIVER_GLOBALS, WDF_IO_QUEUE_STATE, WDFCONTEXT, WDFDEVICE, WDFQUEUE,
};

/// An operation that is complete when the driver owns no more requests of the queue.
type Operation = fn(&Queue, Option<Completion>) -> Result<(), NTSTATUS>;

impl Queue {
    /// Starts an operation, whose end the driver's callback reports (QUE-48).
    fn run_asynchronously(
        &self,
        operation: Operation,
        callback: PFN_WDF_IO_QUEUE_STATE,
        context: WDFCONTEXT,
    ) {
        let completion = callback.map(|callback| Completion::Driver(callback, context));
        if let Err(status) = operation(self, completion) {
            self.fatal_error(status);
        }
    }

    /// Starts an operation and waits for its end (QUE-49).
    fn run_synchronously(&self, operation: Operation, call: &CStr) {
        if verifier::check_irql(self.globals(), call, PASSIVE_LEVEL).is_err() {
            return;
        }
        let done = Event::new();
        done.initialize();
        if let Err(status) = operation(self, Some(Completion::Waiter(NonNull::from(&done)))) {
            self.fatal_error(status);
        }
        done.wait_reported(self.globals());
    }
}

macro_rules! control_calls {
    ($($name:ident, $name_synchronously:ident, $call:literal, $call_synchronously:literal: $operation:path;)*) => {$(
        #[doc = concat!($call, ": starts the operation, whose end `callback` reports (QUE-48).")]
        ///
        /// # Safety
        ///
        /// `globals` must be those that WdfVersionBind gave the caller, and `handle` NULL or the handle
        /// of a live object.
        pub(crate) unsafe extern "C" fn $name(
            globals: PWDF_DRIVER_GLOBALS,
            handle: WDFQUEUE,
            callback: PFN_WDF_IO_QUEUE_STATE,
            context: WDFCONTEXT,
        ) {
            const CALL: &CStr = match CStr::from_bytes_with_nul(concat!($call, "\0").as_bytes()) {
                Ok(call) => call,
                Err(_) => unreachable!(),
            };
            // SAFETY: `globals` is bound and `handle` NULL or live, as the caller guarantees.
            let queue = unsafe { handle::resolve::<Queue>(globals, CALL, handle.cast()) };
            queue.run_asynchronously($operation, callback, context);
        }

        #[doc = concat!($call_synchronously, ": starts the operation and waits for its end (QUE-49).")]
        ///
        /// # Safety
        ///
        /// `globals` must be those that WdfVersionBind gave the caller, and `handle` NULL or the handle
        /// of a live object.
        pub(crate) unsafe extern "C" fn $name_synchronously(
            globals: PWDF_DRIVER_GLOBALS,
            handle: WDFQUEUE,
        ) {
            const CALL: &CStr = match CStr::from_bytes_with_nul(concat!($call_synchronously, "\0").as_bytes()) {
                Ok(call) => call,
                Err(_) => unreachable!(),
            };
            // SAFETY: `globals` is bound and `handle` NULL or live, as the caller guarantees.
            let queue = unsafe { handle::resolve::<Queue>(globals, CALL, handle.cast()) };
            queue.run_synchronously($operation, CALL);
        }
    )*};
}

control_calls! {
    wdf_io_queue_stop, wdf_io_queue_stop_synchronously,
        "WdfIoQueueStop", "WdfIoQueueStopSynchronously": Queue::stop;
    wdf_io_queue_stop_and_purge, wdf_io_queue_stop_and_purge_synchronously,
        "WdfIoQueueStopAndPurge", "WdfIoQueueStopAndPurgeSynchronously": Queue::stop_and_purge;
    wdf_io_queue_drain, wdf_io_queue_drain_synchronously,
        "WdfIoQueueDrain", "WdfIoQueueDrainSynchronously": Queue::drain_queue;
    wdf_io_queue_purge, wdf_io_queue_purge_synchronously,
        "WdfIoQueuePurge", "WdfIoQueuePurgeSynchronously": Queue::purge;
}

/// WdfIoQueueStart: accepts and delivers requests again.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `handle` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_io_queue_start(globals: PWDF_DRIVER_GLOBALS, handle: WDFQUEUE) {
    // SAFETY: `globals` is bound and `handle` NULL or live, as the caller guarantees.
    let queue = unsafe { handle::resolve::<Queue>(globals, c"WdfIoQueueStart", handle.cast()) };
    queue.start();
}

/// WdfIoQueueGetState: the state bits and the numbers of waiting and driver-owned requests
/// (QUE-50).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `handle` NULL or the handle of
/// a live object. `queue_requests` and `driver_requests` must each be NULL or writable.
pub(crate) unsafe extern "C" fn wdf_io_queue_get_state(
    globals: PWDF_DRIVER_GLOBALS,
    handle: WDFQUEUE,
    queue_requests: PULONG,
    driver_requests: PULONG,
) -> WDF_IO_QUEUE_STATE {
    use _WDF_IO_QUEUE_STATE as Bit;
    const CALL: &CStr = c"WdfIoQueueGetState";
    // SAFETY: `globals` is bound and `handle` NULL or live, as the caller guarantees.
    let queue = unsafe { handle::resolve::<Queue>(globals, CALL, handle.cast()) };
    let state = queue.state.lock();
    let (waiting, owned) = (state.waiting.len(), state.owned_count);
    let in_low_power = queue.config.power_managed && state.power != Power::On;
    let bits = [
        (state.accepting, Bit::WdfIoQueueAcceptRequests),
        (state.dispatching, Bit::WdfIoQueueDispatchRequests),
        (waiting == 0, Bit::WdfIoQueueNoRequests),
        (owned == 0, Bit::WdfIoQueueDriverNoRequests),
        (in_low_power, Bit::WdfIoQueuePnpHeld),
    ];
    drop(state);
    // SAFETY: `queue_requests` is NULL or writable, as the caller guarantees.
    unsafe { verifier::write_optional(queue_requests, waiting) };
    // SAFETY: `driver_requests` is NULL or writable, as the caller guarantees.
    unsafe { verifier::write_optional(driver_requests, owned) };
    let set = bits.iter().filter(|(is_set, _)| *is_set);
    set.fold(0, |value, (_, bit)| value | bit)
}

/// WdfIoQueueGetDevice: the device that the queue belongs to.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `handle` NULL or the handle of
/// a live object.
pub(crate) unsafe extern "C" fn wdf_io_queue_get_device(
    globals: PWDF_DRIVER_GLOBALS,
    handle: WDFQUEUE,
) -> WDFDEVICE {
    const CALL: &CStr = c"WdfIoQueueGetDevice";
    // SAFETY: `globals` is bound and `handle` NULL or live, as the caller guarantees.
    let queue = unsafe { handle::resolve::<Queue>(globals, CALL, handle.cast()) };
    queue.device.handle().cast()
}
