//! The framework's own pool allocator: a header in front of each block, and under the verifier a
//! record of what is live.

use crate::driver::globals::Globals;
use crate::support::kernel::PAGE_SIZE;
use crate::support::sync::Locked;
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::NonNull;
use kmdf_sys::ntddk::{ExAllocatePoolWithTag, ExFreePoolWithTag};
use kmdf_sys::{_POOL_TYPE, POOL_TYPE, SIZE_T, ULONG};

/// Lies directly in front of each block (OBJ-9).
#[repr(C, align(16))]
struct Header {
    /// What the kernel's pool gave, and takes back.
    base: NonNull<c_void>,
    globals: NonNull<Globals>,
}

/// Lies in front of the header if the block was allocated with the verifier on (VER-10), unless that
/// is paged.
///
/// # Invariants
///
/// The links are touched only with the lock of the [`Tracker`] held that the record belongs to.
#[repr(C, align(16))]
struct Record {
    next: Cell<Option<NonNull<Record>>>,
    previous: Cell<Option<NonNull<Record>>>,
    /// Size of the block that follows the header.
    size: usize,
    tag: ULONG,
}

/// Lies in front of the header of a paged block in place of the record, which is touched with a spin
/// lock held and has a nonpaged block of its own.
#[repr(C, align(16))]
struct Elsewhere(NonNull<Record>);

/// The live tracked blocks of one driver, newest first.
pub(crate) struct Tracker {
    newest: Locked<Option<NonNull<Record>>>,
}

impl Tracker {
    pub(crate) const fn new() -> Self {
        Self {
            newest: Locked::new(None),
        }
    }

    /// # Safety
    ///
    /// `record` is initialised and stays where it is until it is removed.
    unsafe fn insert(&self, record: NonNull<Record>) {
        let mut newest = self.newest.lock();
        if let Some(older) = *newest {
            // SAFETY: Records in the list are live; the lock is held.
            let older = unsafe { older.as_ref() };
            older.previous.set(Some(record));
        }
        // SAFETY: By the contract of this function.
        let inserted = unsafe { record.as_ref() };
        inserted.next.set(*newest);
        *newest = Some(record);
    }

    fn remove(&self, record: &Record) {
        let mut newest = self.newest.lock();
        let (next, previous) = (record.next.get(), record.previous.get());
        if let Some(next) = next {
            // SAFETY: Neighbours in the list are live; the lock is held.
            let next = unsafe { next.as_ref() };
            next.previous.set(previous);
        }
        if let Some(previous) = previous {
            // SAFETY: As above.
            let previous = unsafe { previous.as_ref() };
            previous.next.set(next);
        } else {
            *newest = next;
        }
    }
}

const HEADER: usize = size_of::<Header>();
const RECORD: usize = size_of::<Record>();
const ELSEWHERE: usize = size_of::<Elsewhere>();
const _: () = assert!(
    RECORD != ELSEWHERE,
    "the distance from base to header tells them apart"
);

/// Allocates a zeroed block of nonpaged pool under the driver's default tag (OBJ-14).
pub(crate) fn allocate(globals: &Globals, size: usize) -> Option<NonNull<u8>> {
    let block = allocate_raw(globals, _POOL_TYPE::NonPagedPoolNx, size, globals.tag.get())?;
    // SAFETY: The block has `size` bytes and nobody else knows it.
    unsafe { block.write_bytes(0, size) };
    Some(block)
}

/// Allocates a block whose contents are whatever the pool had there.
pub(crate) fn allocate_raw(
    globals: &Globals,
    pool_type: POOL_TYPE,
    size: usize,
    tag: ULONG,
) -> Option<NonNull<u8>> {
    if !globals.settings.may_allocate() {
        return None;
    }
    let record = match globals.verifier_on() {
        false => None,
        true if is_paged(pool_type) => {
            let nx = _POOL_TYPE::NonPagedPoolNx;
            Some(Place::Elsewhere(kernel_allocate(nx, RECORD, tag)?))
        }
        true => Some(Place::InFront),
    };
    let front = HEADER
        + match record {
            None => 0,
            Some(Place::InFront) => RECORD,
            Some(Place::Elsewhere(_)) => ELSEWHERE,
        };
    let base = (size.checked_add(front)).and_then(|total| kernel_allocate(pool_type, total, tag));
    let Some(base) = base else {
        if let Some(Place::Elsewhere(record)) = record {
            // SAFETY: Just allocated.
            unsafe { kernel_free(record) };
        }
        return None;
    };
    // SAFETY: The kernel's block has `size` bytes and `front` more.
    let block = unsafe { base.cast::<u8>().add(front) };
    // SAFETY: As above; the front ends with the header.
    let header = unsafe { block.sub(HEADER) }.cast::<Header>();
    let contents = Header {
        base,
        globals: NonNull::from(globals),
    };
    // SAFETY: Inside the new block, which is 16-aligned as `front` is a multiple of 16.
    unsafe { header.write(contents) };
    let Some(place) = record else {
        return Some(block);
    };
    let record = match place {
        Place::InFront => base.cast::<Record>(),
        Place::Elsewhere(record) => {
            let record = record.cast::<Record>();
            // SAFETY: The front of the new block starts with it.
            unsafe { base.cast().write(Elsewhere(record)) };
            record
        }
    };
    let contents = Record {
        next: Cell::new(None),
        previous: Cell::new(None),
        size,
        tag,
    };
    // SAFETY: Room for a record, in front of the block or in a block of its own.
    unsafe { record.write(contents) };
    // SAFETY: Just written; `free` removes it before the block goes.
    unsafe { globals.tracker.insert(record) };
    Some(block)
}

/// Where the record of a tracked block is.
#[derive(Clone, Copy)]
enum Place {
    InFront,
    /// In a nonpaged block.
    Elsewhere(NonNull<c_void>),
}

/// Frees a block of [`allocate`] or [`allocate_raw`].
///
/// # Safety
///
/// `block` came from one of them and nobody uses it any more.
pub(crate) unsafe fn free(block: NonNull<u8>) {
    // SAFETY: By the contract of this function a header lies in front.
    let header = unsafe { block.sub(HEADER) }.cast::<Header>();
    // SAFETY: As above.
    let Header { base, globals } = unsafe { header.read() };
    let front = header.addr().get() - base.addr().get();
    if front == 0 {
        // SAFETY: The base is what the kernel gave.
        return unsafe { kernel_free(base) };
    }
    let record = if front == ELSEWHERE {
        // SAFETY: What lies in front of the header of a paged block.
        unsafe { base.cast::<Elsewhere>().read() }.0
    } else {
        base.cast::<Record>()
    };
    // SAFETY: Globals outlive the blocks allocated for them.
    let globals = unsafe { globals.as_ref() };
    // SAFETY: By its place a record, which is live until its block goes.
    let tracked = unsafe { record.as_ref() };
    globals.tracker.remove(tracked);
    let size = tracked.size;
    // SAFETY: The record keeps the size of the block, which nobody uses any more.
    unsafe { block.write_bytes(0, size) };
    if front == ELSEWHERE {
        // SAFETY: Allocated with the block, for the block alone.
        unsafe { kernel_free(record.cast()) };
    }
    // SAFETY: The base is what the kernel gave.
    unsafe { kernel_free(base) };
}

/// VER-22: prints every block that is still tracked, then breaks once.
pub(crate) fn report_leaks(globals: &Globals) {
    let mut leaked = false;
    let mut next = *globals.tracker.newest.lock();
    while let Some(record) = next {
        leaked = true;
        // SAFETY: The driver is gone, so nobody frees blocks any more and the list stands still.
        let record = unsafe { record.as_ref() };
        print_leak(record);
        next = record.next.get();
    }
    if leaked {
        verifier::break_point(
            globals,
            c"the driver unloaded with framework objects still referenced",
        );
    }
}

fn print_leak(record: &Record) {
    let tag = record.tag.to_le_bytes();
    let text = [tag[0], tag[1], tag[2], tag[3], 0];
    let (size, text) = (record.size as u32, text.as_ptr());
    let format = c"wdf: leaked block of %u bytes, tag %s\n";
    // SAFETY: The format takes a number and a string, and these are given.
    unsafe { kmdf_sys::ntddk::DbgPrint(format.as_ptr(), size, text) };
}

/// Memory straight from the kernel's pool, with no header.
pub(crate) fn kernel_allocate(
    pool_type: POOL_TYPE,
    size: usize,
    tag: ULONG,
) -> Option<NonNull<c_void>> {
    // SAFETY: Callable with any values; the kernel checks the IRQL.
    let block = unsafe { ExAllocatePoolWithTag(pool_type, size as SIZE_T, tag) };
    NonNull::new(block)
}

/// # Safety
///
/// `block` came from the kernel's pool and nobody uses it any more.
pub(crate) unsafe fn kernel_free(block: NonNull<c_void>) {
    // SAFETY: By the contract of this function; tag 0 fits every block.
    unsafe { ExFreePoolWithTag(block.as_ptr(), 0) };
}

/// A block from the kernel's pool that starts on a page if it has a page or more (MEM-25).
#[derive(Clone, Copy)]
pub(crate) struct PageAligned {
    pub(crate) address: NonNull<c_void>,
    /// What to give back: the address, unless the kernel's pool does not align such blocks.
    pub(crate) block: NonNull<c_void>,
}

impl PageAligned {
    pub(crate) fn allocate(pool_type: POOL_TYPE, size: usize, tag: ULONG) -> Option<Self> {
        let allocate = |size| kernel_allocate(pool_type, size, tag);
        // SAFETY: The blocks come from the kernel's pool.
        let free = |block| unsafe { kernel_free(block) };
        Self::allocate_with(size, allocate, free)
    }

    /// Uses a block of `size` bytes if it is aligned, else one of a page more.
    pub(crate) fn allocate_with(
        size: usize,
        allocate: impl Fn(usize) -> Option<NonNull<c_void>>,
        free: impl Fn(NonNull<c_void>),
    ) -> Option<Self> {
        let block = allocate(size)?;
        let is_aligned = |block: NonNull<c_void>| block.addr().get().is_multiple_of(PAGE_SIZE);
        if size < PAGE_SIZE || is_aligned(block) {
            return Some(Self {
                address: block,
                block,
            });
        }
        free(block);
        let block = allocate(size.checked_add(PAGE_SIZE)?)?;
        let padding = block.cast::<u8>().align_offset(PAGE_SIZE);
        // SAFETY: The block has a page more than asked for, and the padding is less than one.
        let address = unsafe { block.byte_add(padding) };
        Some(Self { address, block })
    }
}

/// Whether the framework takes memory for `pool_type` as paged (MEM-5).
pub(crate) fn is_paged(pool_type: POOL_TYPE) -> bool {
    const COLD_ALLOCATION: POOL_TYPE = 0x100;
    matches!(
        pool_type & !COLD_ALLOCATION,
        _POOL_TYPE::PagedPool | _POOL_TYPE::PagedPoolCacheAligned
    )
}

/// Whether a block of `size` bytes and its header take a page or more.
pub(crate) fn fills_page(size: usize) -> bool {
    size >= PAGE_SIZE - HEADER
}
