//! The kernel's lookaside lists, used as the WDK's headers before Windows 11 22H2 do inline (NT-1): the
//! newer exports that allocate and free exist neither on older Windows nor under Wine.

use crate::support::pool::PageAligned;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use kmdf_sys::ntddk::{
    ExDeleteNPagedLookasideList, ExDeletePagedLookasideList, ExInitializeNPagedLookasideList,
    ExInitializePagedLookasideList, ExQueryDepthSList, ExpInterlockedPopEntrySList,
    ExpInterlockedPushEntrySList,
};
use kmdf_sys::{_POOL_TYPE, GENERAL_LOOKASIDE, PSLIST_HEADER, SIZE_T, ULONG};

/// The flag of the initialising calls for pool without execute permission.
const NX_ALLOCATION: ULONG = _POOL_TYPE::NonPagedPoolNx as ULONG;

/// Bytes that hold the kernel's structure at the alignment that it needs, which is more than 16.
const STORAGE: usize = size_of::<GENERAL_LOOKASIDE>() + align_of::<GENERAL_LOOKASIDE>();

/// A lookaside list of entries of one size.
///
/// # Invariants
///
/// Does not move between [`EntryList::initialize`] and [`EntryList::delete`], between which the
/// aligned part of `storage` is a list that the kernel knows.
pub(crate) struct EntryList {
    storage: UnsafeCell<[u8; STORAGE]>,
    paged: bool,
    size: usize,
}

impl EntryList {
    /// A list of entries of `size` bytes, to be initialised where it stays.
    pub(crate) const fn new(paged: bool, size: usize) -> Self {
        Self {
            storage: UnsafeCell::new([0; STORAGE]),
            paged,
            size,
        }
    }

    pub(crate) fn initialize(&self, tag: ULONG) {
        let (list, size) = (self.list(), self.size as SIZE_T);
        if self.paged {
            // SAFETY: The storage is aligned and nonpaged, and not an initialised list.
            unsafe {
                ExInitializePagedLookasideList(
                    list.cast(),
                    None,
                    None,
                    NX_ALLOCATION,
                    size,
                    tag,
                    0,
                );
            }
        } else {
            // SAFETY: Aligned and nonpaged as for a paged list, and not an initialised list.
            unsafe {
                ExInitializeNPagedLookasideList(
                    list.cast(),
                    None,
                    None,
                    NX_ALLOCATION,
                    size,
                    tag,
                    0,
                );
            }
        }
    }

    /// Frees the cached entries and ends the list; all others have been given back.
    pub(crate) fn delete(&self) {
        let list = self.list();
        if self.paged {
            // SAFETY: An initialised paged list, by the invariant.
            unsafe { ExDeletePagedLookasideList(list.cast()) };
        } else {
            // SAFETY: An initialised nonpaged list, by the invariant.
            unsafe { ExDeleteNPagedLookasideList(list.cast()) };
        }
    }

    /// An entry with whatever it holds; one of a page or more is page-aligned.
    pub(crate) fn allocate(&self) -> Option<PageAligned> {
        count(self.counter(|list| {
            // SAFETY: `list` is the initialised list that `counter` passes.
            unsafe { &raw mut (*list).TotalAllocates }
        }));
        if let Some(entry) = self.pop() {
            return Some(entry);
        }
        count(self.counter(|list| {
            // SAFETY: `list` is the initialised list that `counter` passes.
            unsafe { &raw mut (*list).__bindgen_anon_2.AllocateMisses }
        }));
        // SAFETY: A list, by the invariant; the kernel keeps the low 32 bits of the size (MEM-50).
        let size = unsafe { (*self.list()).Size };
        let allocate = |size| self.allocate_from_pool(size);
        let free = |block| self.free_to_pool(block);
        PageAligned::allocate_with(size as usize, allocate, free)
    }

    /// Gives an entry back.
    ///
    /// One that had to be aligned within its block is not kept: nothing would lead back to the block.
    ///
    /// # Safety
    ///
    /// The entry must come from this list and no longer be in use.
    pub(crate) unsafe fn free(&self, entry: PageAligned) {
        count(self.counter(|list| {
            // SAFETY: `list` is the initialised list that `counter` passes.
            unsafe { &raw mut (*list).TotalFrees }
        }));
        let list = self.list();
        // SAFETY: A list, by the invariant.
        let limit = unsafe { (*list).Depth };
        // SAFETY: The list begins with its SLIST header.
        let depth = unsafe { ExQueryDepthSList(self.head()) };
        if depth >= limit || entry.address != entry.block {
            count(self.counter(|list| {
                // SAFETY: `list` is the initialised list that `counter` passes.
                unsafe { &raw mut (*list).__bindgen_anon_3.FreeMisses }
            }));
            self.free_to_pool(entry.block);
            return;
        }
        // SAFETY: The entry has room for a link, is 16-aligned and unused.
        unsafe { ExpInterlockedPushEntrySList(self.head(), entry.address.as_ptr().cast()) };
    }

    fn pop(&self) -> Option<PageAligned> {
        // SAFETY: A list, by the invariant.
        let entry = unsafe { ExpInterlockedPopEntrySList(self.head()) };
        let address = NonNull::new(entry.cast::<c_void>())?;
        Some(PageAligned {
            address,
            block: address,
        })
    }

    fn allocate_from_pool(&self, size: usize) -> Option<NonNull<c_void>> {
        let list = self.list();
        // SAFETY: An initialised list, by the invariant: the kernel set the pool type.
        let pool_type = unsafe { (*list).Type };
        // SAFETY: The kernel set the tag with it.
        let tag = unsafe { (*list).Tag };
        // SAFETY: The kernel set the routine with it.
        let routine = unsafe { (*list).__bindgen_anon_4 };
        // SAFETY: This list has the plain routine, as none was asked for.
        let allocate = unsafe { routine.Allocate }?;
        // SAFETY: The list's own routine, with the list's own values.
        NonNull::new(unsafe { allocate(pool_type, size as SIZE_T, tag) })
    }

    fn free_to_pool(&self, block: NonNull<c_void>) {
        // SAFETY: A list, by the invariant.
        let routine = unsafe { (*self.list()).__bindgen_anon_5 };
        // SAFETY: This list has the plain routine, as none was asked for.
        if let Some(free) = unsafe { routine.Free } {
            // SAFETY: The block came from the list's allocate routine and is not in use.
            unsafe { free(block.as_ptr()) };
        }
    }

    fn list(&self) -> *mut GENERAL_LOOKASIDE {
        let storage = self.storage.get().cast::<u8>();
        let padding = storage.align_offset(align_of::<GENERAL_LOOKASIDE>());
        storage.wrapping_add(padding).cast()
    }

    fn head(&self) -> PSLIST_HEADER {
        self.list().cast()
    }

    /// A counter in the list's public part.
    fn counter(&self, field: impl Fn(*mut GENERAL_LOOKASIDE) -> *mut ULONG) -> &AtomicU32 {
        let counter = field(self.list());
        // SAFETY: An aligned field of the list, which the kernel and this type only count up.
        unsafe { AtomicU32::from_ptr(counter) }
    }
}

fn count(counter: &AtomicU32) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    //! Over a pool that does not align blocks of a page and more, as Wine's.

    use super::*;
    use crate::support::kernel::PAGE_SIZE;
    use kmdf_sys::ntddk::{ExAllocatePoolWithTag, ExFreePool};
    use kmdf_sys::{
        _GENERAL_LOOKASIDE__bindgen_ty_4, _GENERAL_LOOKASIDE__bindgen_ty_5, POOL_TYPE, PVOID,
    };
    use nt_model::{Config, Verifier};
    use std::boxed::Box;
    use std::vec::Vec;

    const TAG: ULONG = u32::from_le_bytes(*b"Ptst");
    const SHIFT: usize = 16;

    unsafe extern "C" fn allocate(pool_type: POOL_TYPE, size: SIZE_T, tag: ULONG) -> PVOID {
        // SAFETY: Called below DISPATCH_LEVEL with a sensible size.
        let block = unsafe { ExAllocatePoolWithTag(pool_type, size + SHIFT as SIZE_T, tag) };
        block.wrapping_byte_add(SHIFT)
    }

    unsafe extern "C" fn free(block: PVOID) {
        // SAFETY: Made by `allocate`.
        unsafe { ExFreePool(block.wrapping_byte_sub(SHIFT)) };
    }

    /// A machine without special pool, with which lists would keep no entries.
    fn machine() -> Config {
        Config {
            verifier: Verifier {
                special_pool: false,
                ..Verifier::standard()
            },
            ..Config::default()
        }
    }

    /// A list whose pool shifts every block.
    fn list(paged: bool, size: usize) -> Box<EntryList> {
        let list = Box::new(EntryList::new(paged, size));
        list.initialize(TAG);
        let kernel = list.list();
        // SAFETY: The list is initialised, and this function alone uses it so far.
        let allocate_field = unsafe { &raw mut (*kernel).__bindgen_anon_4 };
        // SAFETY: A field of the same list.
        let free_field = unsafe { &raw mut (*kernel).__bindgen_anon_5 };
        let routine = _GENERAL_LOOKASIDE__bindgen_ty_4 {
            Allocate: Some(allocate),
        };
        // SAFETY: The list's field, which only this thread uses.
        unsafe { allocate_field.write(routine) };
        let routine = _GENERAL_LOOKASIDE__bindgen_ty_5 { Free: Some(free) };
        // SAFETY: The list's field, which only this thread uses.
        unsafe { free_field.write(routine) };
        list
    }

    fn misaligned(paged: bool, size: usize) {
        let left = nt_model::run(machine(), move |kernel| {
            let list = list(paged, size);
            for round in 0..3 {
                let entries: Vec<_> = (0..6).map(|_| list.allocate().expect("memory")).collect();
                for entry in &entries {
                    assert_eq!(entry.address.addr().get() % PAGE_SIZE, 0);
                    let bytes = entry.address.cast::<u8>();
                    // SAFETY: The entry has `size` bytes.
                    unsafe { bytes.write_bytes(round, size) };
                }
                for entry in entries {
                    // SAFETY: From this list, and no longer used.
                    unsafe { list.free(entry) };
                }
            }
            list.delete();
            kernel.verifier().live_blocks
        });
        assert_eq!(left.expect("no stop"), 0);
    }

    /// Entries of whole pages begin on a page (MEM-25, MEM-61).
    #[test]
    fn entries_of_whole_pages_are_aligned_whatever_the_pool_does() {
        for paged in [false, true] {
            for size in [PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE] {
                misaligned(paged, size);
            }
        }
    }

    /// Debuggers read the counters of the kernel's structure (NT-1).
    #[test]
    fn counters_are_those_of_the_kernels_list() {
        nt_model::run(machine(), |_| {
            let list = list(false, 64);
            for count in [6, 1] {
                let entries: Vec<_> = (0..count).map_while(|_| list.allocate()).collect();
                for entry in entries {
                    // SAFETY: From this list, and no longer used.
                    unsafe { list.free(entry) };
                }
            }
            // SAFETY: The list is initialised, and only this thread uses it.
            let kernel = unsafe { list.list().read() };
            assert_eq!((kernel.TotalAllocates, kernel.TotalFrees), (7, 7));
            // SAFETY: The union holds the number of misses either way.
            let misses = unsafe { kernel.__bindgen_anon_2.AllocateMisses };
            // SAFETY: This union holds a number of misses too.
            let free_misses = unsafe { kernel.__bindgen_anon_3.FreeMisses };
            assert_eq!(kernel.Depth, 4);
            assert_eq!((misses, free_misses), (6, 2));
            list.delete();
        })
        .expect("no stop");
    }
}
