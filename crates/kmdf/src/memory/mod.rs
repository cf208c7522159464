//! Memory objects: `WdfMemoryCreate`, and what all memory objects have in common.

mod preallocated;
mod raw;
mod uninit;

pub use preallocated::{BorrowedBuffer, Buffer, PreallocatedMemory};
pub(crate) use raw::{buffer_raw, copy_from_raw, copy_to_raw, create_preallocated_raw, create_raw};
pub use uninit::UninitMemory;

use crate::irql::{Allows, AllowsFor};
use crate::object::{Owned, Parent};
use crate::plain::{Fits, Zeroable, assert_by_value};
use crate::pool::PoolKind;
use crate::status::{Error, Result};
use crate::tag::Tag;
use core::marker::PhantomData;
use core::ptr::NonNull;
use kmdf_sys::WDFMEMORY;

/// A `WDFMEMORY` whose buffer the framework took from a pool or a lookaside list: bytes owned by a
/// Rust value.
///
/// `Drop` deletes the object and gives the buffer back (rules C10, L5). It may happen at any IRQL:
/// above PASSIVE_LEVEL the deletion of pageable memory is deferred, see [IRQL](crate#irql). Deletion of
/// the parent leaves the bytes valid until then; see [Ownership](crate#ownership).
///
/// ```no_run
/// use kmdf::{DriverParent, Memory, Paged, Passive, Tag};
///
/// fn checksum_of_a_copy(bytes: &[u8], irql: &mut Passive) -> kmdf::Result<u64> {
///     const TAG: Tag = Tag::new(b"Mem1");
///     let mut memory = Memory::<Paged>::new(&DriverParent, TAG, bytes.len(), irql)?;
///     memory.copy_from(0, bytes, irql)?;
///     Ok(memory.bytes(irql).iter().map(|&byte| u64::from(byte)).sum())
/// }
/// ```
///
/// Pageable bytes are out of reach while a spin lock is held:
///
/// ```compile_fail,E0277
/// fn reads_paged_memory_under_a_spin_lock(
///     memory: &kmdf::Memory<kmdf::Paged>,
///     lock: &kmdf::SpinLock<u8>,
///     irql: &mut kmdf::Passive,
/// ) -> kmdf::Result<()> {
///     lock.with(irql, |first, irql| *first = memory.bytes(irql)[0])
/// }
/// ```
///
/// The memory may also hold a plain value or several, for which its alignment is checked at compile
/// time:
///
/// ```no_run
/// use kmdf::{DriverParent, Memory, NonPagedNx, Passive, Tag};
///
/// #[derive(Clone, Copy)]
/// struct Sample { time: u64, level: u16 }
///
/// fn samples(irql: &Passive) -> kmdf::Result<u64> {
///     const TAG: Tag = Tag::new(b"Smpl");
///     let mut latest = Memory::<NonPagedNx, Sample>::with_value(
///         &DriverParent, TAG, Sample { time: 0, level: 0 }, irql)?;
///     latest.get_mut(irql).time = 17;
///     let totals = Memory::<NonPagedNx, [u64]>::zeroed(&DriverParent, TAG, 32, irql)?;
///     Ok(latest.get(irql).time + totals.get(irql).iter().sum::<u64>())
/// }
/// ```
///
/// # Invariants
///
/// `object` is a memory object whose buffer is `content`: initialised, of the kind `P`, and aligned
/// for `T`. The buffer stays the object's for its whole life and is reachable through this value
/// alone.
#[derive(Debug)]
pub struct Memory<P: PoolKind, T: ?Sized = [u8]> {
    object: Owned<WDFMEMORY, P>,
    content: NonNull<T>,
    kind: PhantomData<fn(P) -> P>,
}

// SAFETY: The value is the only way to the content by the type invariant, and neither the memory nor the
// object belong to a thread.
unsafe impl<P: PoolKind, T: ?Sized + Send> Send for Memory<P, T> {}
// SAFETY: Shared memory gives shared references to its content only.
unsafe impl<P: PoolKind, T: ?Sized + Sync> Sync for Memory<P, T> {}

impl<P: PoolKind, T: ?Sized> Memory<P, T> {
    /// Makes the value of its object and content.
    ///
    /// # Safety
    ///
    /// `content` is the buffer of `object`, or a part of it: initialised, of the kind `P`, aligned for `T`,
    /// and reachable through the result alone.
    pub(crate) const unsafe fn from_parts(
        object: Owned<WDFMEMORY, P>,
        content: NonNull<T>,
    ) -> Self {
        // INVARIANT: The caller guarantees what the type requires.
        Self {
            object,
            content,
            kind: PhantomData,
        }
    }

    /// Borrows the content. If it is pageable, the reference borrows the witness. IRQL: as the kind.
    pub fn get<'a, 'w>(&'a self, _irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a T {
        self.object.check_load();
        // SAFETY: The content is initialised and this value's alone by the type invariant; the borrowed
        // witness allows touching the kind.
        unsafe { self.content.as_ref() }
    }

    /// Borrows the content for writing. IRQL: as the kind.
    pub fn get_mut<'a, 'w>(&'a mut self, _irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a mut T {
        self.object.check_load();
        // SAFETY: The content is initialised and this value's alone by the type invariant; the exclusive
        // borrow makes this the only access, which the witness allows.
        unsafe { self.content.as_mut() }
    }
}

impl<P: PoolKind, T> Memory<P, T> {
    /// `WdfMemoryCreate`: memory that holds `value`, of at most [`MAX_BY_VALUE`](crate::MAX_BY_VALUE)
    /// bytes. IRQL: as [`Memory::new`].
    ///
    /// The type has a size and does not need dropping, and its alignment is one that the framework
    /// gives (rules C5, C10, C11, C12):
    ///
    /// ```
    /// # use kmdf_model as _;
    /// #[repr(align(16))]
    /// struct Line([u8; 64]);
    /// # use kmdf::{DriverParent, Memory, Paged, Passive, Result, Tag};
    ///
    /// fn line(irql: &Passive) -> Result<Memory<Paged, Line>> {
    ///     Memory::with_value(&DriverParent, Tag::DEFAULT, Line([0; 64]), irql)
    /// }
    /// # let _: fn(&Passive) -> _ = line;
    /// ```
    ///
    /// Others do not compile when the program is built, though they pass `cargo check`: below
    /// PAGE_SIZE, memory is aligned to 16 bytes, not more (rule C11).
    ///
    /// ```compile_fail,E0080
    /// # use kmdf_model as _;
    /// #[repr(align(32))]
    /// struct Line([u8; 64]);
    /// # use kmdf::{DriverParent, Memory, Paged, Passive, Result, Tag};
    ///
    /// fn line(irql: &Passive) -> Result<Memory<Paged, Line>> {
    ///     Memory::with_value(&DriverParent, Tag::DEFAULT, Line([0; 64]), irql)
    /// }
    /// # let _: fn(&Passive) -> _ = line;
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Memory::new`].
    ///
    /// Source: "WdfMemoryCreate function (wdfmemory.h)".
    pub fn with_value(
        parent: &impl Parent,
        tag: Tag,
        value: T,
        irql: &impl Allows<P>,
    ) -> Result<Self> {
        let fits = const { Fits::check() };
        const { assert_by_value::<T>() };
        UninitMemory::new(parent, tag, size_of::<T>(), irql)?.holding(value, fits, irql)
    }

    /// `WdfMemoryCreate`: memory that holds a value of zeroes, made in place. IRQL: as
    /// [`Memory::new`].
    ///
    /// ```no_run
    /// use kmdf::{DriverParent, Memory, Page, Paged, Passive, Tag};
    ///
    /// fn a_page(irql: &Passive) -> kmdf::Result<Memory<Paged, Page>> {
    ///     Memory::zeroed_value(&DriverParent, Tag::new(b"Page"), irql)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Memory::new`].
    ///
    /// Source: "WdfMemoryCreate function (wdfmemory.h)".
    pub fn zeroed_value(parent: &impl Parent, tag: Tag, irql: &impl Allows<P>) -> Result<Self>
    where
        T: Zeroable,
    {
        let fits = const { Fits::check() };
        UninitMemory::new(parent, tag, size_of::<T>(), irql)?.holding_zeroes(fits, irql)
    }
}

impl<P: PoolKind, T: Zeroable> Memory<P, [T]> {
    /// `WdfMemoryCreate`: memory of `count` elements, all zero. IRQL: as [`Memory::new`].
    ///
    /// # Errors
    ///
    /// As [`Memory::new`]; [`Error::INTEGER_OVERFLOW`] if that many elements have no size.
    ///
    /// Source: "WdfMemoryCreate function (wdfmemory.h)".
    pub fn zeroed(
        parent: &impl Parent,
        tag: Tag,
        count: usize,
        irql: &impl Allows<P>,
    ) -> Result<Self> {
        const { Fits::<T>::check() };
        let length = size_of::<T>()
            .checked_mul(count)
            .ok_or(Error::INTEGER_OVERFLOW)?;
        let memory = Memory::new(parent, tag, length, irql)?;
        let content = NonNull::slice_from_raw_parts(memory.content.cast::<T>(), count);
        // SAFETY: The bytes are as many as `count` elements have, aligned for them as checked
        // above, and zero, of which an element may consist.
        Ok(unsafe { Memory::from_parts(memory.object, content) })
    }
}

impl<P: PoolKind> Memory<P> {
    /// `WdfMemoryCreate`: memory of `length` bytes, all zero.
    ///
    /// IRQL: <= APC_LEVEL for [`Paged`](crate::Paged), <= DISPATCH_LEVEL for
    /// [`NonPagedNx`](crate::NonPagedNx). `Drop` frees it. Below PAGE_SIZE the buffer is aligned to 16 bytes, from
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

    /// `WdfMemoryCreate`: memory that holds a copy of `bytes`. IRQL: as [`Memory::new`].
    ///
    /// # Errors
    ///
    /// As [`Memory::new`], with [`Error::INVALID_PARAMETER`](crate::Error::INVALID_PARAMETER) if there
    /// are no bytes.
    ///
    /// Source: "WdfMemoryCreate function (wdfmemory.h)".
    pub fn from_bytes(
        parent: &impl Parent,
        tag: Tag,
        bytes: &[u8],
        irql: &impl Allows<P>,
    ) -> Result<Self> {
        UninitMemory::new(parent, tag, bytes.len(), irql)?.written(bytes, irql)
    }

    /// `WdfMemoryCreate`: memory of `length` bytes that hold whatever was there before. IRQL: as
    /// [`Memory::new`].
    ///
    /// # Errors
    ///
    /// As [`Memory::new`].
    ///
    /// Source: "WdfMemoryCreate function (wdfmemory.h)".
    pub fn new_uninit(
        parent: &impl Parent,
        tag: Tag,
        length: usize,
        irql: &impl Allows<P>,
    ) -> Result<UninitMemory<P>> {
        UninitMemory::new(parent, tag, length, irql)
    }

    /// The number of bytes, never zero: exactly the length that was requested.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the framework refuses empty memory"
    )]
    pub const fn len(&self) -> usize {
        self.content.len()
    }

    /// Borrows the bytes. If they are pageable, the reference borrows the witness. IRQL: as the kind.
    pub fn bytes<'a, 'w>(&'a self, irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a [u8] {
        self.get(irql)
    }

    /// Borrows the bytes for writing. IRQL: as the kind.
    pub fn bytes_mut<'a, 'w>(&'a mut self, irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a mut [u8] {
        self.get_mut(irql)
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
        // SAFETY: The object is alive and its buffer this value's alone by the type invariant; the witness
        // allows touching the kind.
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
        // SAFETY: The object is alive by the type invariant; the exclusive borrow makes this the only access
        // to its buffer, which the witness allows.
        unsafe { copy_from_raw(self.object.handle(), offset, source) }
    }
}
