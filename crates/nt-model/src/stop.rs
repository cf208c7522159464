//! [`Stop`], a bug check as a value, and the functions that stop a run.

use crate::irql;
use crate::kernel_stack::UNEXPECTED_KERNEL_MODE_TRAP;
use crate::machine::{self, Machine};
use kmdf_sys::*;
use std::ffi::CStr;
use std::fmt;

/// The code by which the models stop a run over something that Windows leaves undefined or that is
/// not modelled; the first parameter is 0 or the address of a message (a C string).
pub const MODEL_STOP: u32 = 0x4D4F_444C;

/// How a run ended: the bug check that Windows would show, and who caused it.
#[derive(Clone, PartialEq, Eq)]
pub struct Stop {
    /// The bug check code.
    pub code: u32,
    /// The four parameters; the first often identifies the case.
    pub parameters: [u64; 4],
    /// A description of what happened, which names the call.
    pub message: String,
    /// The output of `DbgPrint` until the stop, one entry per line.
    pub debug_output: Vec<String>,
}

/// A stop as it is recorded where it happens.
pub(crate) struct Report {
    pub(crate) code: u32,
    pub(crate) parameters: [u64; 4],
    /// Empty when noted in a fault handler, which does not format.
    pub(crate) message: String,
}

impl Stop {
    /// Completes a report, on a thread that may take its time.
    pub(crate) fn new(report: Report, machine: &Machine) -> Self {
        let Report {
            code,
            parameters,
            mut message,
        } = report;
        if message.is_empty() {
            message = describe_fault(code, parameters, machine);
        }
        Self {
            code,
            parameters,
            message,
            debug_output: machine.debug.lines(),
        }
    }

    /// The bug check's symbolic name, if it is one that the models use.
    pub fn name(&self) -> Option<&'static str> {
        Some(match self.code {
            0x1 => "APC_INDEX_MISMATCH",
            0x9 => "IRQL_NOT_GREATER_OR_EQUAL",
            IRQL_NOT_LESS_OR_EQUAL => "IRQL_NOT_LESS_OR_EQUAL",
            SPIN_LOCK_ALREADY_OWNED => "SPIN_LOCK_ALREADY_OWNED",
            SPIN_LOCK_NOT_OWNED => "SPIN_LOCK_NOT_OWNED",
            REFERENCE_BY_POINTER => "REFERENCE_BY_POINTER",
            BAD_POOL_HEADER => "BAD_POOL_HEADER",
            KMODE_EXCEPTION_NOT_HANDLED => "KMODE_EXCEPTION_NOT_HANDLED",
            NO_MORE_IRP_STACK_LOCATIONS => "NO_MORE_IRP_STACK_LOCATIONS",
            DEVICE_REFERENCE_COUNT_NOT_ZERO => "DEVICE_REFERENCE_COUNT_NOT_ZERO",
            MULTIPLE_IRP_COMPLETE_REQUESTS => "MULTIPLE_IRP_COMPLETE_REQUESTS",
            CANCEL_STATE_IN_COMPLETED_IRP => "CANCEL_STATE_IN_COMPLETED_IRP",
            IRQL_GT_ZERO_AT_SYSTEM_SERVICE => "IRQL_GT_ZERO_AT_SYSTEM_SERVICE",
            PAGE_FAULT_IN_NONPAGED_AREA => "PAGE_FAULT_IN_NONPAGED_AREA",
            ATTEMPTED_SWITCH_FROM_DPC => "ATTEMPTED_SWITCH_FROM_DPC",
            SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION => "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION",
            BAD_POOL_CALLER => "BAD_POOL_CALLER",
            DRIVER_VERIFIER_DETECTED_VIOLATION => "DRIVER_VERIFIER_DETECTED_VIOLATION",
            DRIVER_CORRUPTED_EXPOOL => "DRIVER_CORRUPTED_EXPOOL",
            DRIVER_CAUGHT_MODIFYING_FREED_POOL => "DRIVER_CAUGHT_MODIFYING_FREED_POOL",
            TIMER_OR_DPC_INVALID => "TIMER_OR_DPC_INVALID",
            IRQL_UNEXPECTED_VALUE => "IRQL_UNEXPECTED_VALUE",
            DRIVER_VERIFIER_IOMANAGER_VIOLATION => "DRIVER_VERIFIER_IOMANAGER_VIOLATION",
            PAGE_FAULT_IN_FREED_SPECIAL_POOL => "PAGE_FAULT_IN_FREED_SPECIAL_POOL",
            PAGE_FAULT_BEYOND_END_OF_ALLOCATION => "PAGE_FAULT_BEYOND_END_OF_ALLOCATION",
            DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS => {
                "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS"
            }
            DRIVER_IRQL_NOT_LESS_OR_EQUAL => "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
            WORKER_THREAD_RETURNED_AT_BAD_IRQL => "WORKER_THREAD_RETURNED_AT_BAD_IRQL",
            0xFC => "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY",
            UNEXPECTED_KERNEL_MODE_TRAP => "UNEXPECTED_KERNEL_MODE_TRAP",
            WDF_VIOLATION => "WDF_VIOLATION",
            MODEL_STOP => "MODEL_STOP",
            _ => return None,
        })
    }

    /// The meaning of Driver Verifier's first parameter, if the stop is one of the verifier.
    pub fn rule(&self) -> Option<&'static str> {
        if self.code != DRIVER_VERIFIER_DETECTED_VIOLATION {
            return None;
        }
        Some(match self.parameters[0] {
            0x0 => "pool: allocation of zero bytes",
            0x1 => "pool: paged allocation above APC_LEVEL",
            0x2 => "pool: nonpaged allocation above DISPATCH_LEVEL",
            0x10 => "pool: free of an address that was not allocated",
            0x11 => "pool: paged free above APC_LEVEL",
            0x12 => "pool: nonpaged free above DISPATCH_LEVEL",
            0x13 | 0x14 => "pool: freed twice",
            0x30 => "IRQL: raised to a lower level, or out of range",
            0x31 => "IRQL: lowered to a higher level, or out of range",
            0x32 => "spin lock: released at another IRQL than DISPATCH_LEVEL",
            0x3E => "critical region: left without having been entered",
            0x40 => "spin lock: acquired at DPC level below DISPATCH_LEVEL",
            0x41 => "spin lock: released from DPC level below DISPATCH_LEVEL",
            0x42 => "spin lock: acquired above DISPATCH_LEVEL",
            0x51..=0x59 => "pool tracking: written past the end of a block",
            0x60..=0x62 => "pool tracking: driver unloaded without freeing its pool",
            0x80 => "event: set above DISPATCH_LEVEL",
            0xC5 => "I/O: dispatch routine changed the thread's APC disable count",
            0xCA => "lookaside list: initialised again",
            0xCB => "lookaside list: deleted without having been initialised",
            0xCC => "lookaside list: freed with the memory that holds it",
            0xCD => "lookaside list: entries too small",
            0xE1 => "synchronization object in pageable memory",
            0xE5 => "call at too high an IRQL",
            0xFA => "I/O: completion routine changed the IRQL",
            0x105 => "I/O: IRP freed as pool",
            0x11A => "critical region: entered above APC_LEVEL",
            0x11B => "critical region: left above APC_LEVEL",
            0x120..=0x122 => "wait: at too high an IRQL",
            0x2000 => "code integrity: executable pool",
            0x2_0006 => "DDI compliance: IrqlExApcLte2",
            0x2_0016 => "DDI compliance: IrqlKeSetEvent",
            0x2_001F => "DDI compliance: IrqlZwPassive",
            _ => return None,
        })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, fourth] = self.parameters;
        write!(formatter, "bug check {:#X}", self.code)?;
        if let Some(name) = self.name() {
            write!(formatter, " {name}")?;
        }
        write!(
            formatter,
            " ({first:#X}, {second:#X}, {third:#X}, {fourth:#X})"
        )?;
        if let Some(rule) = self.rule() {
            write!(formatter, " [{rule}]")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")?;
        for line in &self.debug_output {
            write!(formatter, "\n    | {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Stop {}

/// Describes an access that was denied.
fn describe_fault(code: u32, parameters: [u64; 4], machine: &Machine) -> String {
    let exception = code == KMODE_EXCEPTION_NOT_HANDLED;
    let address = parameters[if exception { 3 } else { 0 }];
    let block = machine.pool.describe(address as usize);
    let block = block.map_or(String::new(), |block| format!("; nearest: {block}"));
    let (kind, what) = match code {
        DRIVER_IRQL_NOT_LESS_OR_EQUAL => (
            parameters[2],
            "pageable memory, accessed at DISPATCH_LEVEL or above",
        ),
        KMODE_EXCEPTION_NOT_HANDLED => (
            parameters[2],
            "no memory: the pointer was null or never written",
        ),
        PAGE_FAULT_BEYOND_END_OF_ALLOCATION => {
            (parameters[1], "past the end of a block of special pool")
        }
        PAGE_FAULT_IN_FREED_SPECIAL_POOL => (parameters[1], "a freed block of special pool"),
        PAGE_FAULT_IN_NONPAGED_AREA => (parameters[1], "pool memory that belongs to no block"),
        UNEXPECTED_KERNEL_MODE_TRAP => {
            return "a routine of the driver overflowed the stack; does it recurse without end?"
                .into();
        }
        MODEL_STOP => return "the system has no more mappings for the pool's pages".into(),
        _ => return format!("instructions were fetched from pool memory at {address:#x}{block}"),
    };
    let access = if kind == 0 { "read" } else { "write" };
    format!("{access} at {address:#x}, which is {what}{block}")
}

/// Stops the run: reports and keeps the calling thread for good.
pub(crate) fn bug_check(code: u32, parameters: [u64; 4], message: impl Into<String>) -> ! {
    machine::current().stop(Report {
        code,
        parameters,
        message: message.into(),
    });
    machine::park()
}

/// Stops the run for a call that is not modelled.
pub(crate) fn not_modelled(what: String) -> ! {
    bug_check(MODEL_STOP, [0; 4], format!("{what} is not modelled"));
}

/// Stops the run for an unhandled exception.
pub(crate) fn exception(status: NTSTATUS, address: usize, message: String) -> ! {
    let irql = irql::current();
    if status == STATUS_ACCESS_VIOLATION && u32::from(irql) >= DISPATCH_LEVEL {
        let parameters = [address as u64, irql.into(), 0, 0];
        bug_check(DRIVER_IRQL_NOT_LESS_OR_EQUAL, parameters, message);
    }
    let parameters = [u64::from(status as u32), 0, 0, address as u64];
    bug_check(KMODE_EXCEPTION_NOT_HANDLED, parameters, message);
}

/// Stops the run on behalf of a driver or of the framework model.
///
/// # Safety
///
/// With code [`MODEL_STOP`] the first parameter must be 0 or the address of a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn KeBugCheckEx(
    code: ULONG,
    first: ULONG_PTR,
    second: ULONG_PTR,
    third: ULONG_PTR,
    fourth: ULONG_PTR,
) -> ! {
    let machine = machine::enter();
    let message = if code == MODEL_STOP && first != 0 {
        // SAFETY: Not 0, so the address of a C string.
        let message = unsafe { CStr::from_ptr(first as *const _) };
        message.to_string_lossy().into_owned()
    } else {
        // What a framework or driver says before it stops.
        match machine.debug.lines().last() {
            Some(line) => format!("KeBugCheckEx was called, after: {line}"),
            None => "KeBugCheckEx was called".into(),
        }
    };
    bug_check(code, [first, second, third, fourth], message);
}
