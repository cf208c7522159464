//! Start, stop and removal of a function device, with its power (DEV-52 to DEV-58, DEV-61).
//!
//! A request that the framework pends on Windows is completed here before the dispatch routine returns,
//! because Wine's PnP manager does not wait for pended requests.

use crate::device::Device;
use crate::object::attributes::Attributes;
use crate::object::live::Live;
use crate::object::{self, FrameworkObject, NewParent, Object, ObjectKind};
use crate::queue::PowerAction;
use crate::request::irp::Irp;
use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};
use kmdf_sys::{
    _WDF_POWER_DEVICE_STATE, IRP_MN_CANCEL_REMOVE_DEVICE, IRP_MN_CANCEL_STOP_DEVICE,
    IRP_MN_QUERY_REMOVE_DEVICE, IRP_MN_QUERY_STOP_DEVICE, IRP_MN_REMOVE_DEVICE,
    IRP_MN_START_DEVICE, IRP_MN_STOP_DEVICE, IRP_MN_SURPRISE_REMOVAL, NT_SUCCESS, NTSTATUS,
    STATUS_SUCCESS, WDF_PNPPOWER_EVENT_CALLBACKS, WDF_POWER_DEVICE_STATE, WDFCMRESLIST, WDFDEVICE,
};

const STATUS_DEVICE_POWER_FAILURE: NTSTATUS = 0xC000_009E_u32 as NTSTATUS;

/// The PnP and power state of a device. PnP requests come one at a time, so `Cell`s suffice; what queues
/// and calls of the driver read at the same time is atomic.
pub(crate) struct Pnp {
    callbacks: WDF_PNPPOWER_EVENT_CALLBACKS,
    /// The device has got its first start request (QUE-7).
    left_init: AtomicBool,
    in_d0: AtomicBool,
    interfaces_enabled: AtomicBool,
    /// EvtDevicePrepareHardware was called, and EvtDeviceReleaseHardware not since.
    prepared: Cell<bool>,
    /// EvtDeviceSelfManagedIoInit was called for the device.
    self_managed_io: Cell<bool>,
    /// The part of the removal that releases the hardware is done.
    released: Cell<bool>,
}

impl Pnp {
    pub(crate) fn new(callbacks: WDF_PNPPOWER_EVENT_CALLBACKS) -> Self {
        Self {
            callbacks,
            left_init: AtomicBool::new(false),
            in_d0: AtomicBool::new(false),
            interfaces_enabled: AtomicBool::new(false),
            prepared: Cell::new(false),
            self_managed_io: Cell::new(false),
            released: Cell::new(false),
        }
    }

    pub(crate) fn has_left_init(&self) -> bool {
        self.left_init.load(Ordering::Acquire)
    }

    pub(crate) fn is_in_d0(&self) -> bool {
        self.in_d0.load(Ordering::Acquire)
    }

    pub(crate) fn has_enabled_interfaces(&self) -> bool {
        self.interfaces_enabled.load(Ordering::Acquire)
    }
}

/// An empty WDFCMRESLIST, because a root-enumerated device has no hardware resources.
#[repr(C)]
struct ResourceList {
    object: Object,
}

// SAFETY: `repr(C)` with the object first.
unsafe impl FrameworkObject for ResourceList {
    const KIND: &'static ObjectKind = &ObjectKind {
        marks: object::CANNOT_DELETE,
        ..ObjectKind::new(c"WDFCMRESLIST", 0x1013)
    };
}

/// Calls a callback that takes the device and may fail. An absent one succeeds.
fn call(
    callback: Option<unsafe extern "C" fn(WDFDEVICE) -> NTSTATUS>,
    device: &Device,
) -> Result<(), NTSTATUS> {
    let Some(callback) = callback else {
        return Ok(());
    };
    // SAFETY: A PnP callback of the driver, with the handle of a live device.
    check(unsafe { callback(device.handle().cast()) })
}

/// Calls a callback that takes the device and cannot fail.
fn notify(callback: Option<unsafe extern "C" fn(WDFDEVICE)>, device: &Device) {
    if let Some(callback) = callback {
        // SAFETY: A PnP callback of the driver, with the handle of a live device.
        unsafe { callback(device.handle().cast()) };
    }
}

/// Calls a callback for a change of the power state.
fn change(
    callback: Option<unsafe extern "C" fn(WDFDEVICE, WDF_POWER_DEVICE_STATE) -> NTSTATUS>,
    device: &Device,
    state: WDF_POWER_DEVICE_STATE,
) -> Result<(), NTSTATUS> {
    let Some(callback) = callback else {
        return Ok(());
    };
    // SAFETY: A power callback of the driver, with the handle of a live device.
    check(unsafe { callback(device.handle().cast(), state) })
}

fn check(status: NTSTATUS) -> Result<(), NTSTATUS> {
    if NT_SUCCESS(status) {
        Ok(())
    } else {
        Err(status)
    }
}

impl Live<Device> {
    /// Dispatches an IRP_MJ_PNP request by its minor function.
    pub(crate) fn on_pnp(self, irp: Irp) -> NTSTATUS {
        match irp.minor() {
            IRP_MN_START_DEVICE => self.on_start(irp),
            IRP_MN_QUERY_REMOVE_DEVICE => {
                self.on_query(irp, self.pnp.callbacks.EvtDeviceQueryRemove)
            }
            IRP_MN_QUERY_STOP_DEVICE => self.on_query(irp, self.pnp.callbacks.EvtDeviceQueryStop),
            IRP_MN_CANCEL_REMOVE_DEVICE | IRP_MN_CANCEL_STOP_DEVICE => self.pass_success(irp),
            IRP_MN_STOP_DEVICE => {
                self.stop();
                self.release_hardware();
                self.pass_success(irp)
            }
            IRP_MN_SURPRISE_REMOVAL => {
                notify(self.pnp.callbacks.EvtDeviceSurpriseRemoval, &self);
                self.prepare_removal();
                self.pass_success(irp)
            }
            IRP_MN_REMOVE_DEVICE => self.on_remove(irp),
            _ => irp.pass_down(self.lower()),
        }
    }

    fn pass_success(self, irp: Irp) -> NTSTATUS {
        irp.set_status(STATUS_SUCCESS);
        irp.pass_down(self.lower())
    }

    fn on_query(
        self,
        irp: Irp,
        callback: Option<unsafe extern "C" fn(WDFDEVICE) -> NTSTATUS>,
    ) -> NTSTATUS {
        match call(callback, &self) {
            Ok(()) => self.pass_success(irp),
            Err(status) => irp.finish(status),
        }
    }

    /// The start request: the lower devices start first (DEV-52, DEV-54).
    fn on_start(self, irp: Irp) -> NTSTATUS {
        let status = irp.call_down(self.lower());
        if NT_SUCCESS(status) {
            self.pnp.left_init.store(true, Ordering::Release);
            if let Err(status) = self.start() {
                return irp.finish(status);
            }
        }
        irp.finish_as_is()
    }

    /// Prepares the hardware, enters D0 and enables the interfaces (DEV-52 to DEV-54).
    fn start(self) -> Result<(), NTSTATUS> {
        // The PnP manager gets this status, whichever callback of the power-up failed (DEV-54).
        let power_up = || self.power_up().map_err(|_| STATUS_DEVICE_POWER_FAILURE);
        let started = self.prepare_hardware().and_then(|()| power_up());
        if started.is_err() {
            self.release_hardware();
        }
        started?;
        self.pnp.interfaces_enabled.store(true, Ordering::Release);
        self.interfaces.set_all(true);
        Ok(())
    }

    fn prepare_hardware(self) -> Result<(), NTSTATUS> {
        self.pnp.prepared.set(true);
        let Some(callback) = self.pnp.callbacks.EvtDevicePrepareHardware else {
            return Ok(());
        };
        let (raw, translated) = (self.resource_list()?, self.resource_list()?);
        // SAFETY: EvtDevicePrepareHardware, with the handles of the device and of two new lists.
        check(unsafe { callback(self.handle().cast(), raw, translated) })
    }

    fn resource_list(self) -> Result<WDFCMRESLIST, NTSTATUS> {
        let build = |object| ResourceList { object };
        let list = object::create(self.globals(), Attributes::NONE, build)?
            .commit(Attributes::NONE, NewParent::Object(self.object()))?;
        Ok(list.handle().cast())
    }

    fn power_up(self) -> Result<(), NTSTATUS> {
        let callbacks = &self.pnp.callbacks;
        let previous = _WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3Final;
        change(callbacks.EvtDeviceD0Entry, &self, previous)?;
        let enabled = change(
            callbacks.EvtDeviceD0EntryPostInterruptsEnabled,
            &self,
            previous,
        );
        self.pnp.in_d0.store(true, Ordering::Release);
        let running = enabled.and_then(|()| {
            // Queues deliver before EvtDeviceSelfManagedIoInit runs (DEV-53).
            self.power_queues(PowerAction::Start);
            if self.pnp.self_managed_io.replace(true) {
                call(callbacks.EvtDeviceSelfManagedIoRestart, &self)
            } else {
                call(callbacks.EvtDeviceSelfManagedIoInit, &self)
            }
        });
        if running.is_err() {
            self.leave_d0();
        }
        running
    }

    /// Suspends self-managed I/O and leaves D0 (DEV-55); failures of callbacks do not stop it (DEV-56).
    fn stop(self) {
        if !self.pnp.is_in_d0() {
            return;
        }
        let _ = call(self.pnp.callbacks.EvtDeviceSelfManagedIoSuspend, &self);
        self.leave_d0();
    }

    /// Stops delivery and calls EvtDeviceD0Exit for D3Final, the state of a stopped device (DEV-61).
    fn leave_d0(self) {
        let target = _WDF_POWER_DEVICE_STATE::WdfPowerDeviceD3Final;
        let callbacks = &self.pnp.callbacks;
        self.pnp.in_d0.store(false, Ordering::Release);
        self.power_queues(PowerAction::Hold);
        let _ = change(
            callbacks.EvtDeviceD0ExitPreInterruptsDisabled,
            &self,
            target,
        );
        let _ = change(callbacks.EvtDeviceD0Exit, &self, target);
    }

    fn release_hardware(self) {
        if !self.pnp.prepared.replace(false) {
            return;
        }
        let Some(callback) = self.pnp.callbacks.EvtDeviceReleaseHardware else {
            return;
        };
        let list = self.resource_list().unwrap_or(null_mut());
        // SAFETY: EvtDeviceReleaseHardware, with the handles of the device and of a new list or NULL.
        let _ = unsafe { callback(self.handle().cast(), list) };
    }

    /// The part of the removal that a surprise removal does first (DEV-55, DEV-56).
    fn prepare_removal(self) {
        if self.pnp.released.replace(true) {
            return;
        }
        self.stop();
        self.release_hardware();
        self.pnp.interfaces_enabled.store(false, Ordering::Release);
        self.interfaces.set_all(false);
        self.delete_symbolic_link();
        self.power_queues(PowerAction::PurgeManaged);
        if self.pnp.self_managed_io.get() {
            notify(self.pnp.callbacks.EvtDeviceSelfManagedIoFlush, &self);
        }
    }

    /// The remove request: the last that the device gets (DEV-55, DEV-57).
    fn on_remove(self, irp: Irp) -> NTSTATUS {
        self.prepare_removal();
        self.power_queues(PowerAction::PurgeNonManaged);
        if self.pnp.self_managed_io.get() {
            notify(self.pnp.callbacks.EvtDeviceSelfManagedIoCleanup, &self);
        }
        self.dispose_tree();
        let status = self.pass_success(irp);
        // SAFETY: A device gets no request after the remove request.
        unsafe { self.remove() };
        status
    }
}
