//! The patterns in and around blocks: written at allocation, checked at free and at reuse.

use super::arena::{HEADER, Place, slot_size};
use super::{Allocation, Block, FREED, SLACK, UNINITIALIZED};
use crate::machine::Machine;
use crate::memory::{PAGE, Region};
use crate::stop::bug_check;
use kmdf_sys::{
    BAD_POOL_HEADER, DRIVER_CAUGHT_MODIFYING_FREED_POOL, DRIVER_VERIFIER_DETECTED_VIOLATION,
    SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
};
use std::ops::Range;

/// Fills a range of the pool.
fn fill(range: Range<usize>, value: u8) {
    // SAFETY: The range belongs to one block's place, which the caller has taken.
    unsafe { std::ptr::write_bytes(range.start as *mut u8, value, range.len()) };
}

/// The first address in a range of the pool that does not hold `value`.
fn first_change(range: Range<usize>, value: u8) -> Option<usize> {
    // SAFETY: As in `fill`; a driver that writes to it just then is at fault, and what is read
    // then decides only whether that shows.
    let bytes = unsafe { std::slice::from_raw_parts(range.start as *const u8, range.len()) };
    let offset = bytes.iter().position(|&byte| byte != value)?;
    Some(range.start + offset)
}

/// The header in front of a block that shares its page.
fn header(address: usize, size: usize, tag: u32) -> [u64; 2] {
    let identity = u64::from(tag) | (size as u64) << 32;
    [identity, !(address as u64)]
}

/// Prepares a place for its block.
pub(super) fn prepare(region: &Region, address: usize, request: &Allocation, place: Place) {
    let end = address + request.size;
    let own = match place {
        Place::Special { page } => region.address(page)..region.address(page + 1),
        Place::Slot { per_page, fresh } => {
            let slot = slot_of(address, per_page);
            if !fresh {
                check_freed(address..slot.end);
            }
            let header = header(address, request.size, request.tag);
            // SAFETY: The slot starts with room for a header, and is this block's.
            unsafe { (slot.start as *mut [u64; 2]).write(header) };
            address..slot.end
        }
        Place::Pages { count, .. } => address..address + count * PAGE,
    };
    if own.start < address {
        fill(own.start..address, SLACK);
    }
    fill(address..end, if request.zeroed { 0 } else { UNINITIALIZED });
    fill(end..own.end, SLACK);
}

fn slot_of(address: usize, per_page: usize) -> Range<usize> {
    let start = address - HEADER;
    start..start + slot_size(per_page)
}

/// Stops the run if a freed slot was written to.
fn check_freed(slot: Range<usize>) {
    let start = slot.start;
    if let Some(place) = first_change(slot, FREED) {
        bug_check(
            DRIVER_CAUGHT_MODIFYING_FREED_POOL,
            [place as u64, 1, 0, 0],
            format!("the freed block of pool at {start:#x} was written to at {place:#x}"),
        );
    }
}

/// Checks the patterns around a block that is freed, and fills a block that shares its page.
pub(super) fn at_free(machine: &Machine, address: usize, block: &Block, call: &str) {
    let end = address + block.size;
    match block.place {
        Place::Special { page } => {
            let region = machine.pool.regions[block.pool as usize];
            let own = region.address(page)..region.address(page + 1);
            check_special(address, end..own.end, 0x24, block, call);
            check_special(address, own.start..address, 0x23, block, call);
        }
        Place::Slot { per_page, .. } => {
            let slot = slot_of(address, per_page);
            check_header(address, block, call);
            check_tail(machine, address, end..slot.end, block, call);
            fill(address..slot.end, FREED);
        }
        Place::Pages { count, .. } => {
            check_tail(machine, address, end..address + count * PAGE, block, call);
            if !Region::protects() {
                fill(address..end, FREED);
            }
        }
    }
}

fn check_special(address: usize, range: Range<usize>, case: u64, block: &Block, call: &str) {
    if let Some(place) = first_change(range, SLACK) {
        bug_check(
            SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION,
            [address as u64, place as u64, 0, case],
            format!(
                "{call} of {} at {address:#x}, around which {place:#x} was written to",
                block.describe()
            ),
        );
    }
}

fn check_header(address: usize, block: &Block, call: &str) {
    // SAFETY: A block within a page follows its header.
    let found = unsafe { ((address - HEADER) as *const [u64; 2]).read() };
    if found != header(address, block.size, block.tag) {
        bug_check(
            BAD_POOL_HEADER,
            [0x20, (address - HEADER) as u64, found[0], found[1]],
            format!(
                "{call} of {} at {address:#x}, whose header is overwritten",
                block.describe()
            ),
        );
    }
}

fn check_tail(machine: &Machine, address: usize, range: Range<usize>, block: &Block, call: &str) {
    if !machine.config.verifier.pool_tracking {
        return;
    }
    if let Some(place) = first_change(range, SLACK) {
        bug_check(
            DRIVER_VERIFIER_DETECTED_VIOLATION,
            [0x51, address as u64, place as u64, block.size as u64],
            format!(
                "{call} of {} at {address:#x}, past whose end {place:#x} was written to",
                block.describe()
            ),
        );
    }
}

/// Fills memory that is free, though not to the pool: an entry of a lookaside list.
pub(crate) fn fill_freed(range: Range<usize>) {
    fill(range, FREED);
}

/// Stops the run if free memory was written to.
pub(crate) fn require_freed(range: Range<usize>) {
    check_freed(range);
}
