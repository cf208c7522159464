//! Critical regions: `KeEnterCriticalRegion` and `KeLeaveCriticalRegion`.

use crate::irql;
use crate::machine::{Machine, enter};
use crate::verifier::Violation;
use kmdf_sys::{APC_LEVEL, IRQL_NOT_LESS_OR_EQUAL};
use std::cell::Cell;

/// Bug check `APC_INDEX_MISMATCH`: a critical region was entered and not left, or left twice.
const APC_INDEX_MISMATCH: u32 = 0x1;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// How many critical regions the calling thread is in.
pub(crate) fn depth() -> u32 {
    DEPTH.get()
}

fn require_apc(machine: &Machine, case: u64, call: &str) {
    let irql = irql::current();
    if u32::from(irql) > APC_LEVEL {
        Violation {
            verifier: [case, irql.into(), 0, 0],
            plain: (IRQL_NOT_LESS_OR_EQUAL, [0, irql.into(), 0, 0]),
        }
        .stop(machine, format!("{call} at IRQL {irql}"));
    }
}

#[unsafe(no_mangle)]
extern "C" fn KeEnterCriticalRegion() {
    let machine = enter();
    require_apc(&machine, 0x11A, "KeEnterCriticalRegion");
    DEPTH.set(depth() + 1);
}

#[unsafe(no_mangle)]
extern "C" fn KeLeaveCriticalRegion() {
    let machine = enter();
    require_apc(&machine, 0x11B, "KeLeaveCriticalRegion");
    if depth() == 0 {
        Violation {
            verifier: [0x3E, 0, 0, 0],
            plain: (APC_INDEX_MISMATCH, [0, 0, 1, 0]),
        }
        .stop(
            &machine,
            "KeLeaveCriticalRegion outside any critical region".into(),
        );
    }
    DEPTH.set(depth() - 1);
}
