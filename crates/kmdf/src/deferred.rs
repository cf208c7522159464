//! Releases of pageable memory that were asked for above APC_LEVEL, kept until somebody is below.
//!
//! `Drop` cannot ask for a witness, so a value that owns pageable memory may be dropped at
//! DISPATCH_LEVEL. Its memory is then neither touched nor freed: a nonpaged [`Record`] of it goes
//! on a lock-free list, which is emptied by the next allocation of pageable memory through this
//! crate and, at the latest, when the driver is unloaded. The record is made together with the
//! value, so that dropping cannot fail. Memory objects of the framework need none of this: the
//! framework defers by itself.

use crate::status::{Error, Result};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{
    _POOL_TYPE, _SLIST_HEADER__bindgen_ty_1, APC_LEVEL, SLIST_ENTRY, SLIST_HEADER, ntddk,
};

/// What to do with the memory, at IRQL <= APC_LEVEL, given the two values of the record. It also
/// frees or reuses the record, which it gets last.
pub(crate) type Release = unsafe fn(NonNull<c_void>, *mut c_void, NonNull<Record>);

/// Nonpaged room for a release to be done later. The link comes first, so that a link's address is
/// its record's.
#[repr(C)]
pub(crate) struct Record {
    link: SLIST_ENTRY,
    release: Release,
    memory: NonNull<c_void>,
    argument: *mut c_void,
}

/// The tag of the records.
const RECORD_TAG: u32 = u32::from_le_bytes(*b"KmDf");

impl Record {
    /// A record that stands for nothing yet.
    pub(crate) const fn new() -> Self {
        /// # Safety
        ///
        /// None needed.
        unsafe fn nothing(_: NonNull<c_void>, _: *mut c_void, _: NonNull<Record>) {}

        Self {
            link: SLIST_ENTRY { Next: null_mut() },
            release: nothing,
            memory: NonNull::dangling(),
            argument: null_mut(),
        }
    }

    /// Allocates a record. IRQL: <= DISPATCH_LEVEL.
    pub(crate) fn allocate() -> Result<NonNull<Self>> {
        let size = size_of::<Self>() as u64;
        // SAFETY: Nonpaged memory may be allocated at the levels this crate runs at; the size and
        // the tag are not zero.
        let record =
            unsafe { ntddk::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, size, RECORD_TAG) };
        let record = NonNull::new(record.cast::<Self>()).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        // SAFETY: Freshly allocated with this size, and pool memory is aligned to 16 bytes.
        unsafe { record.write(Self::new()) };
        Ok(record)
    }

    /// Frees a record that `allocate` made.
    ///
    /// # Safety
    ///
    /// It did, and nobody uses the record any more.
    pub(crate) unsafe fn free(record: NonNull<Self>) {
        // SAFETY: By the contract of this function.
        unsafe { ntddk::ExFreePoolWithTag(record.as_ptr().cast(), RECORD_TAG) };
    }
}

/// The records that wait.
///
/// # Invariants
///
/// The header is only touched by the interlocked functions of the kernel, except in `reset`.
struct Queue(UnsafeCell<SLIST_HEADER>);

// SAFETY: By the type invariant all access is interlocked.
unsafe impl Sync for Queue {}

/// An empty list, as `InitializeSListHead` makes it.
pub(crate) const EMPTY_LIST: SLIST_HEADER = SLIST_HEADER {
    __bindgen_anon_1: _SLIST_HEADER__bindgen_ty_1 {
        Alignment: 0,
        Region: 0,
    },
};

static QUEUE: Queue = Queue(UnsafeCell::new(EMPTY_LIST));

/// Forgets what a former load of this image left behind.
///
/// # Safety
///
/// No other code of the driver runs yet.
pub(crate) unsafe fn reset() {
    // SAFETY: By the contract of this function nobody else uses the header.
    unsafe { ntddk::InitializeSListHead(QUEUE.0.get()) };
}

/// Whether pageable memory must be left alone at the current level.
pub(crate) fn is_above_apc() -> bool {
    // SAFETY: Reading the level has no preconditions.
    let level = unsafe { ntddk::KeGetCurrentIrql() };
    u32::from(level) > APC_LEVEL
}

/// Releases `memory` by `release`: at once if the level allows it, else later.
///
/// # Safety
///
/// `release(memory, argument, record)` may be called once, now or at any later time, at IRQL <=
/// APC_LEVEL, and the record is nobody else's until then.
pub(crate) unsafe fn release(
    record: NonNull<Record>,
    release: Release,
    memory: NonNull<c_void>,
    argument: *mut c_void,
) {
    if !is_above_apc() {
        // SAFETY: By the contract of this function.
        unsafe { release(memory, argument, record) };
        return;
    }
    let value = Record {
        release,
        memory,
        argument,
        ..Record::new()
    };
    // SAFETY: By the contract of this function the record is ours.
    unsafe { record.write(value) };
    // SAFETY: The header is a list header, and the record is ours.
    unsafe { ntddk::ExpInterlockedPushEntrySList(QUEUE.0.get(), record.as_ptr().cast()) };
}

/// Does all releases that wait.
///
/// # Safety
///
/// The current IRQL is at most APC_LEVEL.
pub(crate) unsafe fn drain() {
    loop {
        // SAFETY: The header is a list header.
        let link = unsafe { ntddk::ExpInterlockedPopEntrySList(QUEUE.0.get()) };
        let Some(record) = NonNull::new(link.cast::<Record>()) else {
            return;
        };
        // SAFETY: Only `release` pushes, and what it pushes are records; popping made this one
        // ours.
        let Record {
            release,
            memory,
            argument,
            ..
        } = unsafe { record.read() };
        // SAFETY: By the contract of `release`, once, and by that of this function at a low enough
        // level.
        unsafe { release(memory, argument, record) };
    }
}

/// Whether releases wait.
pub(crate) fn is_pending() -> bool {
    // SAFETY: The header is a list header.
    (unsafe { ntddk::ExQueryDepthSList(QUEUE.0.get()) }) != 0
}
