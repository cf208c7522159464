//! The kernel's own lookaside lists: `ExInitializePagedLookasideList` and its relatives.

use super::routines::{
    AllocateExport, FreeExport, Routines, Supply, allocate_supplied, counter, free_supplied,
};
use crate::deferred::{self, Record};
use crate::irql::{Allows, AllowsFor, AtPassive};
use crate::plain::{Fits, Zeroable, assert_by_value};
use crate::pool::{NonPagedNx, Paged, PoolKind};
use crate::status::{Error, Result};
use crate::sync::{AtomicPtr, AtomicUsize};
use crate::tag::Tag;
use crate::text::WideText;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU32, Ordering};
use kmdf_sys::{
    _POOL_TYPE, GENERAL_LOOKASIDE, LoadId, MEMORY_ALLOCATION_ALIGNMENT, PALLOCATE_FUNCTION,
    PFREE_FUNCTION, SLIST_HEADER, ntddk,
};

/// A lookaside list of pageable entries.
pub type PagedLookaside = ExLookaside<Paged>;

/// A lookaside list of nonpaged entries.
pub type NonPagedLookaside = ExLookaside<NonPagedNx>;

/// The `Allocate` and `Free` routines of a list, or its defaults.
#[doc(hidden)]
pub type RoutinePair = (PALLOCATE_FUNCTION, PFREE_FUNCTION);

/// Pool kinds for which the kernel has lookaside lists.
pub trait ExPool: PoolKind {
    /// Name of the export that takes an entry.
    #[doc(hidden)]
    const ALLOCATE: WideText;
    /// Name of the export that gives an entry back.
    #[doc(hidden)]
    const FREE: WideText;

    /// `ExInitialize...LookasideList` with these routines, or the default ones for none.
    ///
    /// # Safety
    ///
    /// `list` is nonpaged storage for a list that is not initialised yet; the tag is not zero; the two
    /// routines belong together.
    #[doc(hidden)]
    unsafe fn initialize(list: *mut GENERAL_LOOKASIDE, size: u32, tag: Tag, pair: RoutinePair);

    /// `ExDelete...LookasideList`.
    ///
    /// # Safety
    ///
    /// `list` is a list of this kind that no code uses any more; all its entries were given back; the level
    /// allows freeing them.
    #[doc(hidden)]
    unsafe fn delete(list: *mut GENERAL_LOOKASIDE);
}

impl ExPool for Paged {
    const ALLOCATE: WideText = crate::wide!("ExAllocateFromPagedLookasideList");
    const FREE: WideText = crate::wide!("ExFreeToPagedLookasideList");

    unsafe fn initialize(list: *mut GENERAL_LOOKASIDE, size: u32, tag: Tag, pair: RoutinePair) {
        let (size, tag) = (u64::from(size), tag.value());
        // SAFETY: The caller passes nonpaged storage for a list, a tag and routines for one.
        unsafe {
            ntddk::ExInitializePagedLookasideList(list.cast(), pair.0, pair.1, 0, size, tag, 0)
        };
    }

    unsafe fn delete(list: *mut GENERAL_LOOKASIDE) {
        // SAFETY: The caller gives up a paged list without entries in use, at a level for its entries.
        unsafe { ntddk::ExDeletePagedLookasideList(list.cast()) };
    }
}

impl ExPool for NonPagedNx {
    const ALLOCATE: WideText = crate::wide!("ExAllocateFromNPagedLookasideList");
    const FREE: WideText = crate::wide!("ExFreeToNPagedLookasideList");

    unsafe fn initialize(list: *mut GENERAL_LOOKASIDE, size: u32, tag: Tag, pair: RoutinePair) {
        /// `POOL_NX_ALLOCATION`, a macro of the headers: entries that cannot be executed.
        const NX: u32 = 512;
        let (size, tag) = (u64::from(size), tag.value());
        // SAFETY: The caller passes nonpaged storage for a list, a tag and routines for one.
        unsafe {
            ntddk::ExInitializeNPagedLookasideList(list.cast(), pair.0, pair.1, NX, size, tag, 0)
        };
    }

    unsafe fn delete(list: *mut GENERAL_LOOKASIDE) {
        // SAFETY: The caller gives up a nonpaged list without entries in use.
        unsafe { ntddk::ExDeleteNPagedLookasideList(list.cast()) };
    }
}

/// A kernel lookaside list in an allocation of its own, which never moves.
#[repr(C)]
struct Storage {
    /// First, and with the alignment that the structure documents. The kernel changes it at any
    /// time.
    list: UnsafeCell<GENERAL_LOOKASIDE>,
    /// Free records. There is one record per entry at peak use, here or with its entry.
    records: UnsafeCell<SLIST_HEADER>,
    /// All records, free or in use: each has the next one.
    all_records: AtomicPtr<Record>,
    /// The record by which the list itself is deleted, in the unload list.
    record: UnsafeCell<Record>,
    /// `ExLookaside` values and entries that refer to this list.
    references: AtomicUsize,
    /// The start of the pool allocation, which is aligned less.
    allocation: NonNull<c_void>,
    tag: Tag,
    entry_size: u32,
    routines: Routines,
}

/// `ExInitializePagedLookasideList` and its nonpaged sibling: a list of entries of one size.
///
/// The list lives in nonpaged memory of its own, at its documented alignment, and does not move
/// (rule E1). Cloning shares it; each entry refers to it as well. `ExDeletePagedLookasideList` is
/// called when the last of them is dropped, so that no entry is in use then. For a pageable list at
/// DISPATCH_LEVEL that is deferred: see [IRQL](crate#irql).
///
/// An entry can be given back to its own list only, and only once, because it does so itself.
///
/// ```no_run
/// use kmdf::{PagedLookaside, Passive, Tag};
///
/// fn an_entry(irql: &Passive) -> kmdf::Result<()> {
///     const TAG: Tag = Tag::new(b"Page");
///     let list = PagedLookaside::new(TAG, 256, irql)?;
///     let mut entry = list.allocate(irql)?;
///     entry.bytes_mut(irql).fill(0xFF);
///     drop(entry); // Back to its list.
///     assert_eq!(list.counters().frees, 1);
///     Ok(())
/// }
/// ```
///
/// # Invariants
///
/// `storage` holds an initialised list of the kind `P`, and one of its references is this value's.
#[derive(Debug)]
pub struct ExLookaside<P: ExPool> {
    storage: NonNull<Storage>,
    load: LoadId,
    kind: PhantomData<fn(P) -> P>,
}

// SAFETY: A kernel list belongs to no thread, and its references are counted atomically.
unsafe impl<P: ExPool> Send for ExLookaside<P> {}
// SAFETY: The kernel's routines and the record list are made for use by all processors at once.
unsafe impl<P: ExPool> Sync for ExLookaside<P> {}

impl<P: ExPool> ExLookaside<P> {
    /// `ExInitializePagedLookasideList` or `ExInitializeNPagedLookasideList`, with the default
    /// routines. IRQL: PASSIVE_LEVEL.
    ///
    /// Entries are taken and given back as the headers before Windows 11 22H2 did it, so that the
    /// image loads on every Windows (rule E7).
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`] for entries too small to be linked (8 bytes) or above 4 GiB, or
    /// for [`Tag::DEFAULT`], which only the framework knows; [`Error::INSUFFICIENT_RESOURCES`].
    ///
    /// Source: "ExInitializePagedLookasideList function (wdm.h)".
    pub fn new(tag: Tag, entry_size: usize, _irql: &impl AtPassive) -> Result<Self> {
        Self::with_routines(tag, entry_size, Routines::Inline, (None, None))
    }

    /// As [`ExLookaside::new`], but takes and gives entries by `ExAllocateFromPagedLookasideList`
    /// and `ExFreeToPagedLookasideList` if `MmGetSystemRoutineAddress` finds both. IRQL:
    /// PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// As [`ExLookaside::new`].
    ///
    /// Source: "MmGetSystemRoutineAddress function (wdm.h)".
    pub fn with_system_routines(
        tag: Tag,
        entry_size: usize,
        irql: &impl AtPassive,
    ) -> Result<Self> {
        let allocate = system_routine(P::ALLOCATE, irql);
        let free = system_routine(P::FREE, irql);
        let routines = match (allocate, free) {
            (Some(allocate), Some(free)) => {
                // SAFETY: The kernel's function of this name has this type.
                let allocate =
                    unsafe { mem::transmute::<NonNull<c_void>, AllocateExport>(allocate) };
                // SAFETY: The kernel's function of this name has this type.
                let free = unsafe { mem::transmute::<NonNull<c_void>, FreeExport>(free) };
                Routines::Exports { allocate, free }
            }
            _ => Routines::Inline,
        };
        Self::with_routines(tag, entry_size, routines, (None, None))
    }

    /// As [`ExLookaside::new`], with `Allocate` and `Free` routines that ask `S` first. IRQL:
    /// PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// As [`ExLookaside::new`].
    ///
    /// Source: "ExInitializePagedLookasideList function (wdm.h)".
    pub fn with_supply<S: Supply>(
        tag: Tag,
        entry_size: usize,
        _irql: &impl AtPassive,
    ) -> Result<Self> {
        let pair: RoutinePair = (Some(allocate_supplied::<S>), Some(free_supplied::<S>));
        Self::with_routines(tag, entry_size, Routines::Inline, pair)
    }

    fn with_routines(
        tag: Tag,
        entry_size: usize,
        routines: Routines,
        pair: RoutinePair,
    ) -> Result<Self> {
        let size = u32::try_from(entry_size).map_err(|_| Error::INVALID_PARAMETER)?;
        if entry_size < size_of::<*mut c_void>() || tag == Tag::DEFAULT {
            return Err(Error::INVALID_PARAMETER);
        }
        let slack = align_of::<Storage>() - MEMORY_ALLOCATION_ALIGNMENT as usize;
        let bytes = size_of::<Storage>() + slack;
        // SAFETY: The callers have a witness of PASSIVE_LEVEL; size and tag are not zero.
        let allocation = unsafe {
            ntddk::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, bytes as u64, tag.value())
        };
        let allocation = NonNull::new(allocation).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        let padding = allocation.cast::<u8>().align_offset(align_of::<Storage>());
        // SAFETY: Pool memory is aligned to 16 bytes, so the padding is at most the slack
        // allocated.
        let storage = unsafe { allocation.byte_add(padding) }.cast::<Storage>();
        let value = Storage {
            list: UnsafeCell::new(GENERAL_LOOKASIDE::default()),
            records: UnsafeCell::new(deferred::EMPTY_LIST),
            all_records: AtomicPtr::new(null_mut()),
            record: UnsafeCell::new(Record::new()),
            references: AtomicUsize::new(1),
            allocation,
            tag,
            entry_size: size,
            routines,
        };
        // SAFETY: Allocated above for one, at the right alignment.
        unsafe { storage.write(value) };
        // SAFETY: The list comes first in its storage, which is nonpaged and new.
        unsafe { P::initialize(storage.as_ptr().cast(), size, tag, pair) };
        // SAFETY: The storage was written above, and no other code has its address yet.
        let record = unsafe { storage.as_ref() }.record();
        // SAFETY: The record is the storage's own, and not used yet.
        unsafe { Record::set(record, delete_forgotten::<P>, storage.cast(), null_mut()) };
        // SAFETY: The record was set above and is not in the unload list; the list may be deleted if all
        // that refers to it is forgotten.
        unsafe { Record::register(record) };
        // INVARIANT: The list was initialised above, with one reference for this value.
        Ok(Self {
            storage,
            load: LoadId::current(),
            kind: PhantomData,
        })
    }

    /// `ExAllocateFromPagedLookasideList` or its nonpaged sibling: an entry, all zero. IRQL:
    /// <= APC_LEVEL for [`Paged`] (rule E6), <= DISPATCH_LEVEL for [`NonPagedNx`].
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`] when there is no entry and none can be allocated (rule
    /// E2).
    ///
    /// Source: "ExAllocateFromPagedLookasideList function (wdm.h)".
    pub fn allocate(&self, irql: &impl Allows<P>) -> Result<Entry<P>> {
        let length = self.entry_size();
        self.allocate_with(irql, |start| {
            // SAFETY: The entry is this long and was just taken; the witness allows touching it. What a
            // former owner left in it is gone after this.
            unsafe { start.write_bytes(0, length) };
            NonNull::slice_from_raw_parts(start, length)
        })
    }

    /// As [`ExLookaside::allocate`], with `value`, of at most [`MAX_BY_VALUE`](crate::MAX_BY_VALUE)
    /// bytes, in the entry instead of zeroes. IRQL: the same.
    ///
    /// The type is one that [`Memory::with_value`](crate::Memory::with_value) takes. Bytes
    /// of the entry past the value cannot be reached.
    ///
    /// # Errors
    ///
    /// As [`ExLookaside::allocate`]; [`Error::INVALID_BUFFER_SIZE`] if the entries are too small.
    ///
    /// Source: "ExAllocateFromPagedLookasideList function (wdm.h)".
    pub fn allocate_value<T>(&self, value: T, irql: &impl Allows<P>) -> Result<Entry<P, T>> {
        const { Fits::<T>::check() };
        const { assert_by_value::<T>() };
        if self.entry_size() < size_of::<T>() {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        self.allocate_with(irql, |start| {
            let content = start.cast::<T>();
            // SAFETY: The entry is long enough, was just taken, and is aligned as `Fits` checks: pool memory
            // of PAGE_SIZE or more is page-aligned. The witness allows touching it.
            unsafe { content.write(value) };
            content
        })
    }

    /// As [`ExLookaside::allocate_value`], with a value of zeroes, made in place. IRQL: the same.
    ///
    /// # Errors
    ///
    /// As [`ExLookaside::allocate_value`].
    ///
    /// Source: "ExAllocateFromPagedLookasideList function (wdm.h)".
    pub fn allocate_zeroed<T: Zeroable>(&self, irql: &impl Allows<P>) -> Result<Entry<P, T>> {
        const { Fits::<T>::check() };
        if self.entry_size() < size_of::<T>() {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        self.allocate_with(irql, |start| {
            let content = start.cast::<T>();
            // SAFETY: The entry is long enough, was just taken, and is aligned as `Fits` checks; the witness
            // allows touching it. Zeroes are a value of the type.
            unsafe { content.write_bytes(0, 1) };
            content
        })
    }

    /// Takes an entry, which `fill` initialises from its start.
    fn allocate_with<T: ?Sized>(
        &self,
        _irql: &impl Allows<P>,
        fill: impl FnOnce(NonNull<u8>) -> NonNull<T>,
    ) -> Result<Entry<P, T>> {
        let storage = self.storage();
        let record = storage.take_record()?;
        // SAFETY: The list is initialised by the type invariant; the witness allows touching its entries.
        let start = unsafe { storage.routines.allocate(self.storage.cast()) };
        let Some(start) = NonNull::new(start.cast::<u8>()) else {
            // SAFETY: The record was taken above from this list, and stands for nothing.
            unsafe { storage.give_record(record) };
            return Err(Error::INSUFFICIENT_RESOURCES);
        };
        // SAFETY: The record was taken above, so it is this function's alone.
        unsafe {
            Record::set(
                record,
                give_back::<P>,
                start.cast(),
                self.storage.as_ptr().cast(),
            )
        };
        let content = fill(start);
        storage.references.fetch_add(1, Ordering::Relaxed);
        // INVARIANT: The entry was taken from this list above, which one more reference keeps alive.
        Ok(Entry {
            content,
            storage: self.storage,
            record,
            load: self.load,
            kind: PhantomData,
        })
    }

    /// The size of each entry, in bytes.
    pub fn entry_size(&self) -> usize {
        self.storage().entry_size as usize
    }

    /// Whether entries are taken and given back by the kernel's exports.
    pub fn uses_system_routines(&self) -> bool {
        matches!(self.storage().routines, Routines::Exports { .. })
    }

    /// What the list has counted since it was made.
    pub fn counters(&self) -> Counters {
        self.load.check();
        let list = self.storage.cast::<GENERAL_LOOKASIDE>();
        Counters {
            allocates: counter!(list, TotalAllocates).load(Ordering::Relaxed),
            allocate_misses: counter!(list, __bindgen_anon_2).load(Ordering::Relaxed),
            frees: counter!(list, TotalFrees).load(Ordering::Relaxed),
            free_misses: counter!(list, __bindgen_anon_3).load(Ordering::Relaxed),
        }
    }

    fn storage(&self) -> &Storage {
        self.load.check();
        // SAFETY: This value's reference keeps the storage alive; what changes in it is in cells.
        unsafe { self.storage.as_ref() }
    }
}

impl<P: ExPool> Clone for ExLookaside<P> {
    fn clone(&self) -> Self {
        self.storage().references.fetch_add(1, Ordering::Relaxed);
        // INVARIANT: The new value owns the reference taken above.
        Self {
            storage: self.storage,
            load: self.load,
            kind: PhantomData,
        }
    }
}

impl<P: ExPool> Drop for ExLookaside<P> {
    fn drop(&mut self) {
        self.load.check();
        // SAFETY: This value owns a reference by the type invariant, and ends here.
        unsafe { dereference::<P>(self.storage) };
    }
}

/// `MmGetSystemRoutineAddress`: the address of a function of the kernel, by its name.
fn system_routine(name: WideText, _irql: &impl AtPassive) -> Option<NonNull<c_void>> {
    let name = name.unicode_string();
    // SAFETY: The kernel only reads the name; the witness is of PASSIVE_LEVEL.
    NonNull::new(unsafe { ntddk::MmGetSystemRoutineAddress(name.as_ptr().cast_mut()) })
}

impl Storage {
    /// The record of the list itself.
    const fn record(&self) -> NonNull<Record> {
        // SAFETY: The address of a cell's content is not null, as the cell is borrowed.
        unsafe { NonNull::new_unchecked(self.record.get()) }
    }

    /// A record for an entry, from the list's own if there is one.
    fn take_record(&self) -> Result<NonNull<Record>> {
        // SAFETY: `records` is a list header that only the interlocked functions access.
        let record = unsafe { ntddk::ExpInterlockedPopEntrySList(self.records.get()) };
        if let Some(record) = NonNull::new(record.cast()) {
            return Ok(record);
        }
        let record = Record::allocate()?;
        // SAFETY: The record was allocated above.
        let link = unsafe { Record::next(record) };
        let mut next = self.all_records.load(Ordering::Relaxed);
        loop {
            // SAFETY: The record is not linked yet, so that this thread alone can reach the link.
            unsafe { link.write(next) };
            let linked = self.all_records.compare_exchange_weak(
                next,
                record.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            );
            match linked {
                Ok(_) => return Ok(record),
                Err(other) => next = other,
            }
        }
    }

    /// Keeps a record for another entry.
    ///
    /// # Safety
    ///
    /// The record came from `take_record` of the same list, and the caller gives it up.
    unsafe fn give_record(&self, record: NonNull<Record>) {
        // SAFETY: The caller owns the record.
        unsafe { Record::clear(record) };
        // SAFETY: `records` is a list header that only the interlocked functions access; a record starts
        // with its link, and the caller gives it up.
        unsafe { ntddk::ExpInterlockedPushEntrySList(self.records.get(), record.as_ptr().cast()) };
    }

    /// Calls `each` with every record of the list's entries; it may free the record.
    ///
    /// # Safety
    ///
    /// No other code uses the list.
    unsafe fn for_each_record(&self, mut each: impl FnMut(NonNull<Record>)) {
        let mut next = self.all_records.load(Ordering::Acquire);
        while let Some(record) = NonNull::new(next) {
            // SAFETY: Records live as long as the list, unless `each` frees this one.
            let link = unsafe { Record::next(record) };
            // SAFETY: The link was written before the record became reachable.
            next = unsafe { link.read() };
            each(record);
        }
    }
}

/// Gives back a reference on a list, and deletes the list with the last one.
///
/// # Safety
///
/// The storage holds a list of the kind `P`, and the caller owns one of its references.
unsafe fn dereference<P: ExPool>(storage: NonNull<Storage>) {
    // SAFETY: The caller's reference keeps the storage alive.
    let shared = unsafe { storage.as_ref() };
    let record = shared.record();
    if shared.references.fetch_sub(1, Ordering::Release) != 1 {
        return;
    }
    // What other owners did to the list comes before its deletion. A load rather than a fence, which
    // ThreadSanitizer does not understand.
    shared.references.load(Ordering::Acquire);
    // SAFETY: The record was inserted when the list was made, and this was the last reference, after which
    // nothing else removes it.
    unsafe { Record::unregister(record) };
    // SAFETY: The record is out of the unload list and, without a reference left, this function's alone.
    unsafe { Record::set(record, delete::<P>, storage.cast(), null_mut()) };
    if P::PAGEABLE {
        // SAFETY: The record was set above and is in the list's own storage, which `delete` frees last.
        unsafe { deferred::release(record) };
    } else {
        // SAFETY: This was the last reference, so that no entry is in use; nonpaged entries may be freed at
        // any level of this crate.
        unsafe { delete::<P>(storage.cast(), null_mut(), record) };
    }
}

/// Deletes a list and frees its storage and its records.
///
/// # Safety
///
/// No code uses the list any more, all its entries were given back, and the level allows freeing entries
/// of the kind.
unsafe fn delete<P: ExPool>(storage: NonNull<c_void>, _: *mut c_void, _: NonNull<Record>) {
    let storage = storage.cast::<Storage>();
    // SAFETY: The list comes first in its storage; the caller gives it up without entries in use.
    unsafe { P::delete(storage.as_ptr().cast()) };
    // SAFETY: The storage is alive until it is freed below.
    let shared = unsafe { storage.as_ref() };
    let free = |record| {
        // SAFETY: All records come from `Record::allocate`, and no entry uses one any more.
        unsafe { Record::free(record) };
    };
    // SAFETY: The caller guarantees that no other code uses the list.
    unsafe { shared.for_each_record(free) };
    // SAFETY: The storage is alive and not used any more, so that its content may be moved out.
    let Storage {
        allocation, tag, ..
    } = unsafe { storage.read() };
    // SAFETY: This is the allocation of the storage, with its tag, and the storage is not used any more.
    unsafe { ntddk::ExFreePoolWithTag(allocation.as_ptr(), tag.value()) };
}

/// As `delete`, after giving back the entries that were forgotten.
///
/// # Safety
///
/// No code can reach a value that refers to the list. The processor runs at PASSIVE_LEVEL.
unsafe fn delete_forgotten<P: ExPool>(
    storage: NonNull<c_void>,
    argument: *mut c_void,
    record: NonNull<Record>,
) {
    let list = storage.cast::<Storage>();
    // SAFETY: The storage is alive until it is deleted below.
    let shared = unsafe { list.as_ref() };
    let give_back = |record| {
        // SAFETY: The record is one of the list's, which no other code uses.
        if let Some(entry) = unsafe { Record::memory(record) } {
            // SAFETY: The entry was taken from this list and not given back, and its value is forgotten.
            unsafe { shared.routines.free(list.cast(), entry.as_ptr()) };
        }
    };
    // SAFETY: The caller guarantees that no other code uses the list.
    unsafe { shared.for_each_record(give_back) };
    // SAFETY: All entries were given back above, and the caller gives the list up at PASSIVE_LEVEL.
    unsafe { delete::<P>(storage, argument, record) };
}

/// An entry of a kernel lookaside list: bytes owned by a Rust value.
///
/// `Drop` is `ExFreeToPagedLookasideList`, or its nonpaged sibling, on the entry's own list (rule
/// E4). A pageable entry dropped at DISPATCH_LEVEL is neither touched nor given back there but
/// later: see [IRQL](crate#irql).
///
/// # Invariants
///
/// `content` is at the start of an entry of the list in `storage`: initialised, and owned by this
/// value alone, as are `record`, which stands for it, and one reference on the list.
#[derive(Debug)]
pub struct Entry<P: ExPool, T: ?Sized = [u8]> {
    content: NonNull<T>,
    storage: NonNull<Storage>,
    record: NonNull<Record>,
    load: LoadId,
    kind: PhantomData<fn(P) -> P>,
}

// SAFETY: The value is the only way to the content by the type invariant; the entry itself belongs to no
// thread.
unsafe impl<P: ExPool, T: ?Sized + Send> Send for Entry<P, T> {}
// SAFETY: A shared entry gives shared references to its content only.
unsafe impl<P: ExPool, T: ?Sized + Sync> Sync for Entry<P, T> {}

impl<P: ExPool, T: ?Sized> Entry<P, T> {
    /// The content. If it is pageable, the reference borrows the witness (rule E5).
    pub fn get<'a, 'w>(&'a self, _irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a T {
        self.load.check();
        // SAFETY: The content is initialised and this value's alone by the type invariant; the borrowed
        // witness allows touching the kind.
        unsafe { self.content.as_ref() }
    }

    /// The content, for writing.
    pub fn get_mut<'a, 'w>(&'a mut self, _irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a mut T {
        self.load.check();
        // SAFETY: The content is initialised and this value's alone by the type invariant; the exclusive
        // borrow makes this the only access, which the witness allows.
        unsafe { self.content.as_mut() }
    }
}

impl<P: ExPool> Entry<P> {
    /// The number of bytes, never zero.
    #[expect(clippy::len_without_is_empty, reason = "an entry is never empty")]
    pub const fn len(&self) -> usize {
        self.content.len()
    }

    /// The bytes. If they are pageable, the reference borrows the witness (rule E5).
    pub fn bytes<'a, 'w>(&'a self, irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a [u8] {
        self.get(irql)
    }

    /// The bytes, for writing.
    pub fn bytes_mut<'a, 'w>(&'a mut self, irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a mut [u8] {
        self.get_mut(irql)
    }
}

impl<P: ExPool, T: ?Sized> Drop for Entry<P, T> {
    fn drop(&mut self) {
        self.load.check();
        if P::PAGEABLE {
            // SAFETY: The entry, its record and a reference on the list are this value's by the type
            // invariant, and given up here.
            unsafe { deferred::release(self.record) };
        } else {
            let storage = self.storage.as_ptr().cast();
            // SAFETY: This value gives up its entry, record and reference; nonpaged entries may be touched at
            // any level of this crate.
            unsafe { give_back::<P>(self.content.cast(), storage, self.record) };
        }
    }
}

/// Gives an entry back to its list.
///
/// # Safety
///
/// The caller gives up the entry, its record and one reference on its list, at a level that allows
/// touching the entry. `storage` is that list's.
unsafe fn give_back<P: ExPool>(
    entry: NonNull<c_void>,
    storage: *mut c_void,
    record: NonNull<Record>,
) {
    // SAFETY: The caller passes the storage of a list, which is never null.
    let storage = unsafe { NonNull::new_unchecked(storage.cast::<Storage>()) };
    // SAFETY: The reference keeps the storage alive.
    let shared = unsafe { storage.as_ref() };
    // SAFETY: The caller gives up the record of an entry of this list.
    unsafe { shared.give_record(record) };
    // SAFETY: The caller gives up an entry of this list, at a level for it.
    unsafe { shared.routines.free(storage.cast(), entry.as_ptr()) };
    // SAFETY: The caller gives up a reference on this list.
    unsafe { dereference::<P>(storage) };
}

/// The counters of a kernel lookaside list, modulo 2^32: `TotalAllocates`, `AllocateMisses`, `TotalFrees`
/// and `FreeMisses`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Attempts to take an entry from the list.
    pub allocates: u32,
    /// Of these, how many called the allocate routine because the list had no free entry.
    pub allocate_misses: u32,
    /// Entries given back to the list.
    pub frees: u32,
    /// Of these, how many were freed because the list had enough free entries.
    pub free_misses: u32,
}

impl Counters {
    /// Entries that were taken from the list itself.
    pub const fn allocate_hits(&self) -> u32 {
        self.allocates.wrapping_sub(self.allocate_misses)
    }

    /// Entries that the list kept.
    pub const fn free_hits(&self) -> u32 {
        self.frees.wrapping_sub(self.free_misses)
    }
}
