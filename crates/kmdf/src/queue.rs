//! I/O queues, and the handler that takes their requests.

use crate::context::{self, Context};
use crate::device::Device;
use crate::irql::{AtMostDispatch, ExecutionLevel};
use crate::request::{Handled, Kind, Request};
use crate::status::{Error, Result, check};
use core::marker::PhantomData;
use core::ptr::null_mut;
use kmdf_sys::{
    _WDF_IO_QUEUE_CONFIG__bindgen_ty_1, _WDF_IO_QUEUE_CONFIG__bindgen_ty_1__bindgen_ty_1,
    _WDF_IO_QUEUE_DISPATCH_TYPE, _WDF_SYNCHRONIZATION_SCOPE, _WDF_TRI_STATE, ULONG,
    WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WDFQUEUE, WDFREQUEST,
    call_unsafe_wdf_function_binding,
};

/// How many requests of a queue the driver handles at a time: `WDF_IO_QUEUE_DISPATCH_TYPE`.
///
/// Source: "WDF_IO_QUEUE_DISPATCH_TYPE enumeration (wdfio.h)".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispatchType {
    /// `WdfIoQueueDispatchSequential`: the next one when the one before is answered.
    Sequential,
    /// `WdfIoQueueDispatchParallel`: as they come, on any number of threads.
    Parallel,
}

/// What a driver does with the requests of a queue: the context of the queue.
///
/// Each request must be answered: the methods return [`Handled`], which only completing the request
/// gives, so that a lost request is a compile error.
pub trait IoHandler: Context {
    /// The level at which the framework calls: [`Passive`](crate::Passive) or
    /// [`Dispatch`](crate::Dispatch).
    type Level: ExecutionLevel;

    /// Whether [`IoHandler::read`] and [`IoHandler::write`] are there. If not, the framework
    /// refuses read and write requests with STATUS_INVALID_DEVICE_REQUEST.
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
/// `handle` is a queue that is not destroyed for `'a`.
#[derive(Clone, Copy, Debug)]
pub struct Queue<'a> {
    handle: WDFQUEUE,
    borrow: PhantomData<&'a ()>,
}

impl<'a> Queue<'a> {
    /// # Safety
    ///
    /// `handle` is a queue that is not destroyed for `'a`.
    const unsafe fn new(handle: WDFQUEUE) -> Self {
        // INVARIANT: By the contract of this function.
        Self {
            handle,
            borrow: PhantomData,
        }
    }

    pub(crate) const fn handle(self) -> WDFQUEUE {
        self.handle
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
        // SAFETY: By the type invariant.
        unsafe { context::get(self.handle.cast()) }
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
        // SAFETY: By the type invariant.
        unsafe { context::attach(self.handle.cast(), value) }
    }

    /// `WdfIoQueueGetDevice`: the queue's device. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfIoQueueGetDevice function (wdfio.h)".
    pub fn device(self) -> Device<'a> {
        // SAFETY: By the type invariant.
        let device = unsafe { call_unsafe_wdf_function_binding!(WdfIoQueueGetDevice, self.handle) };
        // SAFETY: A queue is a descendant of its device, which is destroyed after it.
        unsafe { Device::new(device) }
    }
}

// SAFETY: A queue belongs to no thread, and the framework's calls on it are thread-safe.
unsafe impl Send for Queue<'_> {}
// SAFETY: As above.
unsafe impl Sync for Queue<'_> {}

/// A `WDFQUEUE` that keeps requests until they are asked for, to be stored by the driver.
///
/// It does not keep the queue alive, which goes with its device: [`ManualQueue::of`] gives the
/// queue for as long as a borrowed device proves that it is there.
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
// SAFETY: As above.
unsafe impl<D: Context> Sync for ManualQueue<D> {}

impl<D: Context> ManualQueue<D> {
    /// The queue, given its device. IRQL: any.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_HANDLE`] for another device than the queue's.
    pub fn of<'a>(&self, device: Device<'a>) -> Result<WaitingRequests<'a>> {
        if device.serial::<D>() != Ok(self.serial) {
            return Err(Error::INVALID_HANDLE);
        }
        // SAFETY: By the type invariant the queue is alive as long as this device, so for `'a`.
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

    /// `WdfIoQueueRetrieveNextRequest`: takes the oldest request and has `handle` answer it. IRQL:
    /// <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// STATUS_NO_MORE_ENTRIES if there is none; STATUS_WDF_PAUSED while the device has no power or
    /// is going.
    ///
    /// Source: "WdfIoQueueRetrieveNextRequest function (wdfio.h)".
    pub fn take_next(
        self,
        _irql: &impl AtMostDispatch,
        handle: impl for<'r> FnOnce(Request<'r>) -> Handled<'r>,
    ) -> Result<()> {
        let mut request = null_mut();
        // SAFETY: By the type invariant.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfIoQueueRetrieveNextRequest,
                self.queue.handle,
                &mut request
            )
        })?;
        // SAFETY: The request is the driver's now.
        let kind = unsafe { Kind::of(request) };
        // SAFETY: As above, and `kind` tells what it is.
        let request = unsafe { Request::new(request, kind) };
        let _ = handle(request);
        Ok(())
    }
}

/// `WdfIoQueueCreate` of a queue without callbacks.
pub(crate) fn create_manual<D: Context>(device: Device<'_>) -> Result<ManualQueue<D>> {
    let serial = device.serial::<D>()?;
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as ULONG,
        PowerManaged: _WDF_TRI_STATE::WdfUseDefault,
        DispatchType: _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchManual,
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    let mut handle = null_mut();
    // SAFETY: The device is alive, and the structure is set up as its `INIT` function does.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueCreate,
            device.handle(),
            &mut config,
            null_mut(),
            &mut handle
        )
    })?;
    // INVARIANT: Just made for this device, which owns it.
    Ok(ManualQueue {
        handle,
        serial,
        device: PhantomData,
    })
}

/// `WdfIoQueueCreate` of the default queue.
pub(crate) fn create<'a, Q: IoHandler>(
    device: Device<'a>,
    presentation: DispatchType,
    handler: Q,
) -> Result<Queue<'a>> {
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size_of::<WDF_IO_QUEUE_CONFIG>() as ULONG,
        PowerManaged: _WDF_TRI_STATE::WdfUseDefault,
        DefaultQueue: u8::from(true),
        EvtIoDeviceControl: Some(device_control::<Q>),
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    match presentation {
        DispatchType::Sequential => {
            config.DispatchType = _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchSequential;
        }
        DispatchType::Parallel => {
            config.DispatchType = _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchParallel;
            // All bits set is "any number"; zero would present nothing (QUE-20).
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
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        ExecutionLevel: Q::Level::LEVEL,
        // The handler is `Sync`: no lock of the framework is wanted, which at the Dispatch level
        // would raise the IRQL for every callback (QUE-37).
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeNone,
        ..context::attributes::<Q>(null_mut())
    };
    let mut handle = null_mut();
    // SAFETY: The device is alive, and the structures are set up as their `INIT` functions do.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueCreate,
            device.handle(),
            &mut config,
            &mut attributes,
            &mut handle
        )
    })?;
    // SAFETY: Just made; the device owns it, so it lasts for `'a`.
    let slot = unsafe { context::slot::<Q>(handle.cast()) };
    slot.ok_or(Error::INTERNAL_ERROR)?.fill(handler)?;
    // SAFETY: As above.
    Ok(unsafe { Queue::new(handle) })
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
    // SAFETY: By the contract of this function.
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
/// As for `device_control`.
unsafe extern "C" fn read<Q: IoHandler>(queue: WDFQUEUE, request: WDFREQUEST, length: usize) {
    // SAFETY: By the contract of this function.
    unsafe { present::<Q>(queue, request, Kind::Read { length }, Q::read) };
}

/// `EvtIoWrite`.
///
/// # Safety
///
/// As for `device_control`.
unsafe extern "C" fn write<Q: IoHandler>(queue: WDFQUEUE, request: WDFREQUEST, length: usize) {
    // SAFETY: By the contract of this function.
    unsafe { present::<Q>(queue, request, Kind::Write { length }, Q::write) };
}

/// # Safety
///
/// Called from a callback of a queue made by `create` for the same `Q`, with the request that was
/// presented to it.
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
    // SAFETY: The request is the driver's since it was presented, and `kind` tells what it is.
    let request = unsafe { Request::new(request, kind) };
    // SAFETY: As for the queue.
    let _ = match unsafe { context::get::<Q>(queue.handle.cast()) } {
        Ok(handler) => handle(handler, queue, request, &mut irql),
        Err(error) => request.complete(Err(error)),
    };
}
