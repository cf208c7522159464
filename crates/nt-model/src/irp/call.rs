//! `IoCallDriver`: passing an IRP to a dispatch routine, and checking how the routine returned.

use super::{CANCEL_ROUTINE, CURRENT_LOCATION, Call, DEVICE, Irp, MAJOR, Passed, violation};
use crate::device;
use crate::machine::{self, Machine};
use crate::object::Shared;
use crate::{irql, kernel_stack, stop};
use kmdf_sys::*;
use std::sync::{Arc, OnceLock};

#[unsafe(no_mangle)]
unsafe extern "C" fn IofCallDriver(device_object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    let machine = machine::enter();
    if device_object.is_null() {
        violation(
            0x204,
            0,
            irp.addr(),
            0,
            "IoCallDriver: the device object is NULL",
        );
    }
    if !machine
        .io
        .tables()
        .devices
        .contains_key(&device_object.addr())
    {
        violation(
            4,
            device_object.addr(),
            0,
            0,
            "IoCallDriver: the argument is not a device object, or was already deleted",
        );
    }
    let Some(completed) = completed(&machine, irp) else {
        violation(
            3,
            irp.addr(),
            0,
            0,
            "IoCallDriver: the argument is not an IRP, or was already freed",
        );
    };
    if completed {
        violation(
            0x205,
            0,
            irp.addr(),
            device_object.addr(),
            "IoCallDriver: the IRP was already completed",
        );
    }
    // SAFETY: Both are in the tables, so allocated; the caller owns the IRP.
    let (irp, device) = unsafe { (Shared::new(irp), device_object) };
    send(&machine, device, irp)
}

/// Whether the IRP has been completed; `None` if the address is not that of an IRP.
fn completed(machine: &Machine, irp: PIRP) -> Option<bool> {
    let tables = machine.io.tables();
    tables.irps.get(&irp.addr()).map(|record| record.completed)
}

/// Passes `irp` to the driver of `device`, which is that of the next stack location.
pub(crate) fn send(machine: &Machine, device: PDEVICE_OBJECT, irp: Irp) -> NTSTATUS {
    check_before(machine, device, irp);
    irp.move_location(-1);
    let location = irp.current();
    location.set(DEVICE, device);
    // SAFETY: The caller passes a device that lives for as long as the IRP is on its way.
    let device = unsafe { Shared::new(device) };
    let major = location.get(MAJOR);
    let dispatch = device::dispatch_routine(device, major);
    let call = begin(machine, irp);
    let before = irql::current();
    let address = irp.address();
    // SAFETY: The driver's own routine, called as the I/O manager calls it.
    let routine = || unsafe { dispatch(device.as_ptr(), irp.as_ptr()) };
    let status = kernel_stack::bounded(&machine.config, routine);
    let returned = Returned {
        routine: dispatch as usize,
        major,
        irp: address,
        device: device.address(),
        status,
    };
    returned.check_irql(machine, before);
    returned.check_status(machine, &call);
    status
}

fn check_before(machine: &Machine, device: PDEVICE_OBJECT, irp: Irp) {
    let checked = machine.config.verifier.io_verification;
    let level = irql::current();
    if checked && u32::from(level) > DISPATCH_LEVEL {
        violation(
            0x10,
            usize::from(level),
            0,
            0,
            "IoCallDriver was called above DISPATCH_LEVEL",
        );
    }
    if checked && irp.get(CANCEL_ROUTINE).is_some() {
        violation(
            0x203,
            0,
            irp.address(),
            device.addr(),
            "IoCallDriver: the cancel routine of the IRP is still set",
        );
    }
    if irp.get(CURRENT_LOCATION) <= 1 {
        stop::bug_check(
            NO_MORE_IRP_STACK_LOCATIONS,
            [irp.address() as u64, 0, 0, 0],
            "IoCallDriver: the IRP has no stack location left",
        );
    }
}

/// Records that a dispatch routine has the IRP.
fn begin(machine: &Machine, irp: Irp) -> Arc<Call> {
    let call = Arc::new(Call {
        location: irp.get(CURRENT_LOCATION),
        passed: OnceLock::new(),
    });
    let mut tables = machine.io.tables();
    if let Some(record) = tables.irps.get_mut(&irp.address()) {
        record.calls.push(call.clone());
    }
    call
}

/// How a dispatch routine returned.
struct Returned {
    routine: usize,
    major: UCHAR,
    irp: usize,
    device: usize,
    status: NTSTATUS,
}

impl Returned {
    fn check_irql(&self, machine: &Machine, before: KIRQL) {
        let after = irql::current();
        if after == before || !machine.config.verifier.io_verification {
            return;
        }
        let message = format!(
            "the dispatch routine for major function {:#x} returned at IRQL {after}, called at {before}",
            self.major
        );
        violation(5, self.device, before.into(), after.into(), message);
    }

    /// The rules on the returned status. If another driver has the IRP now, it is not accessed:
    /// what its stack location looked like is in `call`.
    fn check_status(&self, machine: &Machine, call: &Call) {
        if !machine.config.verifier.io_verification {
            return;
        }
        let passed = call.passed.get().copied();
        let passed = passed.or_else(|| self.still_here(machine, call));
        let pending = self.status == STATUS_PENDING;
        if self.status == -1 {
            self.fail(0x225, "returned the illegal status 0xFFFFFFFF");
        }
        match passed {
            None if !pending => self.fail(
                0x226,
                "neither completed the IRP nor passed it down nor returned STATUS_PENDING",
            ),
            Some(location) if pending && !location.marked_pending => self.fail(
                0x23D,
                "returned STATUS_PENDING without having marked the IRP pending",
            ),
            Some(location) if !pending && location.marked_pending => self.fail(
                0x23E,
                "marked the IRP pending but did not return STATUS_PENDING",
            ),
            Some(location) if !pending && location.status != self.status => self.fail(
                0x224,
                &format!(
                    "returned another status than the IRP was completed with ({:#010x})",
                    location.status
                ),
            ),
            _ => {}
        }
    }

    /// The stack location of an IRP that a driver still has, as the returned status says. Completion records
    /// in the tables that it has passed the location before it continues, so that under their lock either
    /// the record or the IRP exists.
    fn still_here(&self, machine: &Machine, call: &Call) -> Option<Passed> {
        let _tables = machine.io.tables();
        if let Some(passed) = call.passed.get() {
            return Some(*passed);
        }
        if self.status != STATUS_PENDING {
            return None;
        }
        // SAFETY: Not yet completed at this location, so nobody can have freed it.
        let irp: Irp = unsafe { Shared::new(self.irp as PIRP) };
        Some(Passed {
            // Nothing reads it, and another thread may just be writing it.
            status: STATUS_PENDING,
            marked_pending: irp.at(call.location).is_marked_pending(),
        })
    }

    fn fail(&self, code: u64, what: &str) -> ! {
        let message = format!(
            "the dispatch routine for major function {:#x} {what}; it returned {:#010x}",
            self.major, self.status
        );
        violation(code, self.routine, self.irp, self.device, message)
    }
}
