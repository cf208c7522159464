//! The PnP manager: adding, starting and removing root-enumerated devices.

mod bus;
pub(crate) mod lower;

use crate::device::{self, DeviceObject, interface, known, stack};
use crate::driver::{self, Driver};
use crate::io::Tables;
use crate::io::level;
use crate::io::request::{IoStatus, Outgoing, Subject};
use crate::irp::{self, Location, violation};
use crate::machine::{Kernel, Machine};
use crate::status::NtStatus;
use crate::{irql, kernel_stack};
use kmdf_sys::*;
use std::fmt;
use std::sync::Arc;

/// A device node: the PnP manager's record of a device.
pub(crate) struct Node {
    /// The driver object of the function driver.
    pub(crate) driver: usize,
    /// The device instance path, such as `ROOT\THING\0000`.
    pub(crate) instance: String,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The stack is being built, started or removed.
    Changing,
    Started,
    Stopped,
    /// Surprise-removed with handles open.
    Removed,
}

/// The physical device object at the bottom of `device`'s stack, if that is a PnP stack.
pub(crate) fn node_of(tables: &Tables, device: DeviceObject) -> Option<usize> {
    let lowest = stack::whole(tables, device).first()?.address();
    tables.nodes.contains_key(&lowest).then_some(lowest)
}

/// Whether the device may be opened: not while its stack is changing or once it is removed.
pub(crate) fn admits_opens(tables: &Tables, device: DeviceObject) -> bool {
    let phase = node_of(tables, device).map(|node| tables.nodes[&node].phase);
    phase.is_none_or(|phase| matches!(phase, Phase::Started | Phase::Stopped))
}

/// The number of open handles to any device object of the stack.
fn open_handles(tables: &Tables, physical: usize) -> i32 {
    let devices = stack::whole(tables, known(physical));
    devices
        .iter()
        .map(|device| device.get(device::REFERENCES))
        .sum()
}

/// After a handle to a device of the stack was closed: a surprise-removed device is deleted with the
/// last one.
pub(crate) fn after_close(machine: &Arc<Machine>, physical: usize) {
    let last = {
        let mut tables = machine.io.tables();
        // The node comes first: without one the device object may already be freed.
        let removed =
            (tables.nodes.get(&physical)).is_some_and(|node| node.phase == Phase::Removed);
        let last = removed && open_handles(&tables, physical) == 0;
        if last && let Some(node) = tables.nodes.get_mut(&physical) {
            node.phase = Phase::Changing;
        }
        last
    };
    if last {
        remove_stack(machine, physical);
    }
}

/// Sends a PnP request to the top of the stack and waits for it.
fn send(
    machine: &Arc<Machine>,
    physical: usize,
    minor: u32,
    set_up: impl FnOnce(Location),
) -> IoStatus {
    let top = {
        let _tables = machine.io.tables();
        stack::top(known(physical)).as_ptr()
    };
    let outgoing = match Outgoing::new(machine, top, Subject::Pnp(minor)) {
        Ok(outgoing) => outgoing,
        Err(status) => return IoStatus::refused(status.0),
    };
    outgoing.irp().set(irp::STATUS, STATUS_NOT_SUPPORTED);
    outgoing.location().set(irp::MINOR, minor as UCHAR);
    set_up(outgoing.location());
    outgoing.run(top)
}

/// Sends a remove request, checks that the drivers have left the stack, and deletes the physical
/// device object.
fn remove_stack(machine: &Arc<Machine>, physical: usize) {
    let before = {
        let tables = machine.io.tables();
        stack::whole(&tables, known(physical))
    };
    send(machine, physical, IRP_MN_REMOVE_DEVICE, |_| {});
    if machine.config.verifier.io_verification {
        for device in &before[1..] {
            check_gone(machine, device.address());
        }
    }
    forget(machine, physical);
}

/// Removes the node and deletes its physical device object.
fn forget(machine: &Machine, physical: usize) {
    {
        let mut tables = machine.io.tables();
        tables.nodes.remove(&physical);
        interface::forget(&mut tables, physical);
    }
    device::delete(machine, known(physical).as_ptr());
}

fn check_gone(machine: &Machine, device: usize) {
    let left = {
        let tables = machine.io.tables();
        let record = tables.devices.get(&device);
        record.map(|record| (record.lower != 0, record.deleted))
    };
    match left {
        Some((true, _)) => violation(
            0x21D,
            0,
            0,
            device,
            "a driver did not detach its device object when it was removed",
        ),
        Some((false, false)) => violation(
            0x21E,
            0,
            0,
            device,
            "a driver did not delete its device object when it was removed",
        ),
        _ => {}
    }
}

/// Checks the function driver's device object after AddDevice.
fn check_built(machine: &Machine, physical: usize) {
    if !machine.config.verifier.io_verification {
        return;
    }
    let devices = {
        let tables = machine.io.tables();
        stack::whole(&tables, known(physical))
    };
    for device in &devices[1..] {
        let flags = device.get(device::FLAGS);
        let address = device.address();
        if flags & DO_DEVICE_INITIALIZING != 0 {
            violation(
                0x243,
                0,
                0,
                address,
                "AddDevice did not clear DO_DEVICE_INITIALIZING",
            );
        }
        if flags & DO_BUFFERED_IO != 0 && flags & DO_DIRECT_IO != 0 {
            violation(
                0x245,
                0,
                0,
                address,
                "a device has both DO_BUFFERED_IO and DO_DIRECT_IO",
            );
        }
    }
}

impl Driver {
    /// Adds a root-enumerated device: makes its physical device object, calls the driver's
    /// AddDevice routine and starts the device.
    ///
    /// # Errors
    ///
    /// - `STATUS_INVALID_DEVICE_REQUEST`: the driver has no AddDevice routine;
    /// - `STATUS_NO_SUCH_DEVICE`: AddDevice succeeded but put no device object on the stack;
    /// - what AddDevice returned, or what the start request was completed with. A device whose
    ///   start fails is removed.
    pub fn add_device(&self, hardware_id: &str) -> Result<Device, NtStatus> {
        let driver = self.driver_object()?;
        let machine = self.kernel.enter();
        let routine =
            driver::add_device_routine(driver).ok_or(NtStatus(STATUS_INVALID_DEVICE_REQUEST))?;
        let physical = bus::create_device(machine)?;
        let node = Node {
            driver: self.object,
            instance: instance_path(&machine.io.tables(), hardware_id),
            phase: Phase::Changing,
        };
        machine.io.tables().nodes.insert(physical.address(), node);
        let before = irql::current();
        // SAFETY: The driver's own routine, called as the PnP manager calls it.
        let add = || unsafe { routine(driver.as_ptr(), physical.as_ptr()) };
        let status = kernel_stack::bounded(&machine.config, add);
        level::expect(before, "AddDevice");
        let physical = physical.address();
        let attached = !known(physical).get(device::ATTACHED).is_null();
        if !NT_SUCCESS(status) || !attached {
            if attached {
                check_gone(machine, known(physical).get(device::ATTACHED).addr());
            }
            forget(machine, physical);
            let status = if NT_SUCCESS(status) {
                STATUS_NO_SUCH_DEVICE
            } else {
                status
            };
            return Err(NtStatus(status));
        }
        check_built(machine, physical);
        let device = Device::new(&self.kernel, physical);
        device.begin()?;
        Ok(device)
    }
}

/// A new device instance path for a hardware ID such as `Root\Thing`.
fn instance_path(tables: &Tables, hardware_id: &str) -> String {
    let kind = hardware_id.rsplit('\\').next().unwrap_or_default();
    let kind = kind.to_uppercase();
    (0..)
        .map(|number| format!(r"ROOT\{kind}\{number:04}"))
        .find(|path| !tables.nodes.values().any(|node| node.instance == *path))
        .expect("there are more numbers than devices")
}

/// A device that was added; a clone refers to the same device.
///
/// Dropping it does not remove the device.
#[derive(Clone)]
pub struct Device {
    kernel: Kernel,
    physical: usize,
}

impl fmt::Debug for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Device").finish_non_exhaustive()
    }
}

impl Device {
    /// The device with this physical device object.
    pub(crate) fn new(kernel: &Kernel, physical: usize) -> Self {
        Self {
            kernel: kernel.clone(),
            physical,
        }
    }

    /// Removes the device in order: a query to the drivers, then the remove request.
    ///
    /// # Errors
    ///
    /// - `STATUS_NO_SUCH_DEVICE`: it was already removed;
    /// - `STATUS_DEVICE_BUSY`: a handle is open. The drivers got the query and were notified that the
    ///   removal is off, and the device works on, as on Windows;
    /// - what a driver refused the query with, after which the device works on too.
    pub fn remove(self) -> Result<(), NtStatus> {
        let machine = self.kernel.enter();
        let before = self.change(&[Phase::Started, Phase::Stopped])?;
        let asked = send(machine, self.physical, IRP_MN_QUERY_REMOVE_DEVICE, |_| {});
        let open = open_handles(&machine.io.tables(), self.physical) > 0;
        let refused = match asked.status {
            status if !NT_SUCCESS(status) && status != STATUS_NOT_SUPPORTED => Some(status),
            _ if open => Some(STATUS_DEVICE_BUSY),
            _ => None,
        };
        if let Some(status) = refused {
            send(machine, self.physical, IRP_MN_CANCEL_REMOVE_DEVICE, |_| {});
            self.settle(before);
            return Err(NtStatus(status));
        }
        remove_stack(machine, self.physical);
        Ok(())
    }

    /// Removes the device without asking, as when it is pulled out. With handles open the drivers
    /// get the remove request only when the last of them is closed.
    ///
    /// # Errors
    ///
    /// `STATUS_NO_SUCH_DEVICE`: it was already removed.
    pub fn surprise_remove(self) -> Result<(), NtStatus> {
        let machine = self.kernel.enter();
        self.change(&[Phase::Started, Phase::Stopped])?;
        let before = {
            let tables = machine.io.tables();
            stack::whole(&tables, known(self.physical))
        };
        send(machine, self.physical, IRP_MN_SURPRISE_REMOVAL, |_| {});
        self.check_still_there(&before);
        let last = {
            let mut tables = machine.io.tables();
            interface::disable_all(&mut tables, self.physical);
            let last = open_handles(&tables, self.physical) == 0;
            // Under the lock that counted: a handle closed from here on finds the phase.
            if !last && let Some(node) = tables.nodes.get_mut(&self.physical) {
                node.phase = Phase::Removed;
            }
            last
        };
        if last {
            remove_stack(machine, self.physical);
        }
        Ok(())
    }

    /// Stops a started device, as when its resources are to be moved.
    ///
    /// # Errors
    ///
    /// `STATUS_NO_SUCH_DEVICE` if it is not started, or what a driver refused the query with.
    pub fn stop(&self) -> Result<(), NtStatus> {
        let machine = self.kernel.enter();
        self.change(&[Phase::Started])?;
        let asked = send(machine, self.physical, IRP_MN_QUERY_STOP_DEVICE, |_| {});
        if !NT_SUCCESS(asked.status) && asked.status != STATUS_NOT_SUPPORTED {
            send(machine, self.physical, IRP_MN_CANCEL_STOP_DEVICE, |_| {});
            self.settle(Phase::Started);
            return Err(NtStatus(asked.status));
        }
        send(machine, self.physical, IRP_MN_STOP_DEVICE, |_| {});
        self.settle(Phase::Stopped);
        Ok(())
    }

    /// Starts a stopped device again.
    ///
    /// # Errors
    ///
    /// `STATUS_NO_SUCH_DEVICE` if it is not stopped, or what the start request was completed with;
    /// the device is removed then.
    pub fn start(&self) -> Result<(), NtStatus> {
        self.kernel.enter();
        self.change(&[Phase::Stopped])?;
        self.begin()
    }

    /// Starts the device and asks what the PnP manager asks of a started device.
    fn begin(&self) -> Result<(), NtStatus> {
        let machine = self.kernel.enter();
        let started = send(machine, self.physical, IRP_MN_START_DEVICE, |_| {});
        if !NT_SUCCESS(started.status) {
            remove_stack(machine, self.physical);
            return Err(NtStatus(started.status));
        }
        let mut capabilities = bus::Capabilities::new();
        send(
            machine,
            self.physical,
            IRP_MN_QUERY_CAPABILITIES,
            |location| {
                location.set(irp::ARGUMENT_1, (&raw mut capabilities).cast());
            },
        );
        send(
            machine,
            self.physical,
            IRP_MN_QUERY_PNP_DEVICE_STATE,
            |_| {},
        );
        send(
            machine,
            self.physical,
            IRP_MN_QUERY_DEVICE_RELATIONS,
            |location| {
                location.set(irp::RELATION_TYPE, _DEVICE_RELATION_TYPE::BusRelations);
            },
        );
        self.settle(Phase::Started);
        Ok(())
    }

    /// Takes the device out of one of the phases, so that it is not opened or changed meanwhile.
    fn change(&self, from: &[Phase]) -> Result<Phase, NtStatus> {
        let mut tables = self.kernel.machine.io.tables();
        let node = tables.nodes.get_mut(&self.physical);
        let node = node.filter(|node| from.contains(&node.phase));
        let node = node.ok_or(NtStatus(STATUS_NO_SUCH_DEVICE))?;
        Ok(std::mem::replace(&mut node.phase, Phase::Changing))
    }

    fn settle(&self, phase: Phase) {
        if let Some(node) = self
            .kernel
            .machine
            .io
            .tables()
            .nodes
            .get_mut(&self.physical)
        {
            node.phase = phase;
        }
    }

    /// A driver must neither detach nor delete its device object at a surprise removal.
    fn check_still_there(&self, before: &[DeviceObject]) {
        let machine = &self.kernel.machine;
        if !machine.config.verifier.io_verification {
            return;
        }
        let wrong = {
            let tables = machine.io.tables();
            before[1..].iter().find_map(|device| {
                let address = device.address();
                match tables.devices.get(&address) {
                    Some(record) if record.lower == 0 => Some((0x241, address, "detached")),
                    Some(record) if !record.deleted => None,
                    _ => Some((0x242, address, "deleted")),
                }
            })
        };
        if let Some((code, device, what)) = wrong {
            let message = format!("a driver {what} its device object during a surprise removal");
            violation(code, 0, 0, device, message);
        }
    }
}
