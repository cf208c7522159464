//! Lookaside lists on the documented structures: initialise, delete, allocate, free (NT-1 to NT-3).

use crate::irql;
use crate::machine::{Machine, enter, lock};
use crate::object::{Field, Shared, field};
use crate::slist;
use crate::stop::{bug_check, exception};
use crate::verifier::{Violation, require_irql};
use kmdf_sys::ntddk::{ExAllocatePoolWithTag, ExFreePool};
use kmdf_sys::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr::{null_mut, write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// First parameter of bug check 0xC7 over a list that is not deleted at unload. Windows documents
/// values for timers and DPCs only; this one is the model's.
pub(crate) const LIST_LEFT_BEHIND: u64 = 0x100;

/// A free entry holds a link.
const SMALLEST_ENTRY: usize = size_of::<PSLIST_ENTRY>();

/// The most that the system tunes a depth to (NT-2).
const MAXIMUM_DEPTH: u16 = 256;

/// The DDI compliance rule for paged lists, `IrqlExApcLte2`.
const IRQL_RULE: u64 = 0x2_0006;

/// The lists that are initialised and not deleted, by their addresses.
#[derive(Default)]
pub(crate) struct ActiveLists {
    active: Mutex<BTreeMap<usize, Active>>,
}

#[derive(Default)]
struct Active {
    entry_size: usize,
    /// Entries that were allocated through the exported calls and not freed.
    outstanding: BTreeSet<usize>,
    /// Whether the driver also uses the list as older headers inline it, so that not every entry
    /// goes through the exported calls.
    inline: bool,
}

/// The addresses of all lists that are initialised and not deleted.
pub(crate) fn active(machine: &Machine) -> Vec<usize> {
    lock(&machine.lookaside.active).keys().copied().collect()
}

/// The size of the entries of the list with the SLIST header at `header`.
pub(crate) fn entry_size(machine: &Machine, header: usize) -> Option<usize> {
    let active = lock(&machine.lookaside.active);
    active.get(&header).map(|list| list.entry_size)
}

/// Notes that a driver takes entries from a list without the exported calls.
pub(crate) fn note_inline(machine: &Machine, header: usize) {
    if let Some(list) = lock(&machine.lookaside.active).get_mut(&header) {
        list.inline = true;
    }
}

/// Stops the run if memory that is freed contains an active list.
pub(crate) fn check_freed_memory(machine: &Machine, address: usize, size: usize, call: &str) {
    if !machine.config.verifier.miscellaneous {
        return;
    }
    let active = lock(&machine.lookaside.active);
    let inside = active.range(address..address + size).next();
    let Some(list) = inside.map(|(&list, _)| list) else {
        return;
    };
    drop(active);
    bug_check(
        DRIVER_VERIFIER_DETECTED_VIOLATION,
        [0xCC, list as u64, address as u64, size as u64],
        format!(
            "{call} of the block at {address:#x}, which contains the active lookaside list at {list:#x}"
        ),
    );
}

/// What differs between paged and nonpaged lists, which have the same structure.
#[derive(Clone, Copy)]
struct ListKind {
    pool: POOL_TYPE,
    highest_irql: u32,
    initialize: &'static str,
    delete: &'static str,
    allocate: &'static str,
    free: &'static str,
}

const PAGED: ListKind = ListKind {
    pool: _POOL_TYPE::PagedPool,
    highest_irql: APC_LEVEL,
    initialize: "ExInitializePagedLookasideList",
    delete: "ExDeletePagedLookasideList",
    allocate: "ExAllocateFromPagedLookasideList",
    free: "ExFreeToPagedLookasideList",
};

const NONPAGED: ListKind = ListKind {
    pool: _POOL_TYPE::NonPagedPool,
    highest_irql: DISPATCH_LEVEL,
    initialize: "ExInitializeNPagedLookasideList",
    delete: "ExDeleteNPagedLookasideList",
    allocate: "ExAllocateFromNPagedLookasideList",
    free: "ExFreeToNPagedLookasideList",
};

impl ListKind {
    fn require_irql(&self, machine: &Machine, call: &str, list: usize) {
        require_irql(machine, self.highest_irql, IRQL_RULE, call, list as u64);
    }
}

/// What a driver asks for when it initialises a list.
struct ListParameters {
    allocate: PALLOCATE_FUNCTION,
    free: PFREE_FUNCTION,
    flags: ULONG,
    size: SIZE_T,
    tag: ULONG,
}

/// Initialises a list of either kind.
///
/// # Safety
///
/// `list` must be writable.
unsafe fn initialize(kind: ListKind, list: PGENERAL_LOOKASIDE, wanted: ListParameters) {
    let machine = enter();
    let call = kind.initialize;
    kind.require_irql(&machine, call, list.addr());
    let address = list.addr();
    if !address.is_multiple_of(MEMORY_ALLOCATION_ALIGNMENT as usize) {
        let text = format!("{call} with a list at {address:#x}, not on a boundary of 16 bytes");
        exception(STATUS_DATATYPE_MISALIGNMENT, address, text);
    }
    let checked = machine.config.verifier.miscellaneous;
    if checked && wanted.size < SMALLEST_ENTRY as u64 {
        let parameters = [0xCD, address as u64, wanted.size, SMALLEST_ENTRY as u64];
        let text = format!("{call} with entries of {} bytes", wanted.size);
        bug_check(DRIVER_VERIFIER_DETECTED_VIOLATION, parameters, text);
    }
    let size = wanted.size.max(SMALLEST_ENTRY as u64);
    let new = Active {
        entry_size: size as usize,
        ..Active::default()
    };
    let old = lock(&machine.lookaside.active).insert(address, new);
    if checked && old.is_some() {
        let text = format!("{call} of the list at {address:#x}, which is already initialised");
        bug_check(
            DRIVER_VERIFIER_DETECTED_VIOLATION,
            [0xCA, address as u64, 0, 0],
            text,
        );
    }
    // With special pool every entry is a fresh block, so that it is guarded as any other.
    let special = machine.config.verifier.special_pool;
    let contents = GENERAL_LOOKASIDE {
        Depth: if special {
            0
        } else {
            machine.config.lookaside_depth
        },
        MaximumDepth: MAXIMUM_DEPTH,
        Type: kind.pool | wanted.flags as POOL_TYPE,
        Tag: wanted.tag,
        Size: size as ULONG,
        __bindgen_anon_4: _GENERAL_LOOKASIDE__bindgen_ty_4 {
            Allocate: wanted.allocate.or(Some(ExAllocatePoolWithTag)),
        },
        __bindgen_anon_5: _GENERAL_LOOKASIDE__bindgen_ty_5 {
            Free: wanted.free.or(Some(ExFreePool)),
        },
        ..Default::default()
    };
    // SAFETY: `list` is writable, as the caller guarantees.
    unsafe { write(list, contents) };
    // SAFETY: The SLIST header is the first field of the structure, which is writable.
    unsafe { slist::initialize(&machine, list.cast()) };
}

/// Deletes a list of either kind, and frees its entries.
///
/// # Safety
///
/// The list must no longer be in use.
unsafe fn delete(kind: ListKind, list: PGENERAL_LOOKASIDE) {
    let machine = enter();
    let (call, address) = (kind.delete, list.addr());
    kind.require_irql(&machine, call, address);
    let known = lock(&machine.lookaside.active).contains_key(&address);
    if !known {
        let text = format!("{call} of {address:#x}, where no list is initialised");
        if machine.config.verifier.miscellaneous {
            let parameters = [0xCB, address as u64, 0, 0];
            bug_check(DRIVER_VERIFIER_DETECTED_VIOLATION, parameters, text);
        }
        // The kernel would unlink it from the list of all lists, to which it does not belong.
        let parameters = [address as u64, irql::current().into(), 1, 0];
        bug_check(DRIVER_CORRUPTED_EXPOOL, parameters, text);
    }
    // SAFETY: An active list, which stays allocated until it is deleted.
    let list = unsafe { Shared::new(list) };
    loop {
        // SAFETY: The SLIST header of an active list.
        let entry = unsafe { slist::pop(&machine, header(list)) };
        if entry.is_null() {
            break;
        }
        // SAFETY: An entry that the list contained, so not in use.
        unsafe { give_back(list, entry.cast()) };
    }
    lock(&machine.lookaside.active).remove(&address);
    slist::forget(&machine, address, size_of::<GENERAL_LOOKASIDE>());
}

/// The structure of a list that is initialised.
type List = Shared<GENERAL_LOOKASIDE>;

/// The SLIST header, which is the structure's first field.
fn header(list: List) -> PSLIST_HEADER {
    list.as_ptr().cast()
}

/// Calls the list's free routine.
///
/// # Safety
///
/// `entry` must come from the list's allocate routine and no longer be in use.
unsafe fn give_back(list: List, entry: PVOID) {
    if let Some(free) = list.get(field!(GENERAL_LOOKASIDE, __bindgen_anon_5.Free)) {
        // SAFETY: The list's free routine, for an entry of its allocate routine.
        unsafe { free(entry) };
    }
}

/// Adds one to a counter of a list.
fn count(list: List, counter: Field<GENERAL_LOOKASIDE, ULONG>) {
    // SAFETY: A field of an active list, which other threads also change atomically.
    let counter = unsafe { AtomicU32::from_ptr(list.pointer(counter)) };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Enters the kernel for a call on a list, which must be active.
fn enter_with(kind: ListKind, list: PGENERAL_LOOKASIDE, call: &str) -> (Arc<Machine>, List) {
    let machine = enter();
    let address = list.addr();
    kind.require_irql(&machine, call, address);
    if !lock(&machine.lookaside.active).contains_key(&address) {
        // The routine that the structure holds would be called, whatever that is.
        let text = format!("{call} with {address:#x}, where no list is initialised");
        exception(STATUS_ACCESS_VIOLATION, address, text);
    }
    // SAFETY: An active list, which stays allocated until it is deleted.
    let list = unsafe { Shared::new(list) };
    (machine, list)
}

fn allocate(kind: ListKind, list: PGENERAL_LOOKASIDE) -> PVOID {
    let (machine, list) = enter_with(kind, list, kind.allocate);
    count(list, field!(GENERAL_LOOKASIDE, TotalAllocates));
    // SAFETY: The SLIST header of an active list.
    let mut entry: PVOID = unsafe { slist::pop(&machine, header(list)) }.cast();
    if entry.is_null() {
        count(
            list,
            field!(GENERAL_LOOKASIDE, __bindgen_anon_2.AllocateMisses),
        );
        entry = allocate_fresh(list);
    }
    if !entry.is_null()
        && let Some(active) = lock(&machine.lookaside.active).get_mut(&list.address())
    {
        active.outstanding.insert(entry.addr());
    }
    entry
}

/// Calls the list's allocate routine.
fn allocate_fresh(list: List) -> PVOID {
    let kind = list.get(field!(GENERAL_LOOKASIDE, Type));
    let size = list.get(field!(GENERAL_LOOKASIDE, Size));
    let tag = list.get(field!(GENERAL_LOOKASIDE, Tag));
    match list.get(field!(GENERAL_LOOKASIDE, __bindgen_anon_4.Allocate)) {
        // SAFETY: The list's allocate routine, with the list's own values.
        Some(allocate) => unsafe { allocate(kind, size.into(), tag) },
        None => null_mut(),
    }
}

/// Frees an entry to a list of either kind.
///
/// # Safety
///
/// The caller must give up `entry`.
unsafe fn free(kind: ListKind, list: PGENERAL_LOOKASIDE, entry: PVOID) {
    let (machine, list) = enter_with(kind, list, kind.free);
    check_entry(&machine, kind, list, entry);
    count(list, field!(GENERAL_LOOKASIDE, TotalFrees));
    let limit = list.get(field!(GENERAL_LOOKASIDE, Depth));
    if slist::depth(&machine, header(list)) < usize::from(limit) {
        // SAFETY: The SLIST header of an active list; the caller gives up the entry.
        unsafe { slist::push(&machine, header(list), entry.cast()) };
        return;
    }
    count(list, field!(GENERAL_LOOKASIDE, __bindgen_anon_3.FreeMisses));
    // SAFETY: `check_entry` found it to be an entry of this list, which the caller gives up.
    unsafe { give_back(list, entry) };
}

/// Stops the run for an entry that is not from this list, or that was freed to it before. Windows checks
/// neither (NT-7): the list is corrupted, and the system fails later.
fn check_entry(machine: &Machine, kind: ListKind, list: List, entry: PVOID) {
    let (address, place) = (list.address(), entry.addr());
    let mut active = lock(&machine.lookaside.active);
    let Some(own) = active.get_mut(&address) else {
        return;
    };
    if own.outstanding.remove(&place) || own.inline {
        return;
    }
    let mut others = active.iter();
    let other = others.find(|(_, list)| list.outstanding.contains(&place));
    let other = other.map(|(&list, _)| list);
    drop(active);
    let call = kind.free;
    if let Some(other) = other {
        // SAFETY: Another active list, which stays allocated until it is deleted.
        let owner = unsafe { Shared::new(other as PGENERAL_LOOKASIDE) };
        let [owner, own] = [owner, list].map(|list| list.get(field!(GENERAL_LOOKASIDE, Tag)));
        let text = format!(
            "{call} of the entry at {place:#x} to the list at {address:#x}, but it came from the one at {other:#x}"
        );
        let parameters = [0xA, place as u64, owner.into(), own.into()];
        bug_check(BAD_POOL_CALLER, parameters, text);
    }
    let text = format!(
        "{call} of {place:#x} to the list at {address:#x}, which has not allocated it: it is freed twice, or is not an entry of the list"
    );
    let [place, header] = [place as u64, address as u64];
    Violation {
        verifier: [0x13, 0, place, header],
        plain: (BAD_POOL_CALLER, [0x7, 0, header, place]),
    }
    .stop(machine, text);
}

macro_rules! exports {
    ($kind:ident, $list:ty, $initialize:ident, $delete:ident, $allocate:ident, $free:ident) => {
        /// Initialises a list. Its depth is the system's to choose: the argument is ignored.
        ///
        /// # Safety
        ///
        /// `list` must be writable, and not move until the list is deleted.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $initialize(
            list: $list,
            allocate: PALLOCATE_FUNCTION,
            free: PFREE_FUNCTION,
            flags: ULONG,
            size: SIZE_T,
            tag: ULONG,
            _depth: USHORT,
        ) {
            let wanted = ListParameters {
                allocate,
                free,
                flags,
                size,
                tag,
            };
            // SAFETY: `list` is writable, as the caller guarantees.
            unsafe { initialize($kind, list.cast(), wanted) };
        }

        /// Deletes a list and frees the entries in it.
        ///
        /// # Safety
        ///
        /// `list` must be initialised and no longer in use.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $delete(list: $list) {
            // SAFETY: The list is no longer in use, as the caller guarantees.
            unsafe { delete($kind, list.cast()) };
        }

        /// Takes an entry from a list. Exported since Windows 11 22H2.
        ///
        /// # Safety
        ///
        /// `list` must be initialised.
        #[expect(non_snake_case, reason = "the export's name")]
        pub(crate) unsafe extern "C" fn $allocate(list: $list) -> PVOID {
            allocate($kind, list.cast())
        }

        /// Gives an entry back to its list. Exported since Windows 11 22H2.
        ///
        /// # Safety
        ///
        /// `list` must be initialised, and the caller must give up `entry`.
        #[expect(non_snake_case, reason = "the export's name")]
        pub(crate) unsafe extern "C" fn $free(list: $list, entry: PVOID) {
            // SAFETY: The caller gives up the entry.
            unsafe { free($kind, list.cast(), entry) };
        }
    };
}

exports!(
    PAGED,
    PPAGED_LOOKASIDE_LIST,
    ExInitializePagedLookasideList,
    ExDeletePagedLookasideList,
    ExAllocateFromPagedLookasideList,
    ExFreeToPagedLookasideList
);
exports!(
    NONPAGED,
    PNPAGED_LOOKASIDE_LIST,
    ExInitializeNPagedLookasideList,
    ExDeleteNPagedLookasideList,
    ExAllocateFromNPagedLookasideList,
    ExFreeToNPagedLookasideList
);
