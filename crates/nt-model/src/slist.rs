//! SLISTs: interlocked singly linked lists, on the documented header layout.
//!
//! The order of entries is also kept here, beside the memory of the driver. So nothing is read
//! through an entry that another thread may have freed, and an entry that is pushed twice or
//! written to while it is free is noticed.

use crate::machine::{Machine, enter, lock};
use crate::stop::{bug_check, exception};
use crate::verifier::Violation;
use crate::{lookaside, pool};
use kmdf_sys::*;
use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The lists of a machine by the addresses of their headers.
#[derive(Default)]
pub(crate) struct State {
    lists: Mutex<BTreeMap<usize, Arc<Mutex<Entries>>>>,
}

/// Addresses of the entries, the first of the list last.
///
/// A list's lock is held while its entries are touched. It is one of its own, because entries may
/// be pageable, and then a touch waits for all threads at `DISPATCH_LEVEL`.
type Entries = Vec<usize>;

/// The header's low half: the depth in 16 bits, then a sequence number that every change moves.
fn alignment_of(header: PSLIST_HEADER) -> *mut u64 {
    header.cast()
}

/// The same for threads that ask for the depth while another changes it.
///
/// # Safety
///
/// `header` is a list's header, for as long as the result is used.
unsafe fn shared_alignment<'a>(header: PSLIST_HEADER) -> &'a AtomicU64 {
    // SAFETY: By the contract of this function; a header is aligned to 16 bytes.
    unsafe { AtomicU64::from_ptr(alignment_of(header)) }
}

/// The header's high half: the address of the first entry, whose low bits are 0.
fn region_of(header: PSLIST_HEADER) -> *mut u64 {
    alignment_of(header).wrapping_add(1)
}

fn list(machine: &Machine, header: PSLIST_HEADER) -> Arc<Mutex<Entries>> {
    require_aligned(header.addr(), "an SLIST header");
    lock(&machine.slists.lists)
        .entry(header.addr())
        .or_default()
        .clone()
}

fn require_aligned(address: usize, what: &str) {
    if !address.is_multiple_of(MEMORY_ALLOCATION_ALIGNMENT as usize) {
        exception(
            STATUS_DATATYPE_MISALIGNMENT,
            address,
            format!("{what} at {address:#x} is not on a boundary of 16 bytes"),
        );
    }
}

/// Forgets the lists whose headers lay in memory that is freed.
pub(crate) fn forget(machine: &Machine, address: usize, size: usize) {
    let mut lists = lock(&machine.slists.lists);
    let range = address..address + size;
    let gone: Vec<_> = lists.range(range).map(|(&header, _)| header).collect();
    for header in gone {
        lists.remove(&header);
    }
}

/// Makes an empty list of a header.
///
/// # Safety
///
/// `header` is valid for a header.
pub(crate) unsafe fn initialize(machine: &Machine, header: PSLIST_HEADER) {
    let list = list(machine, header);
    let mut entries = lock(&list);
    entries.clear();
    // SAFETY: By the contract of this function.
    unsafe { header.write(SLIST_HEADER::default()) };
}

/// Brings the account in line with the header: a header may be made empty by zeroing it.
///
/// # Safety
///
/// `header` is a list's header.
unsafe fn reconcile(header: PSLIST_HEADER, entries: &mut Entries) {
    // SAFETY: By the contract of this function.
    let alignment = unsafe { alignment_of(header).read() };
    // SAFETY: By the contract of this function.
    let first = unsafe { region_of(header).read() };
    if alignment == 0 && first == 0 {
        entries.clear();
    }
    let expected = entries.last().map_or(0, |&entry| entry as u64);
    if first != expected || alignment as u16 as usize != entries.len() {
        corrupted(header, first, expected);
    }
}

fn corrupted(header: PSLIST_HEADER, found: u64, expected: u64) -> ! {
    bug_check(
        DRIVER_CORRUPTED_EXPOOL,
        [found, 0, 0, header.addr() as u64],
        format!(
            "the SLIST at {header:p} holds {found:#x} where {expected:#x} belongs: it was written to"
        ),
    )
}

/// Writes the header after a change.
///
/// # Safety
///
/// `header` is a list's header.
unsafe fn update(header: PSLIST_HEADER, entries: &Entries) {
    // SAFETY: By the contract of this function.
    let alignment = unsafe { shared_alignment(header) };
    let old = alignment.load(Ordering::Relaxed);
    let sequence = (old & !0xFFFF).wrapping_add(0x1_0000);
    let depth = entries.len() as u64 & 0xFFFF;
    alignment.store(sequence | depth, Ordering::Release);
    let first = entries.last().map_or(0, |&entry| entry as u64);
    // SAFETY: By the contract of this function.
    unsafe { region_of(header).write(first) };
}

/// Pushes an entry and returns the one that was first before.
///
/// # Safety
///
/// `header` is a list's header. `entry` is memory for an entry of it, which the caller gives up.
pub(crate) unsafe fn push(
    machine: &Machine,
    header: PSLIST_HEADER,
    entry: PSLIST_ENTRY,
) -> PSLIST_ENTRY {
    require_aligned(entry.addr(), "an SLIST entry");
    let list = list(machine, header);
    let mut entries = lock(&list);
    // SAFETY: By the contract of this function.
    unsafe { reconcile(header, &mut entries) };
    if entries.contains(&entry.addr()) {
        drop(entries);
        pushed_twice(machine, header, entry);
    }
    let first = entries
        .last()
        .map_or(null_mut(), |&first| first as PSLIST_ENTRY);
    if let Some(size) = lookaside::entry_size(machine, header.addr()) {
        pool::fill_freed(entry.addr()..entry.addr() + size);
    }
    // SAFETY: By the contract of this function; only the link is written.
    unsafe { entry.cast::<PSLIST_ENTRY>().write(first) };
    entries.push(entry.addr());
    // SAFETY: By the contract of this function.
    unsafe { update(header, &entries) };
    first
}

/// On Windows the list would now be a ring, and hand out one entry to two owners.
fn pushed_twice(machine: &Machine, header: PSLIST_HEADER, entry: PSLIST_ENTRY) -> ! {
    let (list, entry) = (header.addr() as u64, entry.addr() as u64);
    Violation {
        verifier: [0x13, 0, entry, list],
        plain: (BAD_POOL_CALLER, [0x7, 0, list, entry]),
    }
    .stop(
        machine,
        format!("the entry at {entry:#x} was given to the list at {list:#x}, where it is already: it is freed twice"),
    );
}

/// Pops the first entry, null if there is none.
///
/// # Safety
///
/// `header` is a list's header.
pub(crate) unsafe fn pop(machine: &Machine, header: PSLIST_HEADER) -> PSLIST_ENTRY {
    let list = list(machine, header);
    let mut entries = lock(&list);
    // SAFETY: By the contract of this function.
    unsafe { reconcile(header, &mut entries) };
    let Some(entry) = entries.pop() else {
        return null_mut();
    };
    let next = entries.last().map_or(0, |&entry| entry as u64);
    // SAFETY: The entry was pushed as memory of the list's.
    let found = unsafe { (entry as *const u64).read() };
    if found != next {
        corrupted(header, found, next);
    }
    if let Some(size) = lookaside::entry_size(machine, header.addr()) {
        let link = size_of::<PSLIST_ENTRY>();
        pool::require_freed(entry + link..entry + size);
    }
    // SAFETY: By the contract of this function.
    unsafe { update(header, &entries) };
    entry as PSLIST_ENTRY
}

/// Makes an empty list of a header.
///
/// # Safety
///
/// `header` is valid for a header.
#[unsafe(no_mangle)]
unsafe extern "C" fn InitializeSListHead(header: PSLIST_HEADER) {
    let machine = enter();
    // SAFETY: By the contract of this function.
    unsafe { initialize(&machine, header) };
}

/// The number of entries.
///
/// # Safety
///
/// `header` is a list's header.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExQueryDepthSList(header: PSLIST_HEADER) -> USHORT {
    enter();
    // SAFETY: By the contract of this function.
    let alignment = unsafe { shared_alignment(header) };
    alignment.load(Ordering::Acquire) as USHORT
}

/// Pops the first entry, null if there is none.
///
/// # Safety
///
/// `header` is a list's header.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExpInterlockedPopEntrySList(header: PSLIST_HEADER) -> PSLIST_ENTRY {
    let machine = enter();
    lookaside::note_inline(&machine, header.addr());
    // SAFETY: By the contract of this function.
    unsafe { pop(&machine, header) }
}

/// Pushes an entry and returns the one that was first before.
///
/// # Safety
///
/// `header` is a list's header. `entry` is memory for an entry, which the caller gives up.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExpInterlockedPushEntrySList(
    header: PSLIST_HEADER,
    entry: PSLIST_ENTRY,
) -> PSLIST_ENTRY {
    let machine = enter();
    lookaside::note_inline(&machine, header.addr());
    // SAFETY: By the contract of this function.
    unsafe { push(&machine, header, entry) }
}

/// Takes all entries, as a chain from the first on.
///
/// # Safety
///
/// `header` is a list's header.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExpInterlockedFlushSList(header: PSLIST_HEADER) -> PSLIST_ENTRY {
    let machine = enter();
    let list = list(&machine, header);
    let mut entries = lock(&list);
    // SAFETY: By the contract of this function.
    unsafe { reconcile(header, &mut entries) };
    let first = entries
        .last()
        .map_or(null_mut(), |&first| first as PSLIST_ENTRY);
    entries.clear();
    // SAFETY: By the contract of this function.
    unsafe { update(header, &entries) };
    first
}

/// The number of entries.
pub(crate) fn depth(machine: &Machine, header: PSLIST_HEADER) -> usize {
    let list = list(machine, header);
    let entries = lock(&list);
    entries.len()
}
