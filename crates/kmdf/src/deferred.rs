//! Releases of pageable memory that were asked for above APC_LEVEL, kept until somebody is below.
//!
//! `Drop` cannot ask for a witness, so a value that owns pageable memory may be dropped at
//! DISPATCH_LEVEL. Its memory is then neither touched nor freed: a nonpaged [`Record`] of it goes
//! on a lock-free list, which is emptied by the next allocation of pageable memory through this
//! crate and, at the latest, when the driver is unloaded. The record is made together with the
//! value, so that dropping cannot fail. Memory objects of the framework need none of this: the
//! framework defers by itself.

use crate::irql;
use crate::registry::{self, Node};
use crate::status::{Error, Result};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::offset_of;
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{_POOL_TYPE, _SLIST_HEADER__bindgen_ty_1, SLIST_ENTRY, SLIST_HEADER, ntddk};

/// What to do with the memory, at IRQL <= APC_LEVEL, given the two values of the record. It also
/// frees or reuses the record, which it gets last.
pub(crate) type Release = unsafe fn(NonNull<c_void>, *mut c_void, NonNull<Record>);

/// Nonpaged room for a release to be done later, or when the value that owns the memory turns out
/// to be forgotten. The link comes first, so that a link's address is its record's.
#[repr(C)]
pub(crate) struct Record {
    link: SLIST_ENTRY,
    /// The record's place in the registry, if that knows of it.
    node: Node,
    release: Release,
    memory: Option<NonNull<c_void>>,
    argument: *mut c_void,
    /// The next record of the same lookaside list, whether in use or not.
    next: *mut Self,
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
            node: Node::new(),
            release: nothing,
            memory: None,
            argument: null_mut(),
            next: null_mut(),
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

    /// Lets the record stand for memory.
    ///
    /// # Safety
    ///
    /// The record is the caller's.
    pub(crate) unsafe fn set(
        record: NonNull<Self>,
        release: Release,
        memory: NonNull<c_void>,
        argument: *mut c_void,
    ) {
        let record = record.as_ptr();
        // SAFETY: By the contract of this function.
        unsafe { (*record).release = release };
        // SAFETY: As above.
        unsafe { (*record).memory = Some(memory) };
        // SAFETY: As above.
        unsafe { (*record).argument = argument };
    }

    /// Lets the record stand for nothing.
    ///
    /// # Safety
    ///
    /// The record is the caller's.
    pub(crate) unsafe fn clear(record: NonNull<Self>) {
        // SAFETY: By the contract of this function.
        unsafe { (*record.as_ptr()).memory = None };
    }

    /// The memory that the record stands for.
    ///
    /// # Safety
    ///
    /// Nobody else uses the record.
    pub(crate) unsafe fn memory(record: NonNull<Self>) -> Option<NonNull<c_void>> {
        // SAFETY: By the contract of this function.
        unsafe { (*record.as_ptr()).memory }
    }

    /// Releases what the record stands for, at once.
    ///
    /// # Safety
    ///
    /// The record is the caller's and not in the registry; its release function may be called.
    unsafe fn release(record: NonNull<Self>) {
        let (release, memory, argument) = {
            // SAFETY: By the contract of this function.
            let record = unsafe { record.as_ref() };
            (record.release, record.memory, record.argument)
        };
        if let Some(memory) = memory {
            // SAFETY: By the contract of this function.
            unsafe { release(memory, argument, record) };
        }
    }

    /// Enters the record in the registry: what it stands for is released at the end if the value
    /// that owns it is forgotten.
    ///
    /// # Safety
    ///
    /// The record was set, is not in the registry, and may be released there.
    pub(crate) unsafe fn register(record: NonNull<Self>) {
        /// # Safety
        ///
        /// The node is that of a record.
        unsafe fn release(node: NonNull<Node>) {
            // SAFETY: The node is inside its record, at this offset.
            let record = unsafe { node.byte_sub(offset_of!(Record, node)) }.cast::<Record>();
            // SAFETY: The record left the registry and belongs to nobody; by the contract of
            // `register` it may be released.
            unsafe { Record::release(record) };
        }

        // SAFETY: The field lies in the record.
        let node = unsafe { record.byte_add(offset_of!(Self, node)) }.cast();
        // SAFETY: By the contract of this function.
        unsafe { registry::enter(node, release) };
    }

    /// Takes the record out of the registry.
    ///
    /// # Safety
    ///
    /// It is in there.
    pub(crate) unsafe fn unregister(record: NonNull<Self>) {
        // SAFETY: The field lies in the record.
        let node = unsafe { record.byte_add(offset_of!(Self, node)) }.cast();
        // SAFETY: By the contract of this function.
        unsafe { registry::remove(node) };
    }

    /// The link to the next record of the same lookaside list.
    ///
    /// # Safety
    ///
    /// The record is alive.
    pub(crate) const unsafe fn next(record: NonNull<Self>) -> NonNull<*mut Self> {
        // SAFETY: The field lies in the record.
        unsafe { record.byte_add(offset_of!(Self, next)) }.cast()
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
    irql::current() > irql::APC_LEVEL
}

/// Releases what the record stands for: at once if the level allows it, else later.
///
/// # Safety
///
/// The record was set, belongs to the caller and is not in the registry. Its release function may
/// be called once, now or at any later time, at IRQL <= APC_LEVEL.
pub(crate) unsafe fn release(record: NonNull<Record>) {
    if is_above_apc() {
        // SAFETY: The header is a list header, and the record is ours.
        unsafe { ntddk::ExpInterlockedPushEntrySList(QUEUE.0.get(), record.as_ptr().cast()) };
        return;
    }
    // SAFETY: By the contract of this function.
    unsafe { Record::release(record) };
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
        // ours, to release at this level.
        unsafe { Record::release(record) };
    }
}

/// Whether releases wait.
pub(crate) fn is_pending() -> bool {
    // SAFETY: The header is a list header.
    (unsafe { ntddk::ExQueryDepthSList(QUEUE.0.get()) }) != 0
}
