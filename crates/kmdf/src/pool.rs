//! Pools as types, and plain pool allocations as owned buffers.

use crate::deferred::{self, Record};
use crate::irql::{Allows, AllowsFor};
use crate::memory::Buffer;
use crate::status::{Error, Result};
use crate::tag::Tag;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::{NonNull, without_provenance_mut};
use core::slice;
use kmdf_sys::{_POOL_TYPE, LoadId, POOL_TYPE, ntddk};

/// A kind of system memory, chosen by type so that the compiler knows where it may be touched.
///
/// Executable nonpaged memory (`NonPagedPool`) is not offered: a driver that allocates it fails
/// memory integrity (HVCI).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of pool memory: only `Paged` and `NonPagedNx` are",
    note = "the kind comes first, then what is in the memory, if not bytes: `Memory<Paged, u64>`"
)]
#[expect(
    private_bounds,
    reason = "sealed: each kind comes with its rules in `Allows`"
)]
pub trait PoolKind: for<'a> Borrows<'a, 'a> + 'static {
    /// The `POOL_TYPE` value passed to Windows.
    const POOL_TYPE: POOL_TYPE;
    /// Whether memory of this kind may be paged out.
    const PAGEABLE: bool;
}

/// What a reference of lifetime `'a` into memory of this kind borrows of a witness that is lent for
/// `'w`. Pageable memory borrows it for as long as the reference lives, so that the IRQL cannot be
/// raised meanwhile; nonpaged memory, which may be touched at any level, borrows nothing. Seals
/// [`PoolKind`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of pool memory: only `Paged` and `NonPagedNx` are",
    note = "with each kind go the levels at which it may be touched (rule C2)"
)]
pub(crate) trait Borrows<'a, 'w> {}

impl<'a, 'w: 'a> Borrows<'a, 'w> for Paged {}
impl Borrows<'_, '_> for NonPagedNx {}

/// Pool kinds that may be touched and freed at DISPATCH_LEVEL.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is pageable, and this memory may be deleted at DISPATCH_LEVEL",
    note = "memory that a request owns is deleted when the request is completed, at whatever IRQL \
            that is (REQ-39)"
)]
pub trait NonPageable: PoolKind {}

/// `PagedPool`: memory that may be paged out; touched at IRQL <= APC_LEVEL only.
#[derive(Debug)]
pub enum Paged {}

/// `NonPagedPoolNx`: memory that is always resident and never executable; touched at any IRQL that
/// this crate runs at.
#[derive(Debug)]
pub enum NonPagedNx {}

impl PoolKind for Paged {
    const POOL_TYPE: POOL_TYPE = _POOL_TYPE::PagedPool;
    const PAGEABLE: bool = true;
}

impl PoolKind for NonPagedNx {
    const POOL_TYPE: POOL_TYPE = _POOL_TYPE::NonPagedPoolNx;
    const PAGEABLE: bool = false;
}

impl NonPageable for NonPagedNx {}

/// `ExAllocatePoolWithTag` and `ExFreePoolWithTag`: a zeroed pool allocation owned by a Rust value.
///
/// No framework object is involved. It is what [`crate::PreallocatedMemory`] is put over when the
/// driver has no buffer of its own.
///
/// Freed by `Drop`, at any IRQL: a pageable buffer dropped at DISPATCH_LEVEL is not touched but
/// freed later. See [IRQL](crate#irql).
///
/// # Invariants
///
/// `pointer` is the start of a live pool allocation of `length` initialised bytes of kind `P` with
/// the tag `tag`, owned by this value alone. `record` stands for it in the
/// unload list.
#[derive(Debug)]
pub struct PoolBuffer<P: PoolKind> {
    pointer: NonNull<u8>,
    length: usize,
    tag: Tag,
    record: NonNull<Record>,
    load: LoadId,
    kind: PhantomData<P>,
}

// SAFETY: The value is the only owner of plain bytes by the type invariant; pool memory belongs to no
// thread.
unsafe impl<P: PoolKind> Send for PoolBuffer<P> {}
// SAFETY: A shared buffer gives shared references to its bytes only.
unsafe impl<P: PoolKind> Sync for PoolBuffer<P> {}

impl<P: PoolKind> PoolBuffer<P> {
    /// `ExAllocatePoolWithTag`: allocates `length` bytes and zeroes them.
    ///
    /// IRQL: <= APC_LEVEL for [`Paged`], <= DISPATCH_LEVEL for [`NonPagedNx`]. From PAGE_SIZE up
    /// the buffer is page-aligned, below it is aligned to 16 bytes. `ExAllocatePoolWithTag` rather
    /// than `ExAllocatePool2`, which Windows has from version 2004 only.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`] for a length of zero or for [`Tag::DEFAULT`], which only the
    /// framework knows; [`Error::INSUFFICIENT_RESOURCES`] when the pool is exhausted.
    ///
    /// Source: "ExAllocatePoolWithTag function (wdm.h)".
    pub fn new(tag: Tag, length: usize, _irql: &impl Allows<P>) -> Result<Self> {
        if length == 0 || tag == Tag::DEFAULT {
            return Err(Error::INVALID_PARAMETER);
        }
        let record = Record::allocate()?;
        // SAFETY: The witness allows this pool at the current IRQL, the size and the tag are not
        // zero.
        let pointer =
            unsafe { ntddk::ExAllocatePoolWithTag(P::POOL_TYPE, length as u64, tag.value()) };
        let Some(pointer) = NonNull::new(pointer.cast::<u8>()) else {
            // SAFETY: The record was allocated above and stands for nothing.
            unsafe { Record::free(record) };
            return Err(Error::INSUFFICIENT_RESOURCES);
        };
        let argument = without_provenance_mut(tag.value() as usize);
        // SAFETY: The record was allocated above, for this function alone.
        unsafe { Record::set(record, free, pointer.cast(), argument) };
        // SAFETY: The record was set above, to free what was allocated above, and is not in the list yet.
        unsafe { Record::register(record) };
        // SAFETY: The allocation has `length` bytes, and the witness allows touching them.
        unsafe { pointer.write_bytes(0, length) };
        // INVARIANT: The bytes were allocated and zeroed, and the record registered, above.
        Ok(Self {
            pointer,
            length,
            tag,
            record,
            load: LoadId::current(),
            kind: PhantomData,
        })
    }

    /// Borrows the bytes. If they are pageable, the reference borrows the witness. IRQL: as the kind.
    pub fn bytes<'a, 'w>(&'a self, _irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a [u8] {
        self.load.check();
        // SAFETY: The bytes are initialised and alive as long as `self` by the type invariant; the borrowed
        // witness allows touching them.
        unsafe { slice::from_raw_parts(self.pointer.as_ptr(), self.length) }
    }

    /// Borrows the bytes for writing. IRQL: as the kind.
    pub fn bytes_mut<'a, 'w>(&'a mut self, _irql: &'w impl AllowsFor<'a, 'w, P>) -> &'a mut [u8] {
        self.load.check();
        // SAFETY: The bytes are initialised and alive as long as `self` by the type invariant; the exclusive
        // borrow makes this the only access, which the witness allows.
        unsafe { slice::from_raw_parts_mut(self.pointer.as_ptr(), self.length) }
    }

    /// The number of bytes, never zero.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a pool allocation is never empty"
    )]
    pub const fn len(&self) -> usize {
        self.length
    }
}

impl<P: PoolKind> Drop for PoolBuffer<P> {
    fn drop(&mut self) {
        self.load.check();
        // SAFETY: The record is in the unload list by the type invariant.
        unsafe { Record::unregister(self.record) };
        if P::PAGEABLE {
            // SAFETY: Memory and record are this value's by the type invariant, and given up here.
            unsafe { deferred::release(self.record) };
        } else {
            let tag = without_provenance_mut(self.tag.value() as usize);
            // SAFETY: Memory and record are this value's and given up here; nonpaged memory may be freed at
            // any level of this crate.
            unsafe { free(self.pointer.cast(), tag, self.record) };
        }
    }
}

/// Frees a pool allocation and its record.
///
/// # Safety
///
/// `memory` is a pool allocation with this tag and `record` one of `Record::allocate`. The caller gives
/// both up, at a level at which the memory may be freed.
unsafe fn free(memory: NonNull<c_void>, tag: *mut c_void, record: NonNull<Record>) {
    // SAFETY: The caller gives up a pool allocation with this tag, at a level for it.
    unsafe { ntddk::ExFreePoolWithTag(memory.as_ptr(), tag.addr() as u32) };
    // SAFETY: The caller gives up a record of `Record::allocate`.
    unsafe { Record::free(record) };
}

// SAFETY: The bytes stay where they are until the value is dropped, however the value itself moves, and
// are reachable through nothing else, by the type invariant.
unsafe impl<P: PoolKind> Buffer for PoolBuffer<P> {
    type Pool = P;

    fn start(&mut self) -> NonNull<u8> {
        self.pointer
    }

    fn length(&self) -> usize {
        self.length
    }
}
