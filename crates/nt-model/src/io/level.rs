//! Checks that driver code returns at the IRQL at which it was called.

use crate::machine::Machine;
use crate::{critical, irql, stop, verifier};
use kmdf_sys::{
    IRQL_GT_ZERO_AT_SYSTEM_SERVICE, IRQL_NOT_LESS_OR_EQUAL, IRQL_UNEXPECTED_VALUE, KIRQL,
};

/// Stops the run unless the IRQL is what it was before `what` was called.
pub(crate) fn expect(before: KIRQL, what: &str) {
    let after = irql::current();
    if after != before {
        stop::bug_check(
            IRQL_UNEXPECTED_VALUE,
            [u64::from(after) << 16 | u64::from(before) << 8, 0, 0, 0],
            format!("{what} returned at IRQL {after}, called at {before}"),
        );
    }
}

/// Bug check `APC_INDEX_MISMATCH`: a critical region was entered and not left, or left twice.
const APC_INDEX_MISMATCH: u32 = 1;

/// Stops the run if a thread would leave the kernel at a raised IRQL or in a critical region.
pub(crate) fn expect_passive_at_return(service: &str) {
    let level = irql::current();
    if level != 0 {
        stop::bug_check(
            IRQL_GT_ZERO_AT_SYSTEM_SERVICE,
            [0, level.into(), 0, 0],
            format!("{service} would return to user mode at IRQL {level}"),
        );
    }
    let depth = critical::depth();
    if depth != 0 {
        stop::bug_check(
            APC_INDEX_MISMATCH,
            [0, 0, depth.into(), 0],
            format!("{service} would return to user mode inside {depth} critical region(s)"),
        );
    }
}

/// Rules of DDI compliance checking on the IRQL of I/O manager calls, by their verifier codes.
pub(crate) mod rule {
    pub(crate) const IO_APC_LTE: u64 = 0x20009;
    pub(crate) const IO_PASSIVE_3: u64 = 0x2000C;
    pub(crate) const IO_PASSIVE_4: u64 = 0x2000D;
    /// The code for calls without a compliance rule.
    pub(crate) const NONE: u64 = 0;
}

/// Stops the run if `call` is called above `highest`: by the compliance rule if there is one, else
/// as pageable kernel code faults.
pub(crate) fn require(machine: &Machine, highest: u32, rule: u64, call: &str) {
    if rule != rule::NONE {
        verifier::require_irql(machine, highest, rule, call, 0);
    }
    let level = irql::current();
    if u32::from(level) > highest {
        stop::bug_check(
            IRQL_NOT_LESS_OR_EQUAL,
            [0, level.into(), 0, 0],
            format!("{call} was called at IRQL {level}; it runs at IRQL <= {highest}"),
        );
    }
}
