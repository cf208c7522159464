//! Driver Verifier: its bug checks, its counters, and its checks at unload.

use crate::machine::{Kernel, Machine};
use crate::pool::{Pool, tag_text};
use crate::stop::bug_check;
use crate::{irql, lookaside};
use kmdf_sys::{DRIVER_VERIFIER_DETECTED_VIOLATION, TIMER_OR_DPC_INVALID};
use std::fmt;
use std::sync::atomic::Ordering;

/// A broken rule that Driver Verifier reports with a bug check of its own.
#[derive(Clone, Copy)]
pub(crate) struct Violation {
    /// Parameters of bug check 0xC4, when the verifier is on.
    pub(crate) verifier: [u64; 4],
    /// Code and parameters of the kernel's own bug check, when the verifier is off.
    pub(crate) plain: (u32, [u64; 4]),
}

impl Violation {
    /// Stops the run with the bug check of the verifier or of the kernel.
    pub(crate) fn stop(self, machine: &Machine, message: String) -> ! {
        if machine.config.verifier.is_on() {
            bug_check(DRIVER_VERIFIER_DETECTED_VIOLATION, self.verifier, message);
        }
        let (code, parameters) = self.plain;
        bug_check(code, parameters, message);
    }
}

/// Verifier's rule for a call at the wrong IRQL that no DDI compliance rule is about.
pub(crate) const WRONG_IRQL: u64 = 0xE5;

/// Stops the run if the IRQL is above `highest`. With DDI compliance checking the `rule` is named.
pub(crate) fn require_irql(machine: &Machine, highest: u32, rule: u64, call: &str, object: u64) {
    let irql = irql::current();
    if u32::from(irql) <= highest {
        return;
    }
    let message = format!("{call} at IRQL {irql}, allowed up to {highest}");
    if machine.config.verifier.ddi_compliance {
        // DDI compliance rules point at a text here.
        let second = if rule == WRONG_IRQL {
            u64::from(irql)
        } else {
            0
        };
        let parameters = [rule, second, 0, 0];
        bug_check(DRIVER_VERIFIER_DETECTED_VIOLATION, parameters, message);
    }
    let parameters = [object, u64::from(irql), 0, 0];
    bug_check(kmdf_sys::IRQL_NOT_LESS_OR_EQUAL, parameters, message);
}

/// With forced IRQL checking, stops the run if an object that the kernel uses at `DISPATCH_LEVEL`
/// lies in paged pool.
pub(crate) fn require_resident(machine: &Machine, address: usize, call: &str) {
    if machine.config.verifier.force_irql_checking && machine.pool.is_paged(address) {
        bug_check(
            DRIVER_VERIFIER_DETECTED_VIOLATION,
            [0xE1, address as u64, 0, 0],
            format!("{call} with an object at {address:#x}, which is in paged pool"),
        );
    }
}

/// Live blocks of one tag in one pool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TagUse {
    /// The tag of the blocks.
    pub tag: u32,
    /// The pool that the blocks are in.
    pub pool: Pool,
    /// Number of live blocks.
    pub blocks: u64,
    /// Total size of the blocks in bytes, as the driver asked for.
    pub bytes: u64,
}

impl fmt::Debug for TagUse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl fmt::Display for TagUse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tag,
            pool,
            blocks,
            bytes,
        } = self;
        write!(
            formatter,
            "'{}' {pool:?}: {blocks} blocks, {bytes} bytes",
            tag_text(*tag)
        )
    }
}

/// The counters of Driver Verifier since boot.
///
/// Counts blocks of the driver and of the framework under it, not those of the kernel itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifierReport {
    /// Live blocks by tag and pool.
    pub tags: Vec<TagUse>,
    /// Number of live blocks.
    pub live_blocks: u64,
    /// Total size of live blocks in bytes, as the drivers asked for.
    pub live_bytes: u64,
    /// Lookaside lists that are initialised and not deleted.
    pub live_lookaside_lists: usize,
    /// Allocations that drivers asked for, including those that failed.
    pub allocations: u64,
    /// Blocks of nonpaged pool that were given out, those of the kernel included.
    pub nonpaged_blocks: u64,
    /// Blocks of paged pool that were given out, those of the kernel included.
    pub paged_blocks: u64,
    /// Most bytes of nonpaged pool that were in use at once.
    pub nonpaged_peak: usize,
    /// Most bytes of paged pool that were in use at once.
    pub paged_peak: usize,
    /// Blocks below `PAGE_SIZE`, which special pool is for.
    pub special_eligible: u64,
    /// Blocks that were placed in special pool.
    pub special_blocks: u64,
    /// Allocations failed on purpose.
    pub faults_injected: u64,
    /// Calls of `KeRaiseIrql`, not of what raises the level along with a lock: `RaiseIrqls` of the
    /// debugger's `!verifier`.
    pub raise_irqls: u64,
    /// Whether this system can protect pages as NT has them. Where it cannot, special pool and
    /// forced IRQL checking are off whatever was asked for.
    pub page_protection: bool,
}

impl Kernel {
    /// The counters of Driver Verifier since boot.
    pub fn verifier(&self) -> VerifierReport {
        let machine = self.enter();
        let account = machine.pool.account();
        let tags: Vec<_> = (account.live.iter())
            .map(|(&(tag, pool), &(blocks, bytes))| TagUse {
                tag,
                pool,
                blocks,
                bytes,
            })
            .collect();
        VerifierReport {
            live_blocks: tags.iter().map(|tag| tag.blocks).sum(),
            live_bytes: tags.iter().map(|tag| tag.bytes).sum(),
            tags,
            live_lookaside_lists: lookaside::active(machine).len(),
            allocations: machine.pool.allocations(),
            nonpaged_blocks: account.total[Pool::NonPaged as usize],
            paged_blocks: account.total[Pool::Paged as usize],
            nonpaged_peak: account.peak[Pool::NonPaged as usize],
            paged_peak: account.peak[Pool::Paged as usize],
            special_eligible: account.below_page,
            special_blocks: account.special,
            faults_injected: account.injected,
            raise_irqls: machine.raises.load(Ordering::Relaxed),
            page_protection: crate::memory::Region::protects(),
        }
    }

    /// Allocations that drivers asked for since boot, including those that failed.
    pub fn allocations(&self) -> u64 {
        self.enter().pool.allocations()
    }

    /// Makes the n-th allocation from now fail, counted from 1, and no other; 0 makes none fail.
    ///
    /// A test that goes through all failures sweeps n from 1 until no fault was injected.
    pub fn fail_nth_allocation(&self, n: u64) {
        self.enter().pool.fail_nth(n);
    }

    /// Makes the next call of `MmMapLockedPagesSpecifyCache` fail, as it does when the system has no
    /// free addresses.
    pub fn fail_next_mapping(&self) {
        self.enter().mapping_fails.store(true, Ordering::Relaxed);
    }
}

/// The checks when the last driver is unloaded: nothing of it may be left in the system.
pub(crate) fn check_unload(machine: &Machine, driver: &str) {
    if !machine.config.verifier.is_on() {
        return;
    }
    if let Some(list) = lookaside::active(machine).first() {
        // Windows documents no first parameter for a lookaside list.
        bug_check(
            TIMER_OR_DPC_INVALID,
            [lookaside::LIST_LEFT_BEHIND, *list as u64, 0, 0],
            format!("{driver} was unloaded with the lookaside list at {list:#x} not deleted"),
        );
    }
    if !machine.config.verifier.pool_tracking {
        return;
    }
    let account = machine.pool.account();
    let left: u64 = account.live.values().map(|(blocks, _)| blocks).sum();
    if left > 0 {
        let tags: Vec<_> = (account.live.iter())
            .map(|(&(tag, pool), &(blocks, bytes))| {
                TagUse {
                    tag,
                    pool,
                    blocks,
                    bytes,
                }
                .to_string()
            })
            .collect();
        bug_check(
            DRIVER_VERIFIER_DETECTED_VIOLATION,
            [0x62, 0, 0, left],
            format!("{driver} was unloaded without freeing {}", tags.join("; ")),
        );
    }
}
