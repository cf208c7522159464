//! The framework's pool allocator: a header in front of each block and, under the verifier, a record of
//! each live block.

use crate::driver::globals::Globals;
use crate::support::kernel::PAGE_SIZE;
use crate::support::sync::Locked;
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::NonNull;
use kmdf_sys::ntddk::{ExAllocatePoolWithTag, ExFreePoolWithTag};
use kmdf_sys::{_POOL_TYPE, POOL_TYPE, SIZE_T, ULONG};

/// The header directly in front of each block (OBJ-9).
#[repr(C, align(16))]
struct Header {
    /// The address that the kernel's pool gave and takes back.
    base: NonNull<c_void>,
    globals: NonNull<Globals>,
}

/// The record of a block that was allocated with the verifier on (VER-10). It lies in front of the
/// header, unless the block is paged.
///
/// # Invariants
///
/// The links are accessed only under the lock of the [`Tracker`] that the record belongs to.
#[repr(C, align(16))]
struct Record {
    next: Cell<Option<NonNull<Record>>>,
    previous: Cell<Option<NonNull<Record>>>,
    /// Size of the block that follows the header.
    size: usize,
    tag: ULONG,
}

/// What lies in front of the header of a paged block: the address of its record, which is accessed under
/// a spin lock and so has a nonpaged block of its own.
#[repr(C, align(16))]
struct RecordPointer(NonNull<Record>);

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

    /// Adds the record of a new block.
    ///
    /// # Safety
    ///
    /// `record` must be initialised and stay at its address until it is removed.
    unsafe fn insert(&self, record: NonNull<Record>) {
        let mut newest = self.newest.lock();
        if let Some(older) = *newest {
            // SAFETY: A record in the list, so live, and the list's lock is held.
            let older = unsafe { older.as_ref() };
            older.previous.set(Some(record));
        }
        // SAFETY: Initialised, as the caller guarantees.
        let inserted = unsafe { record.as_ref() };
        inserted.next.set(*newest);
        *newest = Some(record);
    }

    fn remove(&self, record: &Record) {
        let mut newest = self.newest.lock();
        let (next, previous) = (record.next.get(), record.previous.get());
        if let Some(next) = next {
            // SAFETY: The next record in the list is live, and the list's lock is held.
            let next = unsafe { next.as_ref() };
            next.previous.set(previous);
        }
        if let Some(previous) = previous {
            // SAFETY: The previous record in the list is live, and the list's lock is held.
            let previous = unsafe { previous.as_ref() };
            previous.next.set(next);
        } else {
            *newest = next;
        }
    }
}

const HEADER: usize = size_of::<Header>();
const RECORD: usize = size_of::<Record>();
const POINTER: usize = size_of::<RecordPointer>();
const _: () = assert!(
    RECORD != POINTER,
    "the distance from base to header tells them apart"
);

/// Allocates a zeroed block of nonpaged pool under the driver's default tag (OBJ-14).
pub(crate) fn allocate(globals: &Globals, size: usize) -> Option<NonNull<u8>> {
    let block = allocate_raw(globals, _POOL_TYPE::NonPagedPoolNx, size, globals.tag.get())?;
    // SAFETY: The block is new and has `size` bytes.
    unsafe { block.write_bytes(0, size) };
    Some(block)
}

/// Allocates a block without zeroing it.
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
            Some(Place::OwnBlock(kernel_allocate(nx, RECORD, tag)?))
        }
        true => Some(Place::InFront),
    };
    let front = HEADER
        + match record {
            None => 0,
            Some(Place::InFront) => RECORD,
            Some(Place::OwnBlock(_)) => POINTER,
        };
    let base = (size.checked_add(front)).and_then(|total| kernel_allocate(pool_type, total, tag));
    let Some(base) = base else {
        if let Some(Place::OwnBlock(record)) = record {
            // SAFETY: Allocated above, and not used yet.
            unsafe { kernel_free(record) };
        }
        return None;
    };
    // SAFETY: The kernel's block has `size` bytes and `front` more.
    let block = unsafe { base.cast::<u8>().add(front) };
    // SAFETY: `front` is at least the size of the header, which lies at its end.
    let header = unsafe { block.sub(HEADER) }.cast::<Header>();
    let contents = Header {
        base,
        globals: NonNull::from(globals),
    };
    // SAFETY: Inside the new block, and 16-aligned as pool is, because `front` is a multiple of 16.
    unsafe { header.write(contents) };
    let Some(place) = record else {
        return Some(block);
    };
    let record = match place {
        Place::InFront => base.cast::<Record>(),
        Place::OwnBlock(record) => {
            let record = record.cast::<Record>();
            // SAFETY: `front` has room for the record's address at the start of the new block.
            unsafe { base.cast().write(RecordPointer(record)) };
            record
        }
    };
    let contents = Record {
        next: Cell::new(None),
        previous: Cell::new(None),
        size,
        tag,
    };
    // SAFETY: New memory of the size of a record, in front of the block or in a block of its own.
    unsafe { record.write(contents) };
    // SAFETY: Written above, and `free` removes it before it frees the memory.
    unsafe { globals.tracker.insert(record) };
    Some(block)
}

/// The place of the record of a tracked block.
#[derive(Clone, Copy)]
enum Place {
    InFront,
    /// In a nonpaged block of its own.
    OwnBlock(NonNull<c_void>),
}

/// Frees a block of [`allocate`] or [`allocate_raw`].
///
/// # Safety
///
/// `block` must come from one of them and no longer be in use.
pub(crate) unsafe fn free(block: NonNull<u8>) {
    // SAFETY: A header lies in front of every block of the allocator.
    let header = unsafe { block.sub(HEADER) }.cast::<Header>();
    // SAFETY: The allocation wrote the header.
    let Header { base, globals } = unsafe { header.read() };
    let front = header.addr().get() - base.addr().get();
    if front == 0 {
        // SAFETY: The kernel's pool gave `base`, and the block in it is out of use.
        return unsafe { kernel_free(base) };
    }
    let record = if front == POINTER {
        // SAFETY: This distance says that the record's address lies in front of the header.
        unsafe { base.cast::<RecordPointer>().read() }.0
    } else {
        base.cast::<Record>()
    };
    // SAFETY: Globals outlive the blocks that are allocated for them.
    let globals = unsafe { globals.as_ref() };
    // SAFETY: The record of this block, which is freed below.
    let tracked = unsafe { record.as_ref() };
    globals.tracker.remove(tracked);
    let size = tracked.size;
    // SAFETY: The block has the size in its record, and is out of use, as the caller guarantees.
    unsafe { block.write_bytes(0, size) };
    if front == POINTER {
        // SAFETY: The record's block was allocated for this block alone.
        unsafe { kernel_free(record.cast()) };
    }
    // SAFETY: The kernel's pool gave `base`, and the block in it is out of use.
    unsafe { kernel_free(base) };
}

/// Prints every block that is still allocated, then breaks into the debugger once (VER-22).
pub(crate) fn report_leaks(globals: &Globals) {
    let mut leaked = false;
    let mut next = *globals.tracker.newest.lock();
    while let Some(record) = next {
        leaked = true;
        // SAFETY: The client is unbinding, so no thread frees blocks and the list does not change.
        let record = unsafe { record.as_ref() };
        print_leak(record);
        next = record.next.get();
    }
    if leaked {
        verifier::break_point(
            globals,
            c"the driver unloaded with framework objects still referenced: delete or dereference them first",
        );
    }
}

fn print_leak(record: &Record) {
    let tag = record.tag.to_le_bytes();
    let text = [tag[0], tag[1], tag[2], tag[3], 0];
    let (size, text) = (record.size as u32, text.as_ptr());
    let format = c"wdf: leaked block of %u bytes, tag %s\n";
    // SAFETY: The format takes a number and a string, which is NUL-terminated.
    unsafe { kmdf_sys::ntddk::DbgPrint(format.as_ptr(), size, text) };
}

/// Allocates from the kernel's pool, without a header.
pub(crate) fn kernel_allocate(
    pool_type: POOL_TYPE,
    size: usize,
    tag: ULONG,
) -> Option<NonNull<c_void>> {
    // SAFETY: ExAllocatePoolWithTag takes any values, and checks the IRQL itself.
    let block = unsafe { ExAllocatePoolWithTag(pool_type, size as SIZE_T, tag) };
    NonNull::new(block)
}

/// Frees a block of the kernel's pool.
///
/// # Safety
///
/// `block` must come from the kernel's pool and no longer be in use.
pub(crate) unsafe fn kernel_free(block: NonNull<c_void>) {
    // SAFETY: From the kernel's pool, as the caller guarantees; tag 0 frees blocks of any tag.
    unsafe { ExFreePoolWithTag(block.as_ptr(), 0) };
}

/// A block from the kernel's pool that starts on a page if it has a page or more (MEM-25).
#[derive(Clone, Copy)]
pub(crate) struct PageAligned {
    pub(crate) address: NonNull<c_void>,
    /// The address to free, which differs from `address` if the kernel's pool does not align such blocks.
    pub(crate) block: NonNull<c_void>,
}

impl PageAligned {
    pub(crate) fn allocate(pool_type: POOL_TYPE, size: usize, tag: ULONG) -> Option<Self> {
        let allocate = |size| kernel_allocate(pool_type, size, tag);
        // SAFETY: `allocate_with` passes an unused block that `allocate` gave.
        let free = |block| unsafe { kernel_free(block) };
        Self::allocate_with(size, allocate, free)
    }

    /// Allocates `size` bytes, and one page more if the first block is not aligned.
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

/// Whether the framework treats `pool_type` as paged (MEM-5).
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
