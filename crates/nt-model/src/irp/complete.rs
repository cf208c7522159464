//! `IoCompleteRequest`: the completion of an IRP, up through its stack locations.

use super::{
    COMPLETION_ROUTINE, CONTEXT, CONTROL, CURRENT_LOCATION, DEVICE, INFORMATION, Irp, Location,
    PENDING_RETURNED, Passed, STACK_COUNT, STATUS, cancel, violation,
};
use crate::io::level;
use crate::io::request::SentRequest;
use crate::machine::{self, Machine};
use crate::object::Shared;
use crate::{irql, stop};
use kmdf_sys::*;
use std::ptr::null_mut;
use std::sync::Arc;

#[unsafe(no_mangle)]
unsafe extern "C" fn IofCompleteRequest(irp: PIRP, _priority_boost: CCHAR) {
    let machine = machine::enter();
    let live = {
        let tables = machine.io.tables();
        tables
            .irps
            .get(&irp.addr())
            .is_some_and(|record| !record.completed)
    };
    if !live {
        stop::bug_check(
            MULTIPLE_IRP_COMPLETE_REQUESTS,
            [irp.addr() as u64, 0, 0, 0],
            "IoCompleteRequest: the IRP was already completed",
        );
    }
    // SAFETY: The table knows it and it is not completed, so it is allocated; the caller owns it.
    let irp = unsafe { Shared::new(irp) };
    complete(&machine, irp);
}

/// Completes an IRP for the driver that has it.
pub(crate) fn complete(machine: &Machine, irp: Irp) {
    if machine.config.verifier.io_verification {
        check(irp);
    }
    while irp.get(CURRENT_LOCATION) <= irp.get(STACK_COUNT) {
        let location = irp.current();
        let passed = Passed {
            status: irp.get(STATUS),
            marked_pending: location.is_marked_pending(),
        };
        note(machine, irp, passed);
        irp.set(PENDING_RETURNED, passed.marked_pending.into());
        let routine = wanted_routine(irp, location);
        let context = location.get(CONTEXT);
        irp.move_location(1);
        location.set(CONTROL, 0);
        location.set(COMPLETION_ROUTINE, None);
        if let Some(routine) = routine {
            if !call_routine(machine, irp, routine, context) {
                return;
            }
        } else if passed.marked_pending && has_location(irp) {
            irp.current().mark_pending();
        }
    }
    let request = finish(machine, irp);
    request.complete(machine, irp.get(STATUS), irp.get(INFORMATION) as usize);
}

type CompletionRoutine = unsafe extern "C" fn(*mut _DEVICE_OBJECT, *mut _IRP, PVOID) -> NTSTATUS;

fn has_location(irp: Irp) -> bool {
    irp.get(CURRENT_LOCATION) <= irp.get(STACK_COUNT)
}

fn check(irp: Irp) {
    let level = irql::current();
    let address = irp.address();
    if u32::from(level) > DISPATCH_LEVEL {
        violation(
            0xE,
            level.into(),
            address,
            0,
            "IoCompleteRequest was called above DISPATCH_LEVEL",
        );
    }
    let status = irp.get(STATUS);
    if status == STATUS_PENDING || status == -1 {
        violation(
            6,
            status as u32 as usize,
            address,
            0,
            format!("IoCompleteRequest: the IRP has the status {status:#010x}"),
        );
    }
    if let Some(routine) = cancel::routine_of(irp) {
        violation(
            7,
            routine as usize,
            address,
            0,
            "IoCompleteRequest: the cancel routine of the IRP is still set",
        );
    }
}

/// Notes, for the calls of `IoCallDriver` that used this stack location, how it was left.
fn note(machine: &Machine, irp: Irp, passed: Passed) {
    let location = irp.get(CURRENT_LOCATION);
    let mut tables = machine.io.tables();
    let Some(record) = tables.irps.get_mut(&irp.address()) else {
        return;
    };
    record.calls.retain(|call| {
        let here = call.location == location;
        if here {
            let _ = call.passed.set(passed);
        }
        !here
    });
}

/// The completion routine of this stack location, if it was set for this outcome.
fn wanted_routine(irp: Irp, location: Location) -> Option<CompletionRoutine> {
    let control = u32::from(location.get(CONTROL));
    let outcome = if NT_SUCCESS(irp.get(STATUS)) {
        SL_INVOKE_ON_SUCCESS
    } else {
        SL_INVOKE_ON_ERROR
    };
    let cancelled = cancel::is_cancelled(irp) && control & SL_INVOKE_ON_CANCEL != 0;
    let wanted = control & outcome != 0 || cancelled;
    location.get(COMPLETION_ROUTINE).filter(|_| wanted)
}

/// Calls a completion routine; false if it stopped the completion, after which the IRP may be freed.
fn call_routine(machine: &Machine, irp: Irp, routine: CompletionRoutine, context: PVOID) -> bool {
    let pending = irp.get(PENDING_RETURNED) != 0;
    let device = if has_location(irp) {
        irp.current().get(DEVICE)
    } else {
        null_mut()
    };
    let before = irql::current();
    // SAFETY: Set by the driver above, called as it asked.
    let status = unsafe { routine(device, irp.as_ptr(), context) };
    level::expect(before, "an I/O completion routine");
    if status == STATUS_MORE_PROCESSING_REQUIRED {
        return false;
    }
    let checked = machine.config.verifier.io_verification;
    if checked && pending && has_location(irp) && !irp.current().is_marked_pending() {
        violation(
            0x228,
            routine as usize,
            irp.address(),
            device.addr(),
            "a completion routine did not mark the IRP pending although PendingReturned was set",
        );
    }
    true
}

/// Ends the completion: finds the request that waits for the IRP.
fn finish(machine: &Machine, irp: Irp) -> Arc<SentRequest> {
    let request = {
        let mut tables = machine.io.tables();
        let record = tables.irps.get_mut(&irp.address());
        record.and_then(|record| {
            record.completed = true;
            record.request.clone()
        })
    };
    request.unwrap_or_else(|| {
        stop::bug_check(
            stop::MODEL_STOP,
            [irp.address() as u64, 0, 0, 0],
            "an IRP made with IoAllocateIrp was completed all the way: its sender must take it \
             back with STATUS_MORE_PROCESSING_REQUIRED in a completion routine",
        )
    })
}
