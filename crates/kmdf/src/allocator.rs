//! A global allocator over the nonpaged pool, for drivers that use the crate `alloc`.

use crate::tag::Tag;
use crate::unload_list::{self, Node};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{_POOL_TYPE, MEMORY_ALLOCATION_ALIGNMENT, ntddk};

/// `ExAllocatePoolWithTag` and `ExFreePoolWithTag`: a `#[global_allocator]` over `NonPagedPoolNx`.
///
/// With it a driver has the collections of the crate `alloc`. It needs Windows 10 1809, gives any
/// alignment, and allocates with a tag of the driver's own. IRQL: <= DISPATCH_LEVEL throughout, so
/// that a `Vec` may be made, used and dropped wherever safe code of a driver runs.
///
/// A driver makes it the global allocator where it becomes an image. In the model the process has
/// an allocator already, which the models themselves use:
///
/// ```
/// extern crate alloc;
///
/// use alloc::vec::Vec;
/// use kmdf::{Error, PoolAllocator, Result, Tag};
/// # use {kmdf_model as _, nt_model as _};
///
/// #[cfg(any(wdk, image))]
/// #[global_allocator]
/// static ALLOCATOR: PoolAllocator = PoolAllocator::new(Tag::new(b"Heap"));
///
/// fn copy_of(bytes: &[u8]) -> Result<Vec<u8>> {
///     let mut copy = Vec::new();
///     copy.try_reserve_exact(bytes.len())
///         .map_err(|_| Error::INSUFFICIENT_RESOURCES)?;
///     copy.extend_from_slice(bytes); // Within the capacity: does not allocate.
///     Ok(copy)
/// }
/// # assert_eq!(copy_of(b"abc").as_deref(), Ok(&b"abc"[..]));
/// ```
///
/// # Allocate fallibly
///
/// Reserve with `try_reserve` or `try_reserve_exact`, and then stay within the capacity. The methods
/// that allocate without a `Result` (`Box::new`, `vec!`, `collect`, `clone`, `push` into a full
/// `Vec`) call `handle_alloc_error` when the pool is exhausted, which panics, and a panic in a driver
/// is a bug check. A `push` where the length was just compared with the capacity leaves nothing of that
/// in an optimised image, as the compiler sees that there is room; `extend_from_slice` after a
/// `try_reserve` leaves nothing in an image with link-time optimisation. So the check of an image for
/// [panic paths](crate#no-panic-path) finds the infallible call that was overlooked.
///
/// # Layout and cost
///
/// The memory starts 32 bytes behind the start of its pool allocation, or, for an alignment *a*
/// above 16, at the first multiple of *a* from there on. An allocation of *n* bytes takes *n* + 32
/// bytes of pool, or *n* + 16 + *a*; from PAGE_SIZE (4096) up, the pool rounds that to whole pages.
/// One page at a page boundary takes three in this way: [`PoolBuffer`](crate::PoolBuffer), page-aligned from
/// PAGE_SIZE up, takes one.
///
/// Allocating and freeing each take one spin lock of this crate for a few instructions, as for
/// [`PoolBox`](crate::PoolBox). Alignments above 2 GiB fail. `realloc` allocates, copies and frees;
/// to less than before it does not fail but stays where it is if the pool is exhausted.
///
/// # What is forgotten
///
/// Memory that is still allocated when the driver is unloaded (`mem::forget`, `Vec::leak`, a
/// `static`) is freed after the last code of the driver's own, as everything of this crate. So none
/// of it is left for Driver Verifier to find (bug check 0xC4, 0x62). The elements are not dropped.
///
/// Source: "ExAllocatePoolWithTag function (wdm.h)", "ExFreePoolWithTag function (wdm.h)".
///
/// # Invariants
///
/// The tag is not [`Tag::DEFAULT`].
#[derive(Debug)]
pub struct PoolAllocator {
    tag: Tag,
}

/// The header before the memory that the allocator returns.
#[repr(C)]
struct Header {
    /// First, so that its address is the header's.
    node: Node,
    tag: Tag,
    /// Bytes from the start of the pool allocation to this header.
    offset: u32,
}

/// The alignment of pool memory.
const POOL_ALIGNMENT: usize = MEMORY_ALLOCATION_ALIGNMENT as usize;

/// Bytes from a header to the memory behind it.
const LEAD: usize = size_of::<Header>().next_multiple_of(POOL_ALIGNMENT);

/// The highest alignment that can be allocated: a header's offset, which is below the alignment, has 32 bits.
const HIGHEST_ALIGNMENT: usize = 1 << 31;

#[cfg(not(loom))]
const _: () = assert!(LEAD == 32, "the documentation says so");

impl PoolAllocator {
    /// An allocator whose memory has this tag.
    ///
    /// For a `static`, where [`Tag::DEFAULT`], which only the framework knows, does not compile:
    ///
    /// ```compile_fail,E0080
    /// use kmdf::{PoolAllocator, Tag};
    /// static ALLOCATOR: PoolAllocator = PoolAllocator::new(Tag::DEFAULT);
    /// ```
    ///
    /// # Panics
    ///
    /// For [`Tag::DEFAULT`]: in a `static` or a constant, that is a compile error.
    #[track_caller]
    pub const fn new(tag: Tag) -> Self {
        assert!(
            tag.value() != Tag::DEFAULT.value(),
            "the pool does not know the framework's default tag: name one"
        );
        // INVARIANT: The tag was checked above.
        Self { tag }
    }
}

// SAFETY: `alloc` gives memory of a pool allocation of its own, which has room for the layout at its
// alignment and stays until `dealloc` or the end of the driver, after the last code that could use
// it. Nothing here unwinds.
unsafe impl GlobalAlloc for PoolAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, alignment) = (layout.size(), layout.align());
        if alignment > HIGHEST_ALIGNMENT {
            return null_mut();
        }
        // A layout's size is at most `isize::MAX` when rounded up to its alignment, so that the sum
        // fits.
        let total = LEAD + alignment.saturating_sub(POOL_ALIGNMENT) + size;
        // SAFETY: Safe code of a driver runs at DISPATCH_LEVEL at most, where nonpaged memory may
        // be allocated; the size is not zero because of the header, nor is the tag by the type
        // invariant.
        let start = unsafe {
            ntddk::ExAllocatePoolWithTag(_POOL_TYPE::NonPagedPoolNx, total as u64, self.tag.value())
        };
        if start.is_null() {
            return null_mut();
        }
        let start = start.cast::<u8>();
        let lowest = start.addr() + LEAD;
        let offset = lowest.next_multiple_of(alignment) - lowest;
        // SAFETY: The start is a multiple of 16, so the offset is at most the alignment less 16 and
        // lies, with the header and `size` bytes more behind it, in the allocation.
        let header = unsafe { start.byte_add(offset) }.cast::<Header>();
        let content = Header {
            node: Node::new(),
            tag: self.tag,
            offset: offset as u32,
        };
        // SAFETY: The header lies in the allocation, aligned as start and offset are multiples of 16.
        unsafe { header.write(content) };
        // SAFETY: A header in an allocation is not at address zero.
        let node = unsafe { NonNull::new_unchecked(header) }.cast();
        // SAFETY: The node stays where it is until `dealloc` removes it; memory that is still in
        // use when the driver ends was forgotten and may be freed.
        unsafe { unload_list::insert(node, free) };
        // SAFETY: The header starts `LEAD + size` bytes or more before the end of the allocation.
        unsafe { header.byte_add(LEAD) }.cast()
    }

    unsafe fn dealloc(&self, memory: *mut u8, _layout: Layout) {
        // SAFETY: The caller passes what `alloc` gave, which is never null.
        let memory = unsafe { NonNull::new_unchecked(memory) };
        // SAFETY: The caller passes what `alloc` gave, which lies `LEAD` bytes behind its header.
        let node = unsafe { memory.byte_sub(LEAD) }.cast();
        // SAFETY: `alloc` inserted the node, and the caller frees memory once.
        unsafe { unload_list::remove(node) };
        // SAFETY: The node has left the unload list, and the caller does not use the memory any more.
        unsafe { free(node) };
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: The caller passes a size that is no overflow at this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: The caller of `realloc` passes a size above zero.
        let new = unsafe { self.alloc(new_layout) };
        if new.is_null() {
            let shrinks = new_size <= layout.size();
            return if shrinks { memory } else { null_mut() };
        }
        let common = layout.size().min(new_size);
        // SAFETY: Both have so many bytes, and the new memory overlaps nothing.
        unsafe { new.copy_from_nonoverlapping(memory, common) };
        // SAFETY: The caller gives the old memory up if it gets new memory.
        unsafe { self.dealloc(memory, layout) };
        new
    }
}

/// Frees the pool allocation of a header.
///
/// # Safety
///
/// The node must be that of a header which `alloc` wrote and which has left the unload list,
/// and no code may use its memory any more. The current IRQL must be at most DISPATCH_LEVEL.
unsafe fn free(node: NonNull<Node>) {
    let header = node.cast::<Header>();
    // SAFETY: `alloc` wrote the header, and its allocation is freed below only.
    let offset = unsafe { (*header.as_ptr()).offset };
    // SAFETY: `alloc` wrote the header, and its allocation has not been freed yet.
    let tag = unsafe { (*header.as_ptr()).tag };
    // SAFETY: The header lies so many bytes behind the start of its allocation.
    let start = unsafe { header.byte_sub(offset as usize) };
    // SAFETY: The start of an allocation that has this tag and is not used any more.
    unsafe { ntddk::ExFreePoolWithTag(start.as_ptr().cast(), tag.value()) };
}
