//! IRQL per thread: `KeGetCurrentIrql`, `KfRaiseIrql`, `KeLowerIrql`.

use crate::dpc;
use crate::machine::{Kernel, Machine, current as machine, enter};
use crate::verifier::Violation;
use kmdf_sys::{DISPATCH_LEVEL, IRQL_NOT_LESS_OR_EQUAL, KIRQL};
use std::cell::Cell;
use std::sync::atomic::Ordering;

/// The highest IRQL of a processor.
const HIGH_LEVEL: KIRQL = 15;

const DISPATCH: KIRQL = DISPATCH_LEVEL as KIRQL;

/// Bug check `IRQL_NOT_GREATER_OR_EQUAL`: the IRQL was raised to a lower level.
const IRQL_NOT_GREATER_OR_EQUAL: u32 = 0x9;

thread_local! {
    static IRQL: Cell<KIRQL> = const { Cell::new(0) };
}

/// IRQL of the calling thread.
pub(crate) fn current() -> KIRQL {
    IRQL.get()
}

/// Raises the calling thread's IRQL and returns the old one.
pub(crate) fn raise(to: KIRQL) -> KIRQL {
    let from = IRQL.replace(to);
    if from < DISPATCH && to >= DISPATCH {
        let machine = machine();
        if machine.config.verifier.force_irql_checking {
            machine.pool.paged().enter_dispatch();
        }
    }
    from
}

/// Lowers the calling thread's IRQL. DPCs that it queued run on the way.
pub(crate) fn lower(to: KIRQL) {
    if IRQL.get() >= DISPATCH && to < DISPATCH {
        IRQL.set(DISPATCH);
        dpc::run_queued();
        leave_dispatch(&machine());
    }
    IRQL.set(to);
}

fn leave_dispatch(machine: &Machine) {
    if machine.config.verifier.force_irql_checking && !machine.is_dead() {
        machine.pool.paged().leave_dispatch();
    }
}

/// Resets a thread that leaves the kernel to `PASSIVE_LEVEL`.
pub(crate) fn reset_thread(machine: &Machine) {
    if IRQL.replace(0) >= DISPATCH {
        leave_dispatch(machine);
    }
}

impl Kernel {
    /// The calling thread's IRQL.
    pub fn irql(&self) -> u8 {
        self.enter();
        current()
    }

    /// Runs `action` with the calling thread's IRQL raised to `level`.
    ///
    /// # Panics
    ///
    /// If the thread's IRQL is above `level`, or `action` leaves it changed.
    pub fn at_irql<T>(&self, level: u8, action: impl FnOnce() -> T) -> T {
        self.enter();
        assert!(current() <= level, "the IRQL is above {level} already");
        let before = raise(level);
        let result = action();
        assert_eq!(current(), level, "the IRQL was changed");
        lower(before);
        result
    }
}

#[unsafe(no_mangle)]
extern "C" fn KeGetCurrentIrql() -> KIRQL {
    enter();
    current()
}

#[unsafe(no_mangle)]
extern "C" fn KfRaiseIrql(new: KIRQL) -> KIRQL {
    let machine = enter();
    let old = current();
    if new < old || new > HIGH_LEVEL {
        let [second, third] = [u64::from(old), u64::from(new)];
        Violation {
            verifier: [0x30, second, third, 0],
            plain: (IRQL_NOT_GREATER_OR_EQUAL, [second, third, 0, 0]),
        }
        .stop(&machine, format!("KeRaiseIrql from {old} to {new}"));
    }
    machine.raises.fetch_add(1, Ordering::Relaxed);
    raise(new)
}

#[unsafe(no_mangle)]
extern "C" fn KeLowerIrql(new: KIRQL) {
    let machine = enter();
    lower_checked(&machine, new, "KeLowerIrql");
}

/// Lowers the IRQL for a driver, whose argument may be wrong.
pub(crate) fn lower_checked(machine: &Machine, new: KIRQL, call: &str) {
    let old = current();
    if new > old {
        let [second, third] = [u64::from(old), u64::from(new)];
        Violation {
            verifier: [0x31, second, third, 0],
            plain: (IRQL_NOT_LESS_OR_EQUAL, [third, second, 0, 0]),
        }
        .stop(machine, format!("{call} from {old} to {new}"));
    }
    lower(new);
}
