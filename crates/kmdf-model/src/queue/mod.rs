//! I/O queues (WDFQUEUE): the object, its configuration and its parts.

mod api;
mod cancel;
mod create;
mod dispatch;
mod forward;
mod power;
mod retrieve;
mod state;

pub(crate) use api::*;
pub(crate) use create::*;
pub(crate) use power::PowerAction;
pub(crate) use retrieve::*;

use crate::device::{Constraints, Device};
use crate::driver::globals::Globals;
use crate::object::live::Live;
use crate::object::{
    CANNOT_DELETE, Cleanup, FrameworkObject, Object, ObjectKind, PASSIVE_DISPOSE, type_code,
};
use crate::support::stop;
use crate::support::sync::{CallbackLock, Event, Locked};
use crate::support::system_work_item::SystemWorkItem;
use crate::support::verifier;
use core::cell::{Cell, UnsafeCell};
use core::ffi::CStr;
use core::ptr::{NonNull, null_mut};
use kmdf_sys::ntddk::KeInitializeDpc;
use kmdf_sys::{
    _WDF_BUGCHECK_CODES, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL,
    IRP_MJ_READ, IRP_MJ_WRITE, KDPC, NTSTATUS, ULONG, ULONG_PTR, WDF_IO_QUEUE_CONFIG,
    WDF_QUEUE_FATAL_ERROR_DATA, WDFQUEUE, WDFREQUEST,
};
use state::{Power, QueueState};

/// How a queue delivers its requests, as WDF_IO_QUEUE_DISPATCH_TYPE says (QUE-30).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DispatchType {
    Sequential,
    Parallel { limit: u32 },
    Manual,
}

/// The synchronization scope: whose lock the callbacks run under (QUE-38).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    None,
    Queue,
    Device,
}

/// A callback that requests are delivered to.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    Default(unsafe extern "C" fn(WDFQUEUE, WDFREQUEST)),
    Read(unsafe extern "C" fn(WDFQUEUE, WDFREQUEST, usize)),
    Write(unsafe extern "C" fn(WDFQUEUE, WDFREQUEST, usize)),
    DeviceControl(unsafe extern "C" fn(WDFQUEUE, WDFREQUEST, usize, usize, ULONG)),
    /// The framework's own handler, which calls EvtDeviceFileCreate (DEV-44).
    Create,
}

/// The configuration of a queue, which does not change after creation.
pub(crate) struct QueueConfig {
    pub(crate) dispatch_type: DispatchType,
    pub(crate) power_managed: bool,
    /// Whether callbacks run at PASSIVE_LEVEL only (QUE-36).
    pub(crate) passive: bool,
    pub(crate) scope: Scope,
    pub(crate) zero_length_requests: bool,
    /// Whether this is the framework's own queue for create requests.
    pub(crate) takes_creates: bool,
    pub(crate) default: Option<Handler>,
    pub(crate) read: Option<Handler>,
    pub(crate) write: Option<Handler>,
    pub(crate) device_control: Option<Handler>,
    pub(crate) internal_device_control: Option<Handler>,
    pub(crate) stop: Option<unsafe extern "C" fn(WDFQUEUE, WDFREQUEST, ULONG)>,
    pub(crate) resume: Option<unsafe extern "C" fn(WDFQUEUE, WDFREQUEST)>,
    pub(crate) canceled_on_queue: Option<unsafe extern "C" fn(WDFQUEUE, WDFREQUEST)>,
}

impl QueueConfig {
    /// A manual queue without callbacks.
    pub(crate) fn new(constraints: Constraints) -> Self {
        Self {
            dispatch_type: DispatchType::Manual,
            power_managed: false,
            passive: constraints.passive,
            scope: constraints.scope,
            zero_length_requests: true,
            takes_creates: false,
            default: None,
            read: None,
            write: None,
            device_control: None,
            internal_device_control: None,
            stop: None,
            resume: None,
            canceled_on_queue: None,
        }
    }

    /// The callback for a major function: the specific one, else the default one (QUE-27).
    pub(crate) fn handler(&self, major: u32) -> Option<Handler> {
        let specific = match major {
            IRP_MJ_READ => self.read,
            IRP_MJ_WRITE => self.write,
            IRP_MJ_DEVICE_CONTROL => self.device_control,
            IRP_MJ_INTERNAL_DEVICE_CONTROL => self.internal_device_control,
            _ => None,
        };
        specific.or(self.default)
    }

    /// Whether requests of a major function may be sent to the queue (QUE-23).
    pub(crate) fn suits(&self, major: u32) -> bool {
        let manual = self.dispatch_type == DispatchType::Manual;
        match major {
            IRP_MJ_CREATE => manual || self.default.is_some(),
            major => manual || self.handler(major).is_some(),
        }
    }

    fn callbacks(&mut self, given: &WDF_IO_QUEUE_CONFIG) {
        self.default = given.EvtIoDefault.map(Handler::Default);
        self.read = given.EvtIoRead.map(Handler::Read);
        self.write = given.EvtIoWrite.map(Handler::Write);
        self.device_control = given.EvtIoDeviceControl.map(Handler::DeviceControl);
        self.internal_device_control = given.EvtIoInternalDeviceControl.map(Handler::DeviceControl);
        self.stop = given.EvtIoStop;
        self.resume = given.EvtIoResume;
        self.canceled_on_queue = given.EvtIoCanceledOnQueue;
    }

    fn has_handler(&self) -> bool {
        let handlers = [
            self.default,
            self.read,
            self.write,
            self.device_control,
            self.internal_device_control,
        ];
        handlers.iter().any(Option::is_some)
    }
}

/// A WDFQUEUE: a queue of a device.
///
/// # Invariants
///
/// - Every request in a list of `state` belongs to this queue and is alive; the queue object is
///   not disposed of before the last of them has left (QUE-60).
/// - `device` outlives the queue, which is below it in the object tree.
/// - `work_item` is written before the queue has a handle.
#[repr(C)]
pub(crate) struct Queue {
    object: Object,
    pub(crate) device: Live<Device>,
    pub(crate) config: QueueConfig,
    pub(crate) state: Locked<QueueState>,
    own_lock: CallbackLock,
    /// Enters the dispatch loop of a passive queue at PASSIVE_LEVEL.
    work_item: Cell<Option<NonNull<SystemWorkItem>>>,
    dpc: UnsafeCell<KDPC>,
    power_settled: Event,
    finished: Event,
    /// The number of the last walk over the device's queues that visited this one; under the list's lock.
    pub(crate) visited: Cell<u64>,
    /// The next queue of the device; under the list's lock.
    pub(crate) next: Cell<Option<Live<Queue>>>,
}

// SAFETY: `repr(C)`, an `Object` first, and all objects of this kind are made by `Queue::new`.
unsafe impl FrameworkObject for Queue {
    const KIND: &'static ObjectKind = &ObjectKind {
        marks: PASSIVE_DISPOSE,
        lockable: true,
        dispose: |object| {
            // SAFETY: Only the kind of `Queue` has this function.
            unsafe { object.downcast::<Self>() }.dispose();
            Cleanup::Now
        },
        destroy: |object| {
            // SAFETY: Only the kind of `Queue` has this function.
            unsafe { object.downcast::<Self>() }.destroy();
        },
        callback_lock: Some(|object| {
            // SAFETY: Only the kind of `Queue` has this function.
            unsafe { object.downcast::<Self>() }.callback_lock()
        }),
        ..ObjectKind::new(c"WDFQUEUE", type_code::QUEUE)
    };
}

impl Queue {
    fn new(object: Object, device: Live<Device>, config: QueueConfig, power: Power) -> Self {
        Self {
            object,
            device,
            own_lock: CallbackLock::new(config.passive),
            config,
            state: Locked::new(QueueState::new(power)),
            work_item: Cell::new(None),
            dpc: UnsafeCell::new(KDPC::default()),
            power_settled: Event::new(),
            finished: Event::new(),
            visited: Cell::new(0),
            next: Cell::new(None),
        }
    }

    /// Initialises what must not move afterwards; called once the queue is at its final address.
    fn initialize(&self) {
        self.own_lock.initialize();
        self.power_settled.initialize();
        self.finished.initialize();
        // SAFETY: The DPC is part of the queue, which is nonpaged and does not move.
        unsafe { KeInitializeDpc(self.dpc.get(), Some(dispatch::on_dpc), null_mut()) };
    }

    /// The queue as a pointer that its device and its requests keep.
    ///
    /// # Safety
    ///
    /// The result must not be used after the queue's deletion, unless the user owns a reference.
    pub(crate) unsafe fn live(&self) -> Live<Self> {
        // SAFETY: Alive until its deletion, or until the user's own reference is dropped.
        unsafe { Live::of(self) }
    }

    pub(crate) fn wdf_queue(&self) -> WDFQUEUE {
        self.handle().cast()
    }

    pub(crate) fn globals(&self) -> &Globals {
        self.object.globals()
    }

    /// The lock that this queue's callbacks run under (QUE-38).
    pub(crate) fn callback_lock(&self) -> Option<&CallbackLock> {
        match self.config.scope {
            Scope::None => None,
            Scope::Queue => Some(&self.own_lock),
            Scope::Device => self.device.callback_lock(),
        }
    }

    /// Forbids the driver to delete the queue, because the device sends requests to it (OBJ-51).
    pub(crate) fn bind(&self) {
        self.object.mark(CANNOT_DELETE);
    }

    pub(crate) fn break_point(&self, message: &CStr) {
        verifier::break_point(self.globals(), message);
    }

    /// Stops the run: a second completion callback was set before the first was called (QUE-48).
    fn fatal_error(&self, status: NTSTATUS) -> ! {
        let data = WDF_QUEUE_FATAL_ERROR_DATA {
            Queue: self.wdf_queue(),
            Request: null_mut(),
            Status: status,
        };
        let code = _WDF_BUGCHECK_CODES::WDF_QUEUE_FATAL_ERROR;
        stop::violation(self.globals(), code, (&raw const data) as ULONG_PTR, 0)
    }

    /// Cancels the requests and waits for the driver to complete those that it owns (QUE-60).
    fn dispose(&self) {
        self.shut_for_good();
        self.device.forget_queue(self);
    }

    fn destroy(&self) {
        if let Some(item) = self.work_item.take() {
            // SAFETY: Only the queue's dispatch loop queues it, and disposal has ended the loop.
            unsafe { SystemWorkItem::destroy(item) };
        }
    }
}
