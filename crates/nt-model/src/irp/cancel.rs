//! Cancelling IRPs, and the system-wide cancel spin lock.

use super::{CANCEL, CANCEL_IRQL, CANCEL_ROUTINE, CURRENT_LOCATION, DEVICE, Irp, STACK_COUNT};
use crate::io::level;
use crate::machine::{self, Machine};
use crate::object::Shared;
use crate::stop;
use kmdf_sys::ntddk::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};
use kmdf_sys::*;
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};

fn acquire(machine: &Machine) -> KIRQL {
    let lock = machine.io.cancel_lock.as_ptr();
    // SAFETY: The machine's own lock, which lives as long as it does.
    unsafe { KeAcquireSpinLockRaiseToDpc(lock) }
}

fn release(machine: &Machine, level: KIRQL) {
    let lock = machine.io.cancel_lock.as_ptr();
    // SAFETY: As in `acquire`; that the caller holds it is checked there.
    unsafe { KeReleaseSpinLock(lock, level) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoAcquireCancelSpinLock(irql: PKIRQL) {
    let machine = machine::enter();
    let level = acquire(&machine);
    // SAFETY: The caller passes a place for the old IRQL.
    unsafe { irql.write(level) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoReleaseCancelSpinLock(irql: KIRQL) {
    let machine = machine::enter();
    release(&machine, irql);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn IoCancelIrp(irp: PIRP) -> BOOLEAN {
    let machine = machine::enter();
    if !machine.io.tables().irps.contains_key(&irp.addr()) {
        stop::bug_check(
            CANCEL_STATE_IN_COMPLETED_IRP,
            [irp.addr() as u64, 0, 0, 0],
            "IoCancelIrp: the argument is not an IRP, or was already freed",
        );
    }
    // SAFETY: The table knows it; the caller sees to it that it is not freed meanwhile.
    let irp = unsafe { Shared::new(irp) };
    cancel(&machine, irp).into()
}

/// Marks the IRP cancelled and calls its cancel routine; false if it has none.
pub(crate) fn cancel(machine: &Machine, irp: Irp) -> bool {
    let before = acquire(machine);
    cancel_flag(irp).store(1, Ordering::Release);
    let Some(routine) = take_routine(irp) else {
        release(machine, before);
        return false;
    };
    if irp.get(CURRENT_LOCATION) > irp.get(STACK_COUNT) {
        stop::bug_check(
            CANCEL_STATE_IN_COMPLETED_IRP,
            [irp.address() as u64, routine as usize as u64, 0, 0],
            "IoCancelIrp found a cancel routine in a completed IRP",
        );
    }
    irp.set(CANCEL_IRQL, before);
    let device = irp.current().get(DEVICE);
    // SAFETY: Set by the driver that has the IRP; called with the cancel spin lock held, which the
    // routine releases.
    unsafe { routine(device, irp.as_ptr()) };
    level::expect(
        before,
        "a cancel routine, which must release the cancel spin lock",
    );
    true
}

type CancelRoutine = unsafe extern "C" fn(*mut _DEVICE_OBJECT, *mut _IRP);

/// Whether the IRP has been cancelled.
pub(crate) fn is_cancelled(irp: Irp) -> bool {
    cancel_flag(irp).load(Ordering::Acquire) != 0
}

fn cancel_flag<'a>(irp: Irp) -> &'a AtomicU8 {
    // SAFETY: A field of a live IRP which all sides here touch atomically.
    unsafe { AtomicU8::from_ptr(irp.pointer(CANCEL)) }
}

/// The IRP's cancel routine, which another thread may be exchanging.
pub(super) fn routine_of(irp: Irp) -> Option<CancelRoutine> {
    as_routine(routine_slot(irp).load(Ordering::Acquire))
}

/// Clears the cancel routine, as `IoSetCancelRoutine(irp, NULL)` does.
fn take_routine(irp: Irp) -> Option<CancelRoutine> {
    as_routine(routine_slot(irp).swap(null_mut(), Ordering::AcqRel))
}

fn routine_slot<'a>(irp: Irp) -> &'a AtomicPtr<()> {
    let slot = irp.pointer(CANCEL_ROUTINE).cast::<*mut ()>();
    // SAFETY: A pointer-sized field of a live IRP which all sides exchange atomically.
    unsafe { AtomicPtr::from_ptr(slot) }
}

fn as_routine(routine: *mut ()) -> Option<CancelRoutine> {
    // SAFETY: The field is an optional function pointer, for which null is none.
    unsafe { transmute::<*mut (), Option<CancelRoutine>>(routine) }
}
