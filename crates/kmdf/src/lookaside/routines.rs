//! How entries are taken from and given back to a kernel lookaside list.
//!
//! The headers before Windows 11 22H2 define `ExAllocateFromPagedLookasideList` and its relatives
//! as inline functions over the documented list structure; since then ntoskrnl.exe exports them and
//! the headers import them. A driver that imports them does not load on older systems (rule E7), so
//! this crate does what the inline functions did, which works on all of them. The exports are used
//! by lists of [`ExLookaside::with_system_routines`](crate::ExLookaside::with_system_routines),
//! which finds them by name. That is not the default because a name that is found need not be a
//! function that works: in Wine they are stubs that stop the driver.

use crate::unload_list;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU32, Ordering};
use kmdf_sys::{GENERAL_LOOKASIDE, POOL_TYPE, PVOID, SIZE_T, ULONG, ntddk};

/// Decides whether a kernel lookaside list may allocate new entries: the `Allocate` and `Free` routines
/// given at its initialisation (rule E3).
///
/// A driver's own routines in C allocate and free bare memory, and must agree on where it is from. A
/// supply does neither: this crate's routines allocate and free, and ask the supply for permission. A
/// supply can thus limit, count and refuse, but not get the memory wrong. It has no `self`, as the kernel's routines
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
    /// E2). Called at the IRQL of the code that takes an entry.
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
/// Called as the allocate routine of a list, with the list's type, size and tag, at a level that its pool
/// allows.
pub(super) unsafe extern "C" fn allocate_supplied<S: Supply>(
    pool: POOL_TYPE,
    size: SIZE_T,
    tag: ULONG,
) -> PVOID {
    if !S::admit(size as usize) {
        return null_mut();
    }
    // SAFETY: The caller is at a level for this pool; sizes and tags of lists are not zero.
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
/// Called once with what `allocate_supplied` returned, at a level that its pool allows.
pub(super) unsafe extern "C" fn free_supplied<S: Supply>(entry: PVOID) {
    // SAFETY: The entry is a pool allocation that the caller gives up. The kernel does not pass the tag
    // here; pool memory without PROTECTED_POOL may be freed without it.
    unsafe { ntddk::ExFreePool(entry) };
    if !unload_list::is_unloading() {
        S::released();
    }
}

/// `ExAllocateFromPagedLookasideList` or its nonpaged sibling: same parameters.
pub(super) type AllocateExport = unsafe extern "C" fn(*mut GENERAL_LOOKASIDE) -> PVOID;
/// `ExFreeToPagedLookasideList` or its nonpaged sibling: same parameters.
pub(super) type FreeExport = unsafe extern "C" fn(*mut GENERAL_LOOKASIDE, PVOID);

/// The pair of functions that take entries from a list and give them back: both of the same origin.
#[derive(Clone, Copy, Debug)]
pub(super) enum Routines {
    /// What the headers before Windows 11 22H2 inlined.
    Inline,
    /// The two functions that ntoskrnl.exe exports from Windows 11 22H2 on.
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
            // SAFETY: The caller passes an initialised list, at a level for its entries.
            Self::Inline => unsafe { allocate_inline(list) },
            // SAFETY: The caller passes an initialised list of the kind that the export is for, at a level
            // for its entries.
            Self::Exports { allocate, .. } => unsafe { allocate(list.as_ptr()) },
        }
    }

    /// Gives an entry back.
    ///
    /// # Safety
    ///
    /// `list` is an initialised list whose kind these routines are for; the level allows touching its
    /// entries. `entry` was taken from the same list and is not used any more.
    pub(super) unsafe fn free(self, list: NonNull<GENERAL_LOOKASIDE>, entry: PVOID) {
        match self {
            // SAFETY: The caller gives up an entry of this list, at a level for it.
            Self::Inline => unsafe { free_inline(list, entry) },
            // SAFETY: The caller gives up an entry of this list, whose kind the export is for, at a level
            // for it.
            Self::Exports { free, .. } => unsafe { free(list.as_ptr(), entry) },
        }
    }
}

/// One of the list's counters, which other processors increment too.
macro_rules! counter {
    ($list:expr, $field:ident) => {{
        let field = $list
            .as_ptr()
            .wrapping_byte_add(::core::mem::offset_of!(GENERAL_LOOKASIDE, $field));
        // SAFETY: The field is an aligned 32-bit counter inside a list that the caller keeps alive, and
        // no Rust reference to it exists.
        unsafe { AtomicU32::from_ptr(field.cast()) }
    }};
}
pub(super) use counter;

/// Pops a free entry; without one, calls the list's allocate routine (rule E3).
///
/// # Safety
///
/// `list` is an initialised list, and the level allows touching its entries.
unsafe fn allocate_inline(list: NonNull<GENERAL_LOOKASIDE>) -> PVOID {
    counter!(list, TotalAllocates).fetch_add(1, Ordering::Relaxed);
    // The list of free entries is the structure's first field.
    // SAFETY: The caller passes an initialised list, at a level for its entries.
    let entry = unsafe { ntddk::ExpInterlockedPopEntrySList(list.as_ptr().cast()) };
    if !entry.is_null() {
        return entry.cast();
    }
    counter!(list, __bindgen_anon_2).fetch_add(1, Ordering::Relaxed);
    let list = list.as_ptr();
    // SAFETY: The caller passes an initialised list, whose routines do not change.
    let routine = unsafe { (*list).__bindgen_anon_4 };
    // SAFETY: The union holds a routine without context, as for every list of `ExInitialize...List`.
    let Some(allocate) = (unsafe { routine.Allocate }) else {
        return null_mut();
    };
    // SAFETY: The type does not change after initialisation.
    let pool = unsafe { (*list).Type };
    // SAFETY: The size does not change after initialisation.
    let size = unsafe { (*list).Size };
    // SAFETY: The tag does not change after initialisation.
    let tag = unsafe { (*list).Tag };
    // SAFETY: The routine gets the list's own values, at a level for its pool.
    unsafe { allocate(pool, u64::from(size), tag) }
}

/// Pushes the entry; if the list has enough free entries, calls its free routine.
///
/// # Safety
///
/// `list` is an initialised list, and the level allows touching its entries. `entry` was taken from the
/// list and is not used any more.
unsafe fn free_inline(list: NonNull<GENERAL_LOOKASIDE>, entry: PVOID) {
    counter!(list, TotalFrees).fetch_add(1, Ordering::Relaxed);
    // SAFETY: The caller passes an initialised list, which starts with the header of its free entries.
    let free_entries = unsafe { ntddk::ExQueryDepthSList(list.as_ptr().cast()) };
    let depth = list
        .as_ptr()
        .wrapping_byte_add(core::mem::offset_of!(GENERAL_LOOKASIDE, Depth));
    // The system tunes the depth at any time, hence the volatile read.
    // SAFETY: The field lies in the list, which the caller keeps alive.
    let depth = unsafe { depth.cast::<u16>().read_volatile() };
    if free_entries < depth {
        // SAFETY: The caller gives up an entry of this list, which has room for a link.
        unsafe { ntddk::ExpInterlockedPushEntrySList(list.as_ptr().cast(), entry.cast()) };
        return;
    }
    counter!(list, __bindgen_anon_3).fetch_add(1, Ordering::Relaxed);
    // SAFETY: The caller passes an initialised list, whose routines do not change.
    let routine = unsafe { (*list.as_ptr()).__bindgen_anon_5 };
    // SAFETY: The union holds a routine without context, as for every list of `ExInitialize...List`.
    if let Some(free) = unsafe { routine.Free } {
        // SAFETY: The caller gives up an entry that the list's own allocate routine made, at a level for
        // its pool.
        unsafe { free(entry) };
    }
}
