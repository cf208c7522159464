//! How entries are taken from and given back to a kernel lookaside list.
//!
//! The headers before Windows 11 22H2 define `ExAllocateFromPagedLookasideList` and its relatives
//! as inline functions over the documented list structure; since then ntoskrnl.exe exports them and
//! the headers import them. A driver that imports them does not load on older systems (rule E7), so
//! this crate does what the inline functions did, which works on all of them. The exports can be
//! asked for with [`ExLookaside::with_system_routines`](crate::ExLookaside::with_system_routines),
//! which finds them by name. That is not the default because a name that is found need not be a
//! function that works: Wine answers with stubs that stop the driver.

use crate::unload_list;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU32, Ordering};
use kmdf_sys::{GENERAL_LOOKASIDE, POOL_TYPE, PVOID, SIZE_T, ULONG, ntddk};

/// Who supplies a kernel lookaside list with new entries: the `Allocate` and `Free` routines given
/// at its initialisation (rule E3).
///
/// The kernel's routines are handed bare memory, and must agree on where it is from. These are not:
/// the crate's own routines allocate and free, and ask the supply for permission. A supply can thus
/// limit, count and refuse, but not get the memory wrong. It has no `self`, as the kernel's routines
/// have no context; what it counts is in a `static`.
///
/// ```
/// use core::sync::atomic::{AtomicUsize, Ordering};
///
/// /// At most 100 entries in all lists that are made with it.
/// struct Hundred;
/// static ENTRIES: AtomicUsize = AtomicUsize::new(0);
///
/// impl kmdf::Supply for Hundred {
///     fn admit(_size: usize) -> bool {
///         let admitted = ENTRIES.fetch_add(1, Ordering::Relaxed) < 100;
///         if !admitted {
///             ENTRIES.fetch_sub(1, Ordering::Relaxed);
///         }
///         admitted
///     }
///
///     fn released() {
///         ENTRIES.fetch_sub(1, Ordering::Relaxed);
///     }
/// }
///
/// # fn with_a_limit(irql: &kmdf::Passive) -> kmdf::Result<kmdf::PagedLookaside> {
/// const TAG: kmdf::Tag = kmdf::Tag::new(b"100 ");
/// kmdf::PagedLookaside::with_supply::<Hundred>(TAG, 256, irql)
/// # }
/// ```
pub trait Supply: 'static {
    /// Whether an empty list may have a new entry of this size. If not, the allocation fails (rule
    /// E2). Called at the level of whoever takes an entry.
    fn admit(size: usize) -> bool;

    /// An entry that was admitted has been freed, or could not be allocated after all.
    ///
    /// Not called for entries that are freed when the driver is unloaded because the values that
    /// owned them or their list were forgotten: no code of the driver runs any more then.
    fn released();
}

/// `Allocate` of a list with a supply.
///
/// # Safety
///
/// Called for a list that is initialised with it, at a level that its pool allows.
pub(super) unsafe extern "C" fn allocate_supplied<S: Supply>(
    pool: POOL_TYPE,
    size: SIZE_T,
    tag: ULONG,
) -> PVOID {
    if !S::admit(size as usize) {
        return null_mut();
    }
    // SAFETY: By the contract of this function; sizes and tags of lists are not zero.
    let entry = unsafe { ntddk::ExAllocatePoolWithTag(pool, size, tag) };
    if entry.is_null() {
        S::released();
    }
    entry
}

/// `Free` of a list with a supply.
///
/// # Safety
///
/// Called with what `allocate_supplied` answered with, once, at a level that its pool allows.
pub(super) unsafe extern "C" fn free_supplied<S: Supply>(entry: PVOID) {
    // SAFETY: By the contract of this function. The kernel does not tell the tag here, which pool
    // memory without PROTECTED_POOL may be freed without.
    unsafe { ntddk::ExFreePool(entry) };
    if !unload_list::is_closed() {
        S::released();
    }
}

/// `ExAllocateFromPagedLookasideList` or its nonpaged sibling: same parameters.
pub(super) type AllocateExport = unsafe extern "C" fn(*mut GENERAL_LOOKASIDE) -> PVOID;
/// `ExFreeToPagedLookasideList` or its nonpaged sibling: same parameters.
pub(super) type FreeExport = unsafe extern "C" fn(*mut GENERAL_LOOKASIDE, PVOID);

/// The pair of functions to use; never one from either side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Routines {
    /// What the headers before Windows 11 22H2 inlined.
    Inline,
    /// The kernel's exports.
    Exports {
        allocate: AllocateExport,
        free: FreeExport,
    },
}

impl Routines {
    /// Takes an entry of uninitialised bytes, or NULL.
    ///
    /// # Safety
    ///
    /// `list` is an initialised list whose kind these routines are for; the level allows touching
    /// its entries.
    pub(super) unsafe fn allocate(self, list: NonNull<GENERAL_LOOKASIDE>) -> PVOID {
        match self {
            // SAFETY: By the contract of this function.
            Self::Inline => unsafe { allocate_inline(list) },
            // SAFETY: By the contract of this function.
            Self::Exports { allocate, .. } => unsafe { allocate(list.as_ptr()) },
        }
    }

    /// Gives an entry back.
    ///
    /// # Safety
    ///
    /// As for `allocate`, and `entry` came from the same list and is not used any more.
    pub(super) unsafe fn free(self, list: NonNull<GENERAL_LOOKASIDE>, entry: PVOID) {
        match self {
            // SAFETY: By the contract of this function.
            Self::Inline => unsafe { free_inline(list, entry) },
            // SAFETY: By the contract of this function.
            Self::Exports { free, .. } => unsafe { free(list.as_ptr(), entry) },
        }
    }
}

/// One of the list's counters, which other processors count on too.
macro_rules! counter {
    ($list:expr, $field:ident) => {{
        let field = $list
            .as_ptr()
            .wrapping_byte_add(::core::mem::offset_of!(GENERAL_LOOKASIDE, $field));
        // SAFETY: The field is an aligned 32-bit counter inside a list that the caller keeps alive,
        // and no reference to it exists.
        unsafe { AtomicU32::from_ptr(field.cast()) }
    }};
}
pub(super) use counter;

/// Pops a free entry; without one, calls the list's allocate routine (rule E3).
///
/// # Safety
///
/// As for `Routines::allocate`.
unsafe fn allocate_inline(list: NonNull<GENERAL_LOOKASIDE>) -> PVOID {
    counter!(list, TotalAllocates).fetch_add(1, Ordering::Relaxed);
    // The list of free entries is the structure's first field.
    // SAFETY: By the contract of this function.
    let entry = unsafe { ntddk::ExpInterlockedPopEntrySList(list.as_ptr().cast()) };
    if !entry.is_null() {
        return entry.cast();
    }
    counter!(list, __bindgen_anon_2).fetch_add(1, Ordering::Relaxed);
    let list = list.as_ptr();
    // SAFETY: The routines, type, size and tag do not change after initialisation.
    let routine = unsafe { (*list).__bindgen_anon_4 };
    // SAFETY: A list made by `ExInitialize...` for these routines has a routine without context
    // here.
    let Some(allocate) = (unsafe { routine.Allocate }) else {
        return core::ptr::null_mut();
    };
    // SAFETY: As above.
    let pool = unsafe { (*list).Type };
    // SAFETY: As above.
    let size = unsafe { (*list).Size };
    // SAFETY: As above.
    let tag = unsafe { (*list).Tag };
    // SAFETY: By the contract of this function, at a level for this pool.
    unsafe { allocate(pool, u64::from(size), tag) }
}

/// Pushes the entry; with enough free entries there, calls the list's free routine.
///
/// # Safety
///
/// As for `Routines::free`.
unsafe fn free_inline(list: NonNull<GENERAL_LOOKASIDE>, entry: PVOID) {
    counter!(list, TotalFrees).fetch_add(1, Ordering::Relaxed);
    // SAFETY: By the contract of this function.
    let free_entries = unsafe { ntddk::ExQueryDepthSList(list.as_ptr().cast()) };
    let depth = list
        .as_ptr()
        .wrapping_byte_add(core::mem::offset_of!(GENERAL_LOOKASIDE, Depth));
    // The system tunes the depth at any time, hence the volatile read.
    // SAFETY: The field lies in the list.
    let depth = unsafe { depth.cast::<u16>().read_volatile() };
    if free_entries < depth {
        // SAFETY: By the contract of this function the entry is ours to push.
        unsafe { ntddk::ExpInterlockedPushEntrySList(list.as_ptr().cast(), entry.cast()) };
        return;
    }
    counter!(list, __bindgen_anon_3).fetch_add(1, Ordering::Relaxed);
    // SAFETY: The routines do not change after initialisation.
    let routine = unsafe { (*list.as_ptr()).__bindgen_anon_5 };
    // SAFETY: As in `allocate_inline`.
    if let Some(free) = unsafe { routine.Free } {
        // SAFETY: By the contract of this function, at a level for this pool.
        unsafe { free(entry) };
    }
}
