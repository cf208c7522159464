//! I/O queues, and the handler that takes their requests.

use crate::context::{self, Context};
use crate::device::Device;
use crate::irql::{AtMostDispatch, ExecutionLevel};
use crate::object::ObjectRef;
use crate::request::{Handled, Kind, Request};
use crate::status::{Error, Result, check};
use core::marker::PhantomData;
use core::ptr::null_mut;
use kmdf_sys::{
    _WDF_IO_QUEUE_CONFIG__bindgen_ty_1, _WDF_IO_QUEUE_CONFIG__bindgen_ty_1__bindgen_ty_1,
    _WDF_IO_QUEUE_DISPATCH_TYPE, _WDF_SYNCHRONIZATION_SCOPE, _WDF_TRI_STATE, ULONG,
    WDF_EXECUTION_LEVEL, WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WDFCONTEXT, WDFQUEUE,
    WDFREQUEST, call_unsafe_wdf_function_binding,
};

/// How many requests of a queue the driver handles at a time: `WDF_IO_QUEUE_DISPATCH_TYPE`.
///
/// Source: "WDF_IO_QUEUE_DISPATCH_TYPE enumeration (wdfio.h)".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispatchType {
    /// `WdfIoQueueDispatchSequential`: the next one when the one before is completed.
    Sequential,
    /// `WdfIoQueueDispatchParallel`: as they come, on any number of threads.
    Parallel,
}

/// What a driver does with the requests of a queue: the context of the queue.
///
/// Each request must be completed or forwarded: the methods return [`Handled`], which only these two
/// give, so that a lost request is a compile error.
pub trait IoHandler: Context {
    /// The level at which the framework calls: [`Passive`](crate::Passive) or
    /// [`Dispatch`](crate::Dispatch).
    type Level: ExecutionLevel;

    /// Whether the queue takes read and write requests, for [`IoHandler::read`] and [`IoHandler::write`].
    /// If not, the framework completes them with STATUS_INVALID_DEVICE_REQUEST.
    const READS_AND_WRITES: bool = false;

    /// `EvtIoDeviceControl`: a device control request has arrived. IRQL: as [`IoHandler::Level`].
    ///
    /// A handler without this method completes device controls with STATUS_INVALID_DEVICE_REQUEST, as
    /// the framework does for a queue without the callback.
    ///
    /// Source: "EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL callback function (wdfio.h)".
    fn device_control<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        code: u32,
        irql: &mut Self::Level,
    ) -> Handled<'r> {
        let _ = (queue, code, irql);
        request.complete(Err(Error::INVALID_DEVICE_REQUEST))
    }

    /// `EvtIoRead`: a read request, of more than zero bytes, has arrived. IRQL: as
    /// [`IoHandler::Level`].
    ///
    /// Source: "EVT_WDF_IO_QUEUE_IO_READ callback function (wdfio.h)".
    fn read<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        irql: &mut Self::Level,
    ) -> Handled<'r> {
        let _ = (queue, irql);
        request.complete(Err(Error::INVALID_DEVICE_REQUEST))
    }

    /// `EvtIoWrite`: a write request, of more than zero bytes, has arrived. IRQL: as
    /// [`IoHandler::Level`].
    ///
    /// It is completed with the number of bytes consumed: see [`Request::complete_with`].
    ///
    /// Source: "EVT_WDF_IO_QUEUE_IO_WRITE callback function (wdfio.h)".
    fn write<'r>(
        &self,
        queue: Queue<'_>,
        request: Request<'r>,
        irql: &mut Self::Level,
    ) -> Handled<'r> {
        let _ = (queue, irql);
        request.complete(Err(Error::INVALID_DEVICE_REQUEST))
    }
}

/// A `WDFQUEUE`, borrowed: its device owns it.
///
/// # Invariants
///
/// `object` is a queue.
#[derive(Clone, Copy, Debug)]
pub struct Queue<'a> {
    object: ObjectRef<'a>,
}

impl<'a> Queue<'a> {
    /// Borrows a queue by its handle.
    ///
    /// # Safety
    ///
    /// `handle` is a queue that is not destroyed for `'a`.
    const unsafe fn new(handle: WDFQUEUE) -> Self {
        // SAFETY: A queue is a framework object, and the caller guarantees that it lives for `'a`.
        let object = unsafe { ObjectRef::new(handle.cast()) };
        // INVARIANT: The caller guarantees that it is a queue.
        Self { object }
    }

    pub(crate) const fn handle(self) -> WDFQUEUE {
        self.object.handle().cast()
    }

    /// `WdfObjectGetTypedContext`: a context of the queue. IRQL: any.
    ///
    /// # Errors
    ///
    /// [`Error::NOT_FOUND`] if it has none of this type; [`Error::DEVICE_NOT_READY`] if that is not
    /// there yet.
    ///
    /// Source: "WdfObjectGetTypedContext macro (wdfobject.h)".
    pub fn context<T: Context>(self) -> Result<&'a T> {
        self.object.context()
    }

    /// `WdfObjectAllocateContext`: gives the queue one more context, of another type. It is dropped
    /// when the queue is destroyed. IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_DEVICE_STATE`] if there is a value of this type already;
    /// [`Error::INSUFFICIENT_RESOURCES`]; [`Error::DELETE_PENDING`] if the queue is being deleted. The
    /// value is dropped then.
    ///
    /// Source: "WdfObjectAllocateContext function (wdfobject.h)".
    pub fn attach<T: Context>(self, value: T) -> Result<&'a T> {
        self.object.attach(value)
    }

    /// `WdfIoQueueGetDevice`: the queue's device. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfIoQueueGetDevice function (wdfio.h)".
    pub fn device(self) -> Device<'a> {
        // SAFETY: The queue is alive by the type invariant.
        let device =
            unsafe { call_unsafe_wdf_function_binding!(WdfIoQueueGetDevice, self.handle()) };
        // SAFETY: A queue is a descendant of its device, which is destroyed after it.
        unsafe { Device::new(device) }
    }
}

/// A `WDFQUEUE` of manual dispatch type, to be stored by the driver: it keeps requests until the driver
/// takes them.
///
/// The value does not keep the queue alive, which is deleted with its device: [`ManualQueue::of`] gives
/// access to the queue for as long as its device is borrowed.
///
/// # Invariants
///
/// `handle` is a manual queue of the device whose context of type `D` has this serial number, and
/// alive as long as that device.
#[derive(Debug)]
pub struct ManualQueue<D: Context> {
    handle: WDFQUEUE,
    serial: u64,
    device: PhantomData<fn() -> D>,
}

// SAFETY: The handle is used by way of `Queue` only, which may be sent.
unsafe impl<D: Context> Send for ManualQueue<D> {}
// SAFETY: The handle is used by way of `Queue` only, which may be shared.
unsafe impl<D: Context> Sync for ManualQueue<D> {}

impl<D: Context> ManualQueue<D> {
    /// Borrows the queue from its device. IRQL: any.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_HANDLE`] for another device than the queue's.
    pub fn of<'a>(&self, device: Device<'a>) -> Result<WaitingRequests<'a>> {
        if device.serial::<D>() != Ok(self.serial) {
            return Err(Error::INVALID_HANDLE);
        }
        // SAFETY: The serial number says that this is the queue's device, and the queue is alive as long as
        // that by the type invariant, so for `'a`.
        let queue = unsafe { Queue::new(self.handle) };
        Ok(WaitingRequests { queue })
    }
}

/// The queue of a [`ManualQueue`], borrowed: requests are forwarded to it and taken from it.
///
/// # Invariants
///
/// `queue` is a manual queue.
#[derive(Clone, Copy, Debug)]
pub struct WaitingRequests<'a> {
    queue: Queue<'a>,
}

impl<'a> WaitingRequests<'a> {
    pub(crate) const fn queue(self) -> Queue<'a> {
        self.queue
    }

    /// `WdfIoQueueGetDevice`: the queue's device. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfIoQueueGetDevice function (wdfio.h)".
    pub fn device(self) -> Device<'a> {
        self.queue.device()
    }

    /// `WdfIoQueueRetrieveNextRequest`: takes the oldest request and calls `handle` with it.
    /// IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// STATUS_NO_MORE_ENTRIES if there is none; STATUS_WDF_PAUSED while the device has no power or
    /// is being removed.
    ///
    /// Source: "WdfIoQueueRetrieveNextRequest function (wdfio.h)".
    pub fn take_next(
        self,
        _irql: &impl AtMostDispatch,
        handle: impl for<'r> FnOnce(Request<'r>) -> Handled<'r>,
    ) -> Result<()> {
        let mut request = null_mut();
        // SAFETY: The queue is alive and a manual one by the type invariants.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfIoQueueRetrieveNextRequest,
                self.queue.handle(),
                &mut request
            )
        })?;
        // SAFETY: The call gave the request to the driver; manual queues of this crate get what was
        // forwarded: reads, writes and device controls.
        let kind = unsafe { Kind::of(request) };
        // SAFETY: The call gave the request to the driver, `kind` is what it is, and the lifetime ends
        // with this function.
        let request = unsafe { Request::new(request, kind) };
        let _ = handle(request);
        Ok(())
    }
}

/// What a driver does when requests have come into a manual queue: the context of the queue.
pub trait ReadyHandler: Context {
    /// The level at which the framework calls: [`Passive`](crate::Passive) or
    /// [`Dispatch`](crate::Dispatch).
    type Level: ExecutionLevel;

    /// `EvtIoQueueState` of `WdfIoQueueReadyNotify`: the queue was empty and has requests now, or it has
    /// requests and the device has got its power back. IRQL: as [`ReadyHandler::Level`].
    ///
    /// There is no further call for requests that come before the queue has become empty.
    ///
    /// Source: "WdfIoQueueReadyNotify function (wdfio.h)".
    fn ready(&self, waiting: WaitingRequests<'_>, irql: &mut Self::Level);
}

/// `WdfIoQueueCreate` of a queue without callbacks.
pub(crate) fn create_manual<D: Context>(device: Device<'_>) -> Result<ManualQueue<D>> {
    create_manual_with_attributes(device, null_mut())
}

/// `WdfIoQueueCreate` of a queue without I/O callbacks, and `WdfIoQueueReadyNotify`.
pub(crate) fn create_manual_with<D: Context, H: ReadyHandler>(
    device: Device<'_>,
    handler: H,
) -> Result<ManualQueue<D>> {
    let queue = create_manual_with_attributes(device, &mut attributes_of::<H>(H::Level::LEVEL))?;
    // SAFETY: The queue was created above; the device owns it, and is borrowed.
    unsafe { Queue::new(queue.handle) }.object.fill(handler)?;
    // SAFETY: The queue is a manual one with a context of type `H`, and has no such callback yet.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueReadyNotify,
            queue.handle,
            Some(ready::<H>),
            null_mut()
        )
    })?;
    Ok(queue)
}

/// `attributes`: NULL, or those of the queue.
fn create_manual_with_attributes<D: Context>(
    device: Device<'_>,
    attributes: *mut WDF_OBJECT_ATTRIBUTES,
) -> Result<ManualQueue<D>> {
    let serial = device.serial::<D>()?;
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as ULONG,
        PowerManaged: _WDF_TRI_STATE::WdfUseDefault,
        DispatchType: _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchManual,
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    let mut handle = null_mut();
    // SAFETY: The device is borrowed, so alive, and the structure is set up as its `INIT` function does.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueCreate,
            device.handle(),
            &mut config,
            attributes,
            &mut handle
        )
    })?;
    // INVARIANT: The queue was created above, of manual dispatch type, for this device, which owns it.
    Ok(ManualQueue {
        handle,
        serial,
        device: PhantomData,
    })
}

/// Attributes of a queue with a context of type `C`, whose callbacks are made at this level.
fn attributes_of<C: Context>(level: WDF_EXECUTION_LEVEL) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        ExecutionLevel: level,
        // The handler is `Sync`, so it needs no lock of the framework, which at the Dispatch level would
        // raise the IRQL for every callback (QUE-37).
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeNone,
        ..context::attributes::<C>(null_mut())
    }
}

/// `WdfIoQueueCreate` of the default queue.
pub(crate) fn create<'a, Q: IoHandler>(
    device: Device<'a>,
    dispatch_type: DispatchType,
    handler: Q,
) -> Result<Queue<'a>> {
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as ULONG,
        PowerManaged: _WDF_TRI_STATE::WdfUseDefault,
        DefaultQueue: u8::from(true),
        EvtIoDeviceControl: Some(device_control::<Q>),
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    match dispatch_type {
        DispatchType::Sequential => {
            config.DispatchType = _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchSequential;
        }
        DispatchType::Parallel => {
            config.DispatchType = _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchParallel;
            // All bits set means any number of requests; zero would present none (QUE-20).
            config.Settings = _WDF_IO_QUEUE_CONFIG__bindgen_ty_1 {
                Parallel: _WDF_IO_QUEUE_CONFIG__bindgen_ty_1__bindgen_ty_1 {
                    NumberOfPresentedRequests: ULONG::MAX,
                },
            };
        }
    }
    if Q::READS_AND_WRITES {
        config.EvtIoRead = Some(read::<Q>);
        config.EvtIoWrite = Some(write::<Q>);
    }
    let mut attributes = attributes_of::<Q>(Q::Level::LEVEL);
    let mut handle = null_mut();
    // SAFETY: The device is borrowed, so alive, and the structures are set up as their `INIT` functions
    // do.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueCreate,
            device.handle(),
            &mut config,
            &mut attributes,
            &mut handle
        )
    })?;
    // SAFETY: The queue was created above; the device owns it, so it lasts for `'a`.
    let queue = unsafe { Queue::new(handle) };
    queue.object.fill(handler)?;
    Ok(queue)
}

/// `EvtIoQueueState`.
///
/// # Safety
///
/// Called by the framework, for a queue made by `create_manual_with` for the same `H`.
unsafe extern "C" fn ready<H: ReadyHandler>(queue: WDFQUEUE, _context: WDFCONTEXT) {
    // SAFETY: The queue was made with this execution level.
    let mut irql = unsafe { H::Level::claim() };
    // SAFETY: A queue is not destroyed while one of its callbacks runs (QUE-60, QUE-62).
    let queue = unsafe { Queue::new(queue) };
    if let Ok(handler) = queue.context::<H>() {
        // INVARIANT: `create_manual_with` makes manual queues.
        handler.ready(WaitingRequests { queue }, &mut irql);
    }
}

/// `EvtIoDeviceControl`.
///
/// # Safety
///
/// Called by the framework, for a queue made by `create` for the same `Q`.
unsafe extern "C" fn device_control<Q: IoHandler>(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    output: usize,
    input: usize,
    code: ULONG,
) {
    let kind = Kind::Control {
        code,
        input,
        output,
    };
    // SAFETY: The framework calls this for a queue of `create`, with a device control request that it
    // presents.
    unsafe {
        present::<Q>(queue, request, kind, |handler, queue, request, irql| {
            handler.device_control(queue, request, code, irql)
        })
    };
}

/// `EvtIoRead`.
///
/// # Safety
///
/// Called by the framework, for a queue made by `create` for the same `Q`.
unsafe extern "C" fn read<Q: IoHandler>(queue: WDFQUEUE, request: WDFREQUEST, length: usize) {
    // SAFETY: The framework calls this for a queue of `create`, with a read request that it presents.
    unsafe { present::<Q>(queue, request, Kind::Read { length }, Q::read) };
}

/// `EvtIoWrite`.
///
/// # Safety
///
/// Called by the framework, for a queue made by `create` for the same `Q`.
unsafe extern "C" fn write<Q: IoHandler>(queue: WDFQUEUE, request: WDFREQUEST, length: usize) {
    // SAFETY: The framework calls this for a queue of `create`, with a write request that it presents.
    unsafe { present::<Q>(queue, request, Kind::Write { length }, Q::write) };
}

/// Calls `handle` with a request that the framework presents.
///
/// # Safety
///
/// Called from a callback of a queue made by `create` for the same `Q`, with the request that was
/// presented to it, which is of this kind.
unsafe fn present<Q: IoHandler>(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    kind: Kind,
    handle: impl for<'q, 'r> FnOnce(&Q, Queue<'q>, Request<'r>, &mut Q::Level) -> Handled<'r>,
) {
    // SAFETY: The queue was made with this execution level.
    let mut irql = unsafe { Q::Level::claim() };
    // SAFETY: A queue is not destroyed while one of its callbacks runs (QUE-60, QUE-62).
    let queue = unsafe { Queue::new(queue) };
    // SAFETY: The caller guarantees that the request was presented to it as this kind, and the lifetime
    // ends with this function.
    let request = unsafe { Request::new(request, kind) };
    let _ = match queue.context::<Q>() {
        Ok(handler) => handle(handler, queue, request, &mut irql),
        Err(error) => request.complete(Err(error)),
    };
}
