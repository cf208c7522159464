//! Deferred release of what was dropped above PASSIVE_LEVEL, by a work item at PASSIVE_LEVEL.
//!
//! `Drop` cannot ask for a witness, so a value may be dropped at DISPATCH_LEVEL whose release needs
//! PASSIVE_LEVEL: pageable memory must not be touched there, and WdfObjectDelete of an object that is
//! disposed of at PASSIVE_LEVEL races with the removal of the object's device (OBJ-58). Such a value goes
//! on a lock-free list, by a [`Link`] in nonpaged memory that is allocated together with the value, so
//! that dropping cannot fail. The thread that finds the list empty queues the driver's work item, which
//! takes all of the list and releases it.
//!
//! Until then the list owns what the value owned: a framework object on it is in the state that it was
//! in before, and becomes an orphan if its parent is deleted meanwhile.

use crate::irql;
use crate::status::{Error, Result};
use crate::unload_list::{self, Node};
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::mem::offset_of;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use kmdf_sys::{
    _IO_WORKITEM, _MODE, _POOL_TYPE, _SLIST_HEADER__bindgen_ty_1, _WORK_QUEUE_TYPE, LARGE_INTEGER,
    PDEVICE_OBJECT, PDRIVER_OBJECT, PVOID, SLIST_ENTRY, SLIST_HEADER, ntddk,
};

/// A place in the list of deferred releases: the first field of what is to be released, in nonpaged
/// memory aligned to 16 bytes. Zeroed memory is a link outside of the list.
///
/// # Invariants
///
/// While the link is in the list, `release` is the function that was given with it.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Link {
    entry: UnsafeCell<SLIST_ENTRY>,
    release: Cell<Option<ReleaseLink>>,
}

/// Releases what the link is in. Called at PASSIVE_LEVEL.
type ReleaseLink = unsafe fn(NonNull<Link>);

impl Link {
    /// Makes a link that is outside of the list.
    pub(crate) const fn new() -> Self {
        Self {
            entry: UnsafeCell::new(SLIST_ENTRY { Next: null_mut() }),
            release: Cell::new(None),
        }
    }
}

/// Releases the memory of a record, given the record's two values, and frees or reuses the record, which
/// is the last argument. Called at PASSIVE_LEVEL.
pub(crate) type Release = unsafe fn(NonNull<c_void>, *mut c_void, NonNull<Record>);

/// A nonpaged description of memory that a value owns and how to release it: later, or when the driver is
/// unloaded if the value was forgotten. The link comes first, so that a link's address is its record's. A
/// free record is linked by it in the free records of its lookaside list.
#[repr(C)]
pub(crate) struct Record {
    link: Link,
    /// The record's place in the unload list, if it is in there.
    node: Node,
    /// `None` while the record stands for nothing.
    job: Option<Job>,
    /// The next record of the same lookaside list, whether in use or not.
    next: *mut Self,
}

/// The memory that a record stands for, and how to release it.
#[derive(Clone, Copy)]
struct Job {
    release: Release,
    memory: NonNull<c_void>,
    argument: *mut c_void,
}

/// The pool tag of the records.
const RECORD_TAG: u32 = u32::from_le_bytes(*b"KmDf");

impl Record {
    /// Makes a record that stands for nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            link: Link::new(),
            node: Node::new(),
            job: None,
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
        // SAFETY: The memory was allocated above with this size, and pool memory is aligned to 16 bytes.
        unsafe { record.write(Self::new()) };
        Ok(record)
    }

    /// Frees a record.
    ///
    /// # Safety
    ///
    /// The record was made by `allocate`, and is not used any more.
    pub(crate) unsafe fn free(record: NonNull<Self>) {
        // SAFETY: The record is a pool allocation with this tag, which the caller gives up.
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
        let job = Job {
            release,
            memory,
            argument,
        };
        // SAFETY: The caller owns the record, so that nothing else touches this field.
        unsafe { (*record.as_ptr()).job = Some(job) };
    }

    /// Lets the record stand for nothing.
    ///
    /// # Safety
    ///
    /// The record is the caller's.
    pub(crate) unsafe fn clear(record: NonNull<Self>) {
        // SAFETY: The caller owns the record, so that nothing else touches this field.
        unsafe { (*record.as_ptr()).job = None };
    }

    /// What the record stands for.
    ///
    /// # Safety
    ///
    /// No other code uses the record.
    unsafe fn job(record: NonNull<Self>) -> Option<Job> {
        // SAFETY: The caller guarantees that no other code touches this field.
        unsafe { (*record.as_ptr()).job }
    }

    /// The memory that the record stands for.
    ///
    /// # Safety
    ///
    /// No other code uses the record.
    pub(crate) unsafe fn memory(record: NonNull<Self>) -> Option<NonNull<c_void>> {
        // SAFETY: The two functions ask the caller for the same.
        unsafe { Self::job(record) }.map(|job| job.memory)
    }

    /// Releases what the record stands for, at once.
    ///
    /// # Safety
    ///
    /// The record is the caller's and not in the unload list; its release function may be called.
    unsafe fn release(record: NonNull<Self>) {
        // SAFETY: The caller owns the record.
        if let Some(job) = unsafe { Self::job(record) } {
            // SAFETY: The caller says that the function may be called, which gets what was set with it.
            unsafe { (job.release)(job.memory, job.argument, record) };
        }
    }

    /// The record's place in the unload list.
    const fn node(record: NonNull<Self>) -> NonNull<Node> {
        let offset = offset_of!(Self, node);
        // SAFETY: The offset is that of a field, which lies in the record as its allocation does.
        unsafe { record.byte_add(offset) }.cast()
    }

    /// Inserts the record in the unload list: what it stands for is released when the driver is unloaded
    /// if the value that owns it is forgotten.
    ///
    /// # Safety
    ///
    /// The record was set, is not in the unload list, and may be released from there.
    pub(crate) unsafe fn register(record: NonNull<Self>) {
        /// Releases what the record of a node stands for.
        ///
        /// # Safety
        ///
        /// The node is that of a record that `register` inserted, and is out of the list.
        unsafe fn release(node: NonNull<Node>) {
            // SAFETY: The node is inside its record, at this offset.
            let record = unsafe { node.byte_sub(offset_of!(Record, node)) }.cast::<Record>();
            // SAFETY: The record left the unload list, its value was forgotten, and the caller of
            // `register` allowed its release.
            unsafe { Record::release(record) };
        }

        // SAFETY: The caller guarantees a record outside of the list, which stays alive until it is
        // unregistered or released, and allows its release.
        unsafe { unload_list::insert(Self::node(record), release) };
    }

    /// Takes the record out of the unload list.
    ///
    /// # Safety
    ///
    /// The record is in the list.
    pub(crate) unsafe fn unregister(record: NonNull<Self>) {
        // SAFETY: The caller guarantees that the record is in the list.
        unsafe { unload_list::remove(Self::node(record)) };
    }

    /// The link to the next record of the same lookaside list.
    ///
    /// # Safety
    ///
    /// The record is alive.
    pub(crate) const unsafe fn next(record: NonNull<Self>) -> NonNull<*mut Self> {
        // SAFETY: The offset is that of a field, which lies in the record as its allocation does.
        unsafe { record.byte_add(offset_of!(Self, next)) }.cast()
    }
}

/// The list of deferred releases.
///
/// # Invariants
///
/// The header is only touched by the interlocked functions of the kernel, except in `reset`. Entries
/// are the starts of links. While there is an entry, the work item is queued and has not started, or
/// is about to be queued by the thread that made the first entry.
struct Waiting(UnsafeCell<SLIST_HEADER>);

// SAFETY: Only the kernel's interlocked functions access the header, by the type invariant.
unsafe impl Sync for Waiting {}

/// An empty list header, as `InitializeSListHead` makes it.
pub(crate) const EMPTY_LIST: SLIST_HEADER = SLIST_HEADER {
    __bindgen_anon_1: _SLIST_HEADER__bindgen_ty_1 {
        Alignment: 0,
        Region: 0,
    },
};

static WAITING: Waiting = Waiting(UnsafeCell::new(EMPTY_LIST));

/// The driver's work item, from [`start`] to [`finish`].
static WORK_ITEM: AtomicPtr<_IO_WORKITEM> = AtomicPtr::new(null_mut());

/// Runs of the work item that were queued and have not ended.
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// Forgets what a former load of this image left behind.
///
/// # Safety
///
/// No other code of the driver has run since it was loaded.
pub(crate) unsafe fn reset() {
    // SAFETY: The caller is the first code of the driver that runs, so nothing else uses the header.
    unsafe { ntddk::InitializeSListHead(WAITING.0.get()) };
    WORK_ITEM.store(null_mut(), Ordering::Relaxed);
    RUNS.store(0, Ordering::Relaxed);
}

/// `IoAllocateWorkItem`: gets the driver its work item, so that releases can be deferred.
///
/// # Safety
///
/// `driver` is the driver's own object. No value of this crate exists yet.
pub(crate) unsafe fn start(driver: PDRIVER_OBJECT) -> Result<()> {
    // SAFETY: A work item may belong to the driver object instead of a device object, which does not
    // last as long: it keeps the driver loaded until its routine has returned. The framework queues
    // its own list for the driver in the same way, with the same two calls (OBJ-60).
    let item = unsafe { ntddk::IoAllocateWorkItem(driver.cast()) };
    if item.is_null() {
        return Err(Error::INSUFFICIENT_RESOURCES);
    }
    WORK_ITEM.store(item.cast(), Ordering::Relaxed);
    Ok(())
}

/// Whether the processor runs at PASSIVE_LEVEL, so that a release need not be deferred.
pub(crate) fn is_at_passive() -> bool {
    u32::from(irql::current()) == kmdf_sys::PASSIVE_LEVEL
}

/// Defers a release: the work item calls `release` with the link, at PASSIVE_LEVEL. IRQL:
/// <= DISPATCH_LEVEL.
///
/// # Safety
///
/// The link is not in the list, no other code will put it there, and its memory stays until `release` is
/// called, which may be at any time before the driver is unloaded.
pub(crate) unsafe fn defer(link: NonNull<Link>, release: ReleaseLink) {
    {
        // SAFETY: The caller guarantees that the link stays until it is released.
        let link = unsafe { link.as_ref() };
        // INVARIANT: This is the function that the caller gave with the link.
        link.release.set(Some(release));
    }
    // SAFETY: The header is a list header, and the link starts with an entry that is in no list.
    let former =
        unsafe { ntddk::ExpInterlockedPushEntrySList(WAITING.0.get(), link.as_ptr().cast()) };
    // The routine empties the list once, at its start, when it has left the kernel's queue: if the list was
    // empty, the work item is not queued.
    if former.is_null() {
        RUNS.fetch_add(1, Ordering::Relaxed);
        let item = WORK_ITEM.load(Ordering::Relaxed).cast();
        let queue = _WORK_QUEUE_TYPE::DelayedWorkQueue;
        // SAFETY: The item was allocated before the first value was made, is not queued, and is freed
        // only after the run that was counted above.
        unsafe { ntddk::IoQueueWorkItem(item, Some(run), queue, null_mut()) };
    }
}

/// The work item's routine: does all deferred releases.
///
/// # Safety
///
/// Called by the kernel at PASSIVE_LEVEL, once for each time that `defer` queued the work item.
unsafe extern "C" fn run(_: PDEVICE_OBJECT, _: PVOID) {
    // SAFETY: `WAITING` is a list header that only the interlocked functions access.
    let mut next = unsafe { ntddk::ExpInterlockedFlushSList(WAITING.0.get()) };
    while let Some(link) = NonNull::new(next.cast::<Link>()) {
        let release = {
            // SAFETY: Entries are links, which stay until they are released.
            let link = unsafe { link.as_ref() };
            // SAFETY: This thread took the whole list above, so nothing else touches its links.
            next = unsafe { (*link.entry.get()).Next };
            link.release.get()
        };
        if let Some(release) = release {
            // SAFETY: The caller of `defer` gave this function with the link, to be called once at
            // PASSIVE_LEVEL, which work items run at.
            unsafe { release(link) };
        }
    }
    // The last that this routine does with anything of the driver's. The image stays until it has
    // returned, for which the kernel keeps the driver object.
    RUNS.fetch_sub(1, Ordering::Release);
}

/// `IoFreeWorkItem`: waits until nothing is left to be released, and gives the work item back. IRQL:
/// PASSIVE_LEVEL.
///
/// # Safety
///
/// No code of the driver runs any more that could defer a release. The processor runs at PASSIVE_LEVEL.
pub(crate) unsafe fn finish() {
    while RUNS.load(Ordering::Acquire) != 0 {
        // SAFETY: The caller runs at PASSIVE_LEVEL.
        unsafe { pause() };
    }
    let item = WORK_ITEM.swap(null_mut(), Ordering::Relaxed);
    if !item.is_null() {
        // SAFETY: `start` allocated the item. All its runs have ended, and no code is left to queue it.
        unsafe { ntddk::IoFreeWorkItem(item.cast()) };
    }
}

/// `KeDelayExecutionThread`: waits for a tenth of a millisecond.
///
/// # Safety
///
/// The processor runs at PASSIVE_LEVEL.
pub(crate) unsafe fn pause() {
    // In units of 100 ns; negative is from now on.
    let mut interval = LARGE_INTEGER { QuadPart: -1000 };
    // SAFETY: The caller runs at PASSIVE_LEVEL, where a thread may wait; the interval is only read.
    let _ = unsafe {
        ntddk::KeDelayExecutionThread(_MODE::KernelMode as _, u8::from(false), &mut interval)
    };
}

/// Releases what the record stands for: at once if the level allows it, else later.
///
/// # Safety
///
/// The record was set, belongs to the caller and is not in the unload list. Its release function may be
/// called once, now or at any later time, at PASSIVE_LEVEL.
pub(crate) unsafe fn release(record: NonNull<Record>) {
    /// Releases what the record of a link stands for.
    ///
    /// # Safety
    ///
    /// The link is that of a record whose release was deferred below.
    unsafe fn release_link(link: NonNull<Link>) {
        // SAFETY: A record starts with its link, and the caller of `release` gave the record up.
        unsafe { Record::release(link.cast()) };
    }

    if is_at_passive() {
        // SAFETY: The record is the caller's, outside of the unload list, and this is PASSIVE_LEVEL.
        unsafe { Record::release(record) };
    } else {
        // SAFETY: The caller gives the record up, which stays alive until it is released.
        unsafe { defer(record.cast(), release_link) };
    }
}
