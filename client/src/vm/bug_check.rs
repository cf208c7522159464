//! The bug checks that a driver like this one can cause, explained.

use serde::Serialize;

/// A bug check as Windows records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BugCheck {
    pub code: u32,
    /// Its parameters; what each means depends on the code.
    pub parameters: [u64; 4],
}

impl BugCheck {
    /// Reads what event 1001 gives: `0x000000c4 (0x…, 0x…, 0x…, 0x…)`.
    pub fn parse(text: &str) -> Option<Self> {
        let (code, rest) = text.trim().split_once('(')?;
        let mut parameters = rest.trim_end_matches(')').split(',').map(hexadecimal);
        let mut next = || parameters.next().flatten();
        let parameters = [next()?, next()?, next()?, next()?];
        Some(Self {
            code: u32::try_from(hexadecimal(code)?).ok()?,
            parameters,
        })
    }

    /// The name of the code.
    pub fn name(&self) -> Option<&'static str> {
        row(BUG_CHECKS, self.code).map(|(name, _)| name)
    }

    /// What happened, with what the first parameter adds.
    pub fn meaning(&self) -> String {
        let Some((_, meaning)) = row(BUG_CHECKS, self.code) else {
            return "not known to be caused by a driver like this one".to_owned();
        };
        let case = u32::try_from(self.parameters[0]).ok();
        let detail = match self.code {
            DRIVER_VERIFIER_DETECTED_VIOLATION => case.and_then(violation),
            WDF_VIOLATION => case.and_then(framework_violation),
            _ => None,
        };
        match detail {
            Some(detail) => format!("{meaning}: {detail}"),
            None => meaning.to_owned(),
        }
    }
}

/// What to do about any bug check.
pub const NEXT: &str = "open the dump in WinDbg: `!analyze -v`, then `!wdfkd.wdflogdump wdfmem.sys` for the \
     framework's log and `!verifier 3 wdfmem.sys` for its pool";

const DRIVER_VERIFIER_DETECTED_VIOLATION: u32 = 0xC4;
const WDF_VIOLATION: u32 = 0x10D;

fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.trim().strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok()
}

fn row(
    table: &[(u32, &'static str, &'static str)],
    code: u32,
) -> Option<(&'static str, &'static str)> {
    let found = table.iter().find(|row| row.0 == code)?;
    Some((found.1, found.2))
}

#[rustfmt::skip]
const BUG_CHECKS: &[(u32, &str, &str)] = &[
    (0x1, "APC_INDEX_MISMATCH", "a critical region was entered and not left, or left twice"),
    (0x9, "IRQL_NOT_GREATER_OR_EQUAL", "the IRQL was raised to a lower level"),
    (0xA, "IRQL_NOT_LESS_OR_EQUAL", "pageable or invalid memory was accessed at DISPATCH_LEVEL or above, in a kernel routine"),
    (0xF, "SPIN_LOCK_ALREADY_OWNED", "a spin lock was acquired twice by its owner"),
    (0x10, "SPIN_LOCK_NOT_OWNED", "a spin lock was released that was not held"),
    (0x18, "REFERENCE_BY_POINTER", "an object's reference count does not fit its use: released once too often"),
    (0x19, "BAD_POOL_HEADER", "a pool block's header was overwritten, by its neighbour in most cases"),
    (0x1A, "MEMORY_MANAGEMENT", "the memory manager found its own data damaged; a malformed image section does it, too"),
    (0x1E, "KMODE_EXCEPTION_NOT_HANDLED", "an unhandled exception; 0x80000003 is a break without a debugger"),
    (0x35, "NO_MORE_IRP_STACK_LOCATIONS", "a request was sent to more drivers than it has stack locations for"),
    (0x36, "DEVICE_REFERENCE_COUNT_NOT_ZERO", "a device was deleted while it was in use"),
    (0x3B, "SYSTEM_SERVICE_EXCEPTION", "an exception in a system service that called the driver"),
    (0x44, "MULTIPLE_IRP_COMPLETE_REQUESTS", "a request was completed twice"),
    (0x48, "CANCEL_STATE_IN_COMPLETED_IRP", "a request was completed that could still be cancelled"),
    (0x4A, "IRQL_GT_ZERO_AT_SYSTEM_SERVICE", "the driver returned to user mode with the IRQL raised"),
    (0x50, "PAGE_FAULT_IN_NONPAGED_AREA", "an access to invalid memory: freed, or never allocated"),
    (0x7E, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED", "an unhandled exception in a system thread"),
    (0x7F, "UNEXPECTED_KERNEL_MODE_TRAP", "a processor exception; 0x8 is a double fault, a kernel stack overflow in most cases"),
    (0x9F, "DRIVER_POWER_STATE_FAILURE", "a power request was not completed in time"),
    (0xB8, "ATTEMPTED_SWITCH_FROM_DPC", "a wait at DISPATCH_LEVEL"),
    (0xC1, "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION", "the driver wrote outside a block of special pool"),
    (0xC2, "BAD_POOL_CALLER", "a wrong call of the pool: freed twice, or at too high an IRQL"),
    (0xC4, "DRIVER_VERIFIER_DETECTED_VIOLATION", "Driver Verifier found a violation"),
    (0xC5, "DRIVER_CORRUPTED_EXPOOL", "the pool is damaged: something wrote to a freed block"),
    (0xC6, "DRIVER_CAUGHT_MODIFYING_FREED_POOL", "the driver wrote to a freed block"),
    (0xC7, "TIMER_OR_DPC_INVALID", "freed memory still holds a timer, a DPC, a work item or a lookaside list"),
    (0xC8, "IRQL_UNEXPECTED_VALUE", "the IRQL is not what it must be"),
    (0xC9, "DRIVER_VERIFIER_IOMANAGER_VIOLATION", "Driver Verifier's I/O checks found a violation"),
    (0xCC, "PAGE_FAULT_IN_FREED_SPECIAL_POOL", "use after free: the block is in special pool"),
    (0xCD, "PAGE_FAULT_BEYOND_END_OF_ALLOCATION", "an access past the end of a block in special pool"),
    (0xCE, "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS", "the driver was unloaded while a callback was still pending"),
    (0xD1, "DRIVER_IRQL_NOT_LESS_OR_EQUAL", "the driver accessed pageable or invalid memory at DISPATCH_LEVEL or above"),
    (0xD5, "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL", "the driver used a block of special pool after its free"),
    (0xD6, "DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION", "the driver accessed memory past the end of a block in special pool"),
    (0xE1, "WORKER_THREAD_RETURNED_AT_BAD_IRQL", "a work item returned with the IRQL raised"),
    (0xE6, "DRIVER_VERIFIER_DMA_VIOLATION", "Driver Verifier's DMA checks found a violation"),
    (0xF7, "DRIVER_OVERRAN_STACK_BUFFER", "the driver overran a buffer on its stack"),
    (0xFC, "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY", "memory was executed that is not code"),
    (0x10D, "WDF_VIOLATION", "the framework found a violation"),
    (0x124, "WHEA_UNCORRECTABLE_ERROR", "the machine itself failed, not the driver"),
    (0x133, "DPC_WATCHDOG_VIOLATION", "too long at DISPATCH_LEVEL or above"),
    (0x139, "KERNEL_SECURITY_CHECK_FAILURE", "the kernel found damaged data, a list entry in most cases"),
    (0x13A, "KERNEL_MODE_HEAP_CORRUPTION", "the pool is damaged"),
    (0x1C4, "DRIVER_VERIFIER_DETECTED_VIOLATION_LIVEDUMP", "Driver Verifier found a violation and wrote a dump without stopping"),
];

/// The first parameter of bug check 0xC4.
fn violation(case: u32) -> Option<&'static str> {
    Some(match case {
        0x0 => "an allocation of zero bytes",
        0x1 => "a paged allocation above APC_LEVEL",
        0x2 => "a nonpaged allocation above DISPATCH_LEVEL",
        0x10 => "a free of memory that was not allocated",
        0x11 => "a free of paged pool above APC_LEVEL",
        0x12 => "a free of nonpaged pool above DISPATCH_LEVEL",
        0x13 | 0x14 => "a block was freed twice",
        0x16 => "a free of an address that is no block's beginning",
        0x30 => "KeRaiseIrql to a lower or an invalid level",
        0x31 => "KeLowerIrql to a higher or an invalid level",
        0x32 => "KeReleaseSpinLock at another level than DISPATCH_LEVEL",
        0x37 => "a paged allocation above APC_LEVEL, with a tag",
        0x3E => "KeLeaveCriticalRegion without KeEnterCriticalRegion",
        0x40 => "KeAcquireSpinLockAtDpcLevel below DISPATCH_LEVEL",
        0x41 => "KeReleaseSpinLockFromDpcLevel below DISPATCH_LEVEL",
        0x42 => "KeAcquireSpinLock above DISPATCH_LEVEL",
        0x51..=0x59 => "the driver wrote past the end of a block",
        0x60..=0x62 => {
            "the driver was unloaded without freeing all of its pool; parameter 4 is how many blocks are left"
        }
        0x80 => "KeSetEvent above DISPATCH_LEVEL",
        0x91 => "the stack was switched in a way that Windows does not know",
        0xC5 => "a dispatch routine changed the thread's APC disable count",
        0xCA => "a lookaside list was initialised again",
        0xCB => "a lookaside list was deleted that had not been initialised",
        0xCC => "the memory that holds a lookaside list was freed",
        0xCD => "a lookaside list's entries are too small",
        0xD0..=0xD2 => "an ERESOURCE was used wrongly",
        0xE1 => "a synchronization object lies in pageable memory",
        0xE5 => "a call at too high an IRQL",
        0xF6 => "a handle of user mode was used as one of the kernel's",
        0xFA => "a completion routine changed the IRQL",
        0x105 => "a request was freed as pool",
        0x11A => "KeEnterCriticalRegion above APC_LEVEL",
        0x11B => "KeLeaveCriticalRegion above APC_LEVEL",
        0x120..=0x122 => "a wait at too high an IRQL",
        0x1000..=0x100B => "a deadlock is possible: locks are acquired in different orders",
        0x2_0000..=0x9_FFFF => {
            "a rule of DDI compliance was broken; parameter 2 is the rule's text"
        }
        _ => return None,
    })
}

/// The first parameter of bug check 0x10D.
fn framework_violation(case: u32) -> Option<&'static str> {
    Some(match case {
        0x1 => "a power callback did not return in time",
        0x2 => "a lock was acquired that is held already",
        0x3 => "a request was completed while its memory objects are still referenced",
        0x4 => "a null argument where one must be given",
        0x5 => "a handle of the wrong type, or one that was deleted",
        0x6 => "a request was used wrongly; parameter 2 says how",
        0x7 => "WdfObjectDereference released an object that WdfObjectDelete must delete",
        0x8 => "a DMA transaction was used wrongly",
        0xA => "a queue was used wrongly",
        0xB => "a lock was used wrongly: released without being held, or from another thread",
        0xC | 0xD => "Plug and Play or power: the device's state does not allow this",
        0xE => "a callback returned with another IRQL",
        0xF => "a callback returned in a critical region",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_event_1001_is_read() {
        let text = "0x000000c4 (0x0000000000000062, 0xffffc40f5a3b7060, 0xfffff8012c4a7850, 0x0000000000000002)";
        let stop = BugCheck::parse(text).unwrap();
        assert_eq!(stop.code, 0xC4);
        assert_eq!(
            stop.parameters,
            [0x62, 0xFFFF_C40F_5A3B_7060, 0xFFFF_F801_2C4A_7850, 2]
        );
        assert_eq!(stop.name(), Some("DRIVER_VERIFIER_DETECTED_VIOLATION"));
        assert!(stop.meaning().contains("without freeing all of its pool"));
        for wrong in ["", "0xc4", "c4 (1, 2, 3, 4)", "0xc4 (0x1, 0x2, 0x3)"] {
            assert_eq!(BugCheck::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_unknown_code_and_an_unknown_case_are_reported_as_unknown() {
        let stop = |code, first| BugCheck {
            code,
            parameters: [first, 0, 0, 0],
        };
        assert!(stop(0xFFFF, 0).meaning().contains("not known to be caused"));
        assert_eq!(
            stop(0x10D, 0x99).meaning(),
            "the framework found a violation"
        );
    }

    /// Every bug check of the models is explained, under the same name.
    #[cfg(not(wdk))]
    #[test]
    fn every_bug_check_of_the_models_is_known_by_the_same_name() {
        let mut known = 0;
        for code in 0..0x1000 {
            let stop = nt_model::Stop {
                code,
                parameters: [0; 4],
                message: String::new(),
                debug_output: Vec::new(),
            };
            let Some(name) = stop.name() else { continue };
            known += 1;
            let ours = BugCheck {
                code,
                parameters: [0; 4],
            };
            assert_eq!(ours.name(), Some(name), "{code:#X}");
        }
        assert!(known > 25, "{known}");
    }
}
