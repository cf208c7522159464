//! Memory objects: `WdfMemoryCreate`, and what all memory objects have in common.

mod preallocated;
mod raw;
mod uninit;

pub use preallocated::{BorrowedBuffer, Buffer, PreallocatedMemory};
pub(crate) use raw::{buffer_raw, copy_from_raw, copy_to_raw, create_preallocated_raw, create_raw};
pub use uninit::UninitMemory;

use crate::irql::Allows;
use crate::object::{Owned, Parent};
use crate::pool::PoolKind;
use crate::status::Result;
use crate::tag::Tag;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::slice;
use kmdf_sys::WDFMEMORY;

/// A `WDFMEMORY` whose buffer the framework took from a pool or a lookaside list: bytes owned by a
/// Rust value.
///
/// `Drop` deletes the object and gives the buffer back (rules C10, L5). It may happen at any IRQL:
/// the framework frees pageable memory at PASSIVE_LEVEL later if need be (MEM-27). Deletion of the
/// parent leaves the bytes valid until then; see [Ownership](crate#ownership).
///
/// ```no_run
/// use kmdf::{DriverParent, Memory, Paged, Passive, Tag};
///
/// fn checksum_of_a_copy(bytes: &[u8], irql: &mut Passive) -> kmdf::Result<u64> {
///     let mut memory =
///         Memory::<Paged>::new(&DriverParent, Tag::new(b"Mem1"), bytes.len(), irql)?;
///     memory.copy_from(0, bytes, irql)?;
///     Ok(memory.bytes(irql).iter().map(|&byte| u64::from(byte)).sum())
/// }
/// ```
///
/// Pageable bytes are out of reach while a spin lock is held:
///
/// ```compile_fail
/// fn reads_paged_memory_under_a_spin_lock(
///     memory: &kmdf::Memory<kmdf::Paged>,
///     lock: &kmdf::SpinLock<u8>,
///     irql: &mut kmdf::Passive,
/// ) -> kmdf::Result<()> {
///     lock.with(irql, |first, irql| *first = memory.bytes(irql)[0])
/// }
/// ```
///
/// # Invariants
///
/// `object` is a memory object whose buffer starts at `start` and is `length` initialised bytes of
/// the kind `P`. The buffer stays the object's for its whole life and is reachable through this
/// value alone.
#[derive(Debug)]
pub struct Memory<P: PoolKind> {
    object: Owned<WDFMEMORY>,
    start: NonNull<u8>,
    length: usize,
    kind: PhantomData<P>,
}

// SAFETY: By the type invariant the value is the only way to the bytes, and neither they nor the
// object belong to a thread.
unsafe impl<P: PoolKind> Send for Memory<P> {}
// SAFETY: As above; shared access only reads.
unsafe impl<P: PoolKind> Sync for Memory<P> {}

impl<P: PoolKind> Memory<P> {
    /// `WdfMemoryCreate`: memory of `length` bytes, all zero.
    ///
    /// IRQL: <= APC_LEVEL for [`Paged`](crate::Paged), <= DISPATCH_LEVEL for
    /// [`NonPagedNx`](crate::NonPagedNx). Below PAGE_SIZE the buffer is aligned to 16 bytes, from
    /// there on to a page (rules C11, C12).
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`](crate::Error::INVALID_PARAMETER) for a length of zero;
    /// [`Error::INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES);
    /// [`Error::DELETE_PENDING`](crate::Error::DELETE_PENDING) if the parent is being deleted;
    /// whatever else the framework returns (rule C7).
    ///
    /// Source: "WdfMemoryCreate function (wdfmemory.h)".
    pub fn new(
        parent: &impl Parent,
        tag: Tag,
        length: usize,
        irql: &impl Allows<P>,
    ) -> Result<Self> {
        Ok(UninitMemory::new(parent, tag, length, irql)?.zeroed(irql))
    }

    /// `WdfMemoryCreate`: memory of `length` bytes that hold whatever was there before.
    ///
    /// # Errors
    ///
    /// As [`Memory::new`].
    pub fn new_uninit(
        parent: &impl Parent,
        tag: Tag,
        length: usize,
        irql: &impl Allows<P>,
    ) -> Result<UninitMemory<P>> {
        UninitMemory::new(parent, tag, length, irql)
    }

    /// # Safety
    ///
    /// The type invariant of the result holds.
    pub(crate) const unsafe fn from_parts(
        object: Owned<WDFMEMORY>,
        start: NonNull<u8>,
        length: usize,
    ) -> Self {
        // INVARIANT: By the contract of this function.
        Self {
            object,
            start,
            length,
            kind: PhantomData,
        }
    }

    /// The number of bytes, never zero: exactly what was asked for.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the framework refuses empty memory"
    )]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// The bytes, for as long as the witness stays borrowed.
    pub fn bytes<'a>(&'a self, _irql: &'a impl Allows<P>) -> &'a [u8] {
        // SAFETY: By the type invariant; the borrowed witness allows touching the kind.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// The bytes, for writing.
    pub fn bytes_mut<'a>(&'a mut self, _irql: &'a impl Allows<P>) -> &'a mut [u8] {
        // SAFETY: As in `bytes`; the exclusive borrow makes this the only access.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }

    /// `WdfMemoryCopyToBuffer`: copies from `offset` on until `target` is full. IRQL: as the kind.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`](crate::Error::INVALID_PARAMETER) for an empty target;
    /// [`Error::BUFFER_TOO_SMALL`](crate::Error::BUFFER_TOO_SMALL) if the memory ends before.
    ///
    /// Source: "WdfMemoryCopyToBuffer function (wdfmemory.h)".
    pub fn copy_to(&self, offset: usize, target: &mut [u8], _irql: &impl Allows<P>) -> Result<()> {
        // SAFETY: By the type invariant the object is alive; the witness allows touching the kind.
        unsafe { copy_to_raw(self.object.handle(), offset, target) }
    }

    /// `WdfMemoryCopyFromBuffer`: copies all of `source` to `offset`. IRQL: as the kind.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`](crate::Error::INVALID_PARAMETER) for an empty source;
    /// [`Error::INVALID_BUFFER_SIZE`](crate::Error::INVALID_BUFFER_SIZE) if the memory ends before.
    ///
    /// Source: "WdfMemoryCopyFromBuffer function (wdfmemory.h)".
    pub fn copy_from(
        &mut self,
        offset: usize,
        source: &[u8],
        _irql: &impl Allows<P>,
    ) -> Result<()> {
        // SAFETY: As in `copy_to`; the exclusive borrow makes this the only access.
        unsafe { copy_from_raw(self.object.handle(), offset, source) }
    }
}
