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

/// The lists of a machine, by the addresses of their headers.
#[derive(Default)]
pub(crate) struct SLists {
    lists: Mutex<BTreeMap<usize, Arc<Mutex<Entries>>>>,
}

/// Addresses of the entries, the first of the list last.
///
/// Each list has a lock of its own, which is held while its entries are accessed: entries may be
/// pageable, and paging one in waits for all threads at `DISPATCH_LEVEL`.
type Entries = Vec<usize>;

/// A list's header in the driver's memory.
///
/// # Invariants
///
/// The pointer is that of an SLIST_HEADER which stays allocated while the value is used.
struct Header(PSLIST_HEADER);

impl Header {
    /// # Safety
    ///
    /// `header` must be that of a list, and stay allocated while the result is used.
    unsafe fn new(header: PSLIST_HEADER) -> Self {
        Self(header)
    }

    /// The low half: the depth in 16 bits, then a sequence number that every change increments.
    /// Threads ask for the depth while another changes it.
    fn alignment(&self) -> &AtomicU64 {
        // SAFETY: A header is allocated, by the invariant, and aligned to 16 bytes.
        unsafe { AtomicU64::from_ptr(self.0.cast()) }
    }

    /// The high half: the address of the first entry, whose low bits are 0.
    fn region(&self) -> *mut u64 {
        self.0.cast::<u64>().wrapping_add(1)
    }

    /// Brings the record in line with the header, which a driver may also empty by zeroing it.
    fn reconcile(&self, entries: &mut Entries) {
        let alignment = self.alignment().load(Ordering::Relaxed);
        // SAFETY: The high half of a header that is allocated, by the invariant.
        let first = unsafe { self.region().read() };
        if alignment == 0 && first == 0 {
            entries.clear();
        }
        let expected = entries.last().map_or(0, |&entry| entry as u64);
        if first != expected || alignment as u16 as usize != entries.len() {
            corrupted(self.0, first, expected);
        }
    }

    /// Writes the header after a change.
    fn update(&self, entries: &Entries) {
        let old = self.alignment().load(Ordering::Relaxed);
        let sequence = (old & !0xFFFF).wrapping_add(0x1_0000);
        let depth = entries.len() as u64 & 0xFFFF;
        self.alignment().store(sequence | depth, Ordering::Release);
        let first = entries.last().map_or(0, |&entry| entry as u64);
        // SAFETY: The high half of a header that is allocated, by the invariant.
        unsafe { self.region().write(first) };
    }
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

/// Makes an empty list.
///
/// # Safety
///
/// `header` must be writable.
pub(crate) unsafe fn initialize(machine: &Machine, header: PSLIST_HEADER) {
    let list = list(machine, header);
    let mut entries = lock(&list);
    entries.clear();
    // SAFETY: `header` is writable, as the caller guarantees.
    unsafe { header.write(SLIST_HEADER::default()) };
}

fn corrupted(header: PSLIST_HEADER, found: u64, expected: u64) -> ! {
    bug_check(
        DRIVER_CORRUPTED_EXPOOL,
        [found, 0, 0, header.addr() as u64],
        format!(
            "the SLIST at {header:p} contains {found:#x} instead of {expected:#x}: it was written to"
        ),
    )
}

/// Pushes an entry and returns the one that was first before.
///
/// # Safety
///
/// `header` must be that of a list. `entry` must be memory for an entry of it, which the caller gives
/// up.
pub(crate) unsafe fn push(
    machine: &Machine,
    header: PSLIST_HEADER,
    entry: PSLIST_ENTRY,
) -> PSLIST_ENTRY {
    require_aligned(entry.addr(), "an SLIST entry");
    let list = list(machine, header);
    let mut entries = lock(&list);
    // SAFETY: A list's header, as the caller guarantees.
    let shared = unsafe { Header::new(header) };
    shared.reconcile(&mut entries);
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
    // SAFETY: The caller gives up the entry, which has room for a link.
    unsafe { entry.cast::<PSLIST_ENTRY>().write(first) };
    entries.push(entry.addr());
    shared.update(&entries);
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
        format!("the entry at {entry:#x} was pushed to the list at {list:#x}, which already contains it: it is freed twice"),
    );
}

/// Pops the first entry, null if there is none.
///
/// # Safety
///
/// `header` must be that of a list.
pub(crate) unsafe fn pop(machine: &Machine, header: PSLIST_HEADER) -> PSLIST_ENTRY {
    let list = list(machine, header);
    let mut entries = lock(&list);
    // SAFETY: A list's header, as the caller guarantees.
    let shared = unsafe { Header::new(header) };
    shared.reconcile(&mut entries);
    let Some(entry) = entries.pop() else {
        return null_mut();
    };
    let next = entries.last().map_or(0, |&entry| entry as u64);
    // SAFETY: The entry is in the list, so memory that was given up to it.
    let found = unsafe { (entry as *const u64).read() };
    if found != next {
        corrupted(header, found, next);
    }
    if let Some(size) = lookaside::entry_size(machine, header.addr()) {
        let link = size_of::<PSLIST_ENTRY>();
        pool::require_freed(entry + link..entry + size);
    }
    shared.update(&entries);
    entry as PSLIST_ENTRY
}

/// Makes an empty list.
///
/// # Safety
///
/// `header` must be writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn InitializeSListHead(header: PSLIST_HEADER) {
    let machine = enter();
    // SAFETY: `header` is writable, as the caller guarantees.
    unsafe { initialize(&machine, header) };
}

/// The number of entries in a list, modulo 65536.
///
/// # Safety
///
/// `header` must be that of a list.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExQueryDepthSList(header: PSLIST_HEADER) -> USHORT {
    enter();
    // SAFETY: A list's header, as the caller guarantees.
    let header = unsafe { Header::new(header) };
    header.alignment().load(Ordering::Acquire) as USHORT
}

/// Pops the first entry, null if there is none.
///
/// # Safety
///
/// `header` must be that of a list.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExpInterlockedPopEntrySList(header: PSLIST_HEADER) -> PSLIST_ENTRY {
    let machine = enter();
    lookaside::note_inline(&machine, header.addr());
    // SAFETY: A list's header, as the caller guarantees.
    unsafe { pop(&machine, header) }
}

/// Pushes an entry and returns the one that was first before.
///
/// # Safety
///
/// `header` must be that of a list. `entry` must be memory for an entry, which the caller gives up.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExpInterlockedPushEntrySList(
    header: PSLIST_HEADER,
    entry: PSLIST_ENTRY,
) -> PSLIST_ENTRY {
    let machine = enter();
    lookaside::note_inline(&machine, header.addr());
    // SAFETY: A list's header and memory for an entry, as the caller guarantees.
    unsafe { push(&machine, header, entry) }
}

/// Takes all entries, as a chain from the first on.
///
/// # Safety
///
/// `header` must be that of a list.
#[unsafe(no_mangle)]
unsafe extern "C" fn ExpInterlockedFlushSList(header: PSLIST_HEADER) -> PSLIST_ENTRY {
    let machine = enter();
    let list = list(&machine, header);
    let mut entries = lock(&list);
    // SAFETY: A list's header, as the caller guarantees.
    let shared = unsafe { Header::new(header) };
    shared.reconcile(&mut entries);
    let first = entries
        .last()
        .map_or(null_mut(), |&first| first as PSLIST_ENTRY);
    entries.clear();
    shared.update(&entries);
    first
}

/// The number of entries in a list.
pub(crate) fn depth(machine: &Machine, header: PSLIST_HEADER) -> usize {
    let list = list(machine, header);
    let entries = lock(&list);
    entries.len()
}
