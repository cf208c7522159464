//! Start, stop and removal of a function device, with its power (DEV-52 to DEV-58, DEV-61).
//!
//! A request that the real framework pends is finished here before the dispatch routine returns:
//! Wine's PnP manager waits for nothing else.

use crate::device::Device;
use crate::object::live::Live;
use crate::object::{self, FrameworkObject, Kind, NewParent, Object};
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

/// Where a device stands. PnP requests come one at a time, so that `Cell`s do; what queues and
/// calls of the driver read meanwhile is atomic.
pub(crate) struct Pnp {
    callbacks: WDF_PNPPOWER_EVENT_CALLBACKS,
    /// A start request has come (QUE-7).
    left_init: AtomicBool,
    in_d0: AtomicBool,
    interfaces_enabled: AtomicBool,
    /// EvtDevicePrepareHardware was called and EvtDeviceReleaseHardware not yet.
    prepared: Cell<bool>,
    /// EvtDeviceSelfManagedIoInit was called.
    self_managed_io: Cell<bool>,
    /// The release half of the removal is done.
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

/// A list of hardware resources: a root-enumerated device has none.
#[repr(C)]
struct ResourceList {
    object: Object,
}

// SAFETY: `repr(C)` with the object first.
unsafe impl FrameworkObject for ResourceList {
    const KIND: &'static Kind = &Kind {
        marks: object::CANNOT_DELETE,
        ..Kind::new(c"WDFCMRESLIST", 0x1013)
    };
}

/// A callback that only takes the device and may fail. An absent one succeeds.
fn call(
    callback: Option<unsafe extern "C" fn(WDFDEVICE) -> NTSTATUS>,
    device: &Device,
) -> Result<(), NTSTATUS> {
    let Some(callback) = callback else {
        return Ok(());
    };
    // SAFETY: The driver's callback, with a live handle.
    check(unsafe { callback(device.handle().cast()) })
}

/// A callback that only takes the device and cannot fail.
fn notify(callback: Option<unsafe extern "C" fn(WDFDEVICE)>, device: &Device) {
    if let Some(callback) = callback {
        // SAFETY: The driver's callback, with a live handle.
        unsafe { callback(device.handle().cast()) };
    }
}

/// A callback about a change between power states.
fn change(
    callback: Option<unsafe extern "C" fn(WDFDEVICE, WDF_POWER_DEVICE_STATE) -> NTSTATUS>,
    device: &Device,
    state: WDF_POWER_DEVICE_STATE,
) -> Result<(), NTSTATUS> {
    let Some(callback) = callback else {
        return Ok(());
    };
    // SAFETY: The driver's callback, with a live handle.
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
    /// A PnP request.
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
                self.leave();
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

    /// DEV-52, DEV-54: the devices below first.
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

    /// DEV-52 to DEV-54
    fn start(self) -> Result<(), NTSTATUS> {
        // DEV-54: of a failing power-up the PnP manager learns this and no more.
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
        // SAFETY: The driver's callback, with live handles.
        check(unsafe { callback(self.handle().cast(), raw, translated) })
    }

    fn resource_list(self) -> Result<WDFCMRESLIST, NTSTATUS> {
        let build = |object| ResourceList { object };
        // SAFETY: There are no attributes.
        let list = unsafe { object::create::<ResourceList>(self.globals(), None, build) }?;
        let parent = NewParent::Object(self.object());
        // SAFETY: Just created; goes with the device.
        let handle = unsafe { object::commit_or_delete(list, None, parent) }?;
        Ok(handle.cast())
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
            // DEV-53
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

    /// DEV-55, up to EvtDeviceD0Exit; failures do not stop it (DEV-56).
    fn stop(self) {
        if !self.pnp.is_in_d0() {
            return;
        }
        let _ = call(self.pnp.callbacks.EvtDeviceSelfManagedIoSuspend, &self);
        self.leave_d0();
    }

    /// Stopped or removed, the device is in D3Final (DEV-61).
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
        // SAFETY: The driver's callback, with live handles.
        let _ = unsafe { callback(self.handle().cast(), list) };
    }

    /// The part of the removal that a surprise brings forward (DEV-55, DEV-56).
    fn leave(self) {
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

    /// DEV-55, DEV-57
    fn on_remove(self, irp: Irp) -> NTSTATUS {
        self.leave();
        self.power_queues(PowerAction::PurgeNonManaged);
        if self.pnp.self_managed_io.get() {
            notify(self.pnp.callbacks.EvtDeviceSelfManagedIoCleanup, &self);
        }
        self.dispose_tree();
        let status = self.pass_success(irp);
        // SAFETY: The last request that the device gets.
        unsafe { self.vanish() };
        status
    }
}
