//! Releases that were asked for above PASSIVE_LEVEL, done at PASSIVE_LEVEL by a work item.
//!
//! `Drop` cannot ask for a witness, so a value may be dropped at DISPATCH_LEVEL whose release needs
//! PASSIVE_LEVEL: pageable memory must not be touched there, and WdfObjectDelete of an object that is
//! disposed of at PASSIVE_LEVEL races with the removal of the object's device (OBJ-58). What is to be
//! released then goes on a lock-free list, by a [`Link`] in nonpaged memory that is made together with
//! it, so that dropping cannot fail. Whoever finds the list empty queues the driver's work item, which
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

/// A place in the list of releases that wait: the first field of what is to be released, in nonpaged
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

/// Releases what the link is in, at PASSIVE_LEVEL.
type ReleaseLink = unsafe fn(NonNull<Link>);

impl Link {
    /// A link outside of the list.
    pub(crate) const fn new() -> Self {
        Self {
            entry: UnsafeCell::new(SLIST_ENTRY { Next: null_mut() }),
            release: Cell::new(None),
        }
    }
}

/// What to do with the memory, at PASSIVE_LEVEL, given the two values of the record. It also
/// frees or reuses the record, which it gets last.
pub(crate) type Release = unsafe fn(NonNull<c_void>, *mut c_void, NonNull<Record>);

/// Nonpaged room for a release to be done later, or when the value that owns the memory turns out
/// to be forgotten. The link comes first, so that a link's address is its record's; a free record is
/// linked by it in the list of its lookaside list.
#[repr(C)]
pub(crate) struct Record {
    link: Link,
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
            link: Link::new(),
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
        unsafe { unload_list::enter(node, release) };
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
        unsafe { unload_list::remove(node) };
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

/// The list of releases that wait.
///
/// # Invariants
///
/// The header is only touched by the interlocked functions of the kernel, except in `reset`. Entries
/// are the starts of links. While there is an entry, the work item is queued and has not started, or
/// is about to be queued by the thread that made the first entry.
struct Waiting(UnsafeCell<SLIST_HEADER>);

// SAFETY: By the type invariant all access is interlocked.
unsafe impl Sync for Waiting {}

/// An empty list, as `InitializeSListHead` makes it.
pub(crate) const EMPTY_LIST: SLIST_HEADER = SLIST_HEADER {
    __bindgen_anon_1: _SLIST_HEADER__bindgen_ty_1 {
        Alignment: 0,
        Region: 0,
    },
};

static WAITING: Waiting = Waiting(UnsafeCell::new(EMPTY_LIST));

/// The driver's work item, from [`start`] to [`finish`].
static WORK_ITEM: AtomicPtr<_IO_WORKITEM> = AtomicPtr::new(null_mut());

/// Runs of the work item that were asked for and are not over.
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// Forgets what a former load of this image left behind.
///
/// # Safety
///
/// No other code of the driver runs yet.
pub(crate) unsafe fn reset() {
    // SAFETY: By the contract of this function nobody else uses the header.
    unsafe { ntddk::InitializeSListHead(WAITING.0.get()) };
    WORK_ITEM.store(null_mut(), Ordering::Relaxed);
    RUNS.store(0, Ordering::Relaxed);
}

/// `IoAllocateWorkItem`: gets the driver its work item, so that a release can be put off.
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

/// Whether what needs PASSIVE_LEVEL can be done at once.
pub(crate) fn is_at_passive() -> bool {
    u32::from(irql::current()) == kmdf_sys::PASSIVE_LEVEL
}

/// Has `release` called with the link by the work item, at PASSIVE_LEVEL. IRQL: <= DISPATCH_LEVEL.
///
/// # Safety
///
/// The link is not in the list, nobody else will put it there, and its memory stays until `release` is
/// called, which may be at any time before the driver is unloaded.
pub(crate) unsafe fn put_off(link: NonNull<Link>, release: ReleaseLink) {
    {
        // SAFETY: By the contract of this function the link is alive.
        let link = unsafe { link.as_ref() };
        // INVARIANT: Given with this link.
        link.release.set(Some(release));
    }
    // SAFETY: The header is a list header, and the link starts with an entry that is in no list.
    let former =
        unsafe { ntddk::ExpInterlockedPushEntrySList(WAITING.0.get(), link.as_ptr().cast()) };
    // The routine empties the list once, at its start, when it has left the kernel's queue: who finds
    // the list empty knows that the work item is not queued.
    if former.is_null() {
        RUNS.fetch_add(1, Ordering::Relaxed);
        let item = WORK_ITEM.load(Ordering::Relaxed).cast();
        let queue = _WORK_QUEUE_TYPE::DelayedWorkQueue;
        // SAFETY: The item was allocated before the first value was made, is not queued, and is freed
        // only after the run that was counted above.
        unsafe { ntddk::IoQueueWorkItem(item, Some(run), queue, null_mut()) };
    }
}

/// The work item's routine: does all releases that wait.
///
/// # Safety
///
/// Called by the kernel at PASSIVE_LEVEL, once for each time that `put_off` queued the work item.
unsafe extern "C" fn run(_: PDEVICE_OBJECT, _: PVOID) {
    // SAFETY: The header is a list header.
    let mut next = unsafe { ntddk::ExpInterlockedFlushSList(WAITING.0.get()) };
    while let Some(link) = NonNull::new(next.cast::<Link>()) {
        let release = {
            // SAFETY: Entries are links, which stay until they are released.
            let link = unsafe { link.as_ref() };
            // SAFETY: Taken off the list above, by this thread alone.
            next = unsafe { (*link.entry.get()).Next };
            link.release.get()
        };
        if let Some(release) = release {
            // SAFETY: By the contract of `put_off`; this is PASSIVE_LEVEL.
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
/// No code of the driver runs any more that could put a release off.
pub(crate) unsafe fn finish() {
    while RUNS.load(Ordering::Acquire) != 0 {
        // SAFETY: By the contract of this function this is PASSIVE_LEVEL.
        unsafe { pause() };
    }
    let item = WORK_ITEM.swap(null_mut(), Ordering::Relaxed);
    if !item.is_null() {
        // SAFETY: Allocated by `start`, and neither queued nor to be queued.
        unsafe { ntddk::IoFreeWorkItem(item.cast()) };
    }
}

/// `KeDelayExecutionThread`: waits for a tenth of a millisecond.
///
/// # Safety
///
/// At PASSIVE_LEVEL.
pub(crate) unsafe fn pause() {
    // In units of 100 ns; negative is from now on.
    let mut interval = LARGE_INTEGER { QuadPart: -1000 };
    // SAFETY: By the contract of this function a thread may wait here; the interval is only read.
    let _ = unsafe {
        ntddk::KeDelayExecutionThread(_MODE::KernelMode as _, u8::from(false), &mut interval)
    };
}

/// Releases what the record stands for: at once if the level allows it, else later.
///
/// # Safety
///
/// The record was set, belongs to the caller and is not in the registry. Its release function may
/// be called once, now or at any later time, at PASSIVE_LEVEL.
pub(crate) unsafe fn release(record: NonNull<Record>) {
    /// # Safety
    ///
    /// The link is that of a record which was put off.
    unsafe fn release_link(link: NonNull<Link>) {
        // SAFETY: A record starts with its link; by the contract of `release` it may be released.
        unsafe { Record::release(link.cast()) };
    }

    if is_at_passive() {
        // SAFETY: The record is the caller's, outside of the registry, and this is PASSIVE_LEVEL.
        unsafe { Record::release(record) };
    } else {
        // SAFETY: The record belongs to the caller, who gives it up.
        unsafe { put_off(record.cast(), release_link) };
    }
}
