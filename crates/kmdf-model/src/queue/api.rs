//! The calls that start, stop, drain and purge a queue, and ask for its state.

use super::Queue;
use super::state::{Completion, Power};
use crate::driver::globals::Globals;
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

/// # Safety
///
/// As for the call: bound globals, and NULL or the handle of a live object.
unsafe fn queue<'a>(globals: PWDF_DRIVER_GLOBALS, call: &CStr, queue: WDFQUEUE) -> &'a Queue {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    unsafe { handle::typed(globals, call, queue.cast()) }
}

/// An operation that ends when the queue has come to rest.
type Operation = fn(&Queue, Option<Completion>) -> Result<(), NTSTATUS>;

impl Queue {
    /// QUE-48
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

    /// QUE-49
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
        #[doc = concat!("# Safety\n\nAs for the function table's ", $call, ": bound globals, a handle.")]
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
            // SAFETY: By the contract of this function.
            unsafe { queue(globals, CALL, handle) }.run_asynchronously($operation, callback, context);
        }

        #[doc = concat!("# Safety\n\nAs for the function table's ", $call_synchronously, ": bound globals, a handle.")]
        pub(crate) unsafe extern "C" fn $name_synchronously(
            globals: PWDF_DRIVER_GLOBALS,
            handle: WDFQUEUE,
        ) {
            const CALL: &CStr = match CStr::from_bytes_with_nul(concat!($call_synchronously, "\0").as_bytes()) {
                Ok(call) => call,
                Err(_) => unreachable!(),
            };
            // SAFETY: By the contract of this function.
            unsafe { queue(globals, CALL, handle) }.run_synchronously($operation, CALL);
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

/// # Safety
///
/// As for the function table's WdfIoQueueStart: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_io_queue_start(globals: PWDF_DRIVER_GLOBALS, handle: WDFQUEUE) {
    // SAFETY: By the contract of this function.
    unsafe { queue(globals, c"WdfIoQueueStart", handle) }.start();
}

/// QUE-50
///
/// # Safety
///
/// As for the function table's WdfIoQueueGetState: bound globals, a handle, pointers valid or NULL.
pub(crate) unsafe extern "C" fn wdf_io_queue_get_state(
    globals: PWDF_DRIVER_GLOBALS,
    handle: WDFQUEUE,
    queue_requests: PULONG,
    driver_requests: PULONG,
) -> WDF_IO_QUEUE_STATE {
    use _WDF_IO_QUEUE_STATE as Bit;
    // SAFETY: By the contract of this function.
    let queue = unsafe { queue(globals, c"WdfIoQueueGetState", handle) };
    let state = queue.state.lock();
    let (waiting, owned) = (state.waiting.len(), state.owned_count);
    let held = queue.config.power_managed && state.power != Power::On;
    let bits = [
        (state.accepting, Bit::WdfIoQueueAcceptRequests),
        (state.dispatching, Bit::WdfIoQueueDispatchRequests),
        (waiting == 0, Bit::WdfIoQueueNoRequests),
        (owned == 0, Bit::WdfIoQueueDriverNoRequests),
        (held, Bit::WdfIoQueuePnpHeld),
    ];
    drop(state);
    if !queue_requests.is_null() {
        // SAFETY: By the contract of this function.
        unsafe { queue_requests.write(waiting) };
    }
    if !driver_requests.is_null() {
        // SAFETY: As above.
        unsafe { driver_requests.write(owned) };
    }
    let set = bits.iter().filter(|(is_set, _)| *is_set);
    set.fold(0, |value, (_, bit)| value | bit)
}

/// # Safety
///
/// As for the function table's WdfIoQueueGetDevice: bound globals, a handle.
pub(crate) unsafe extern "C" fn wdf_io_queue_get_device(
    globals: PWDF_DRIVER_GLOBALS,
    handle: WDFQUEUE,
) -> WDFDEVICE {
    // SAFETY: By the contract of this function.
    let queue = unsafe { queue(globals, c"WdfIoQueueGetDevice", handle) };
    queue.device.handle().cast()
}
