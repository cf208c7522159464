//! Memory objects whose bytes are not initialised yet.

use super::{Memory, create_raw};
use crate::irql::{Allows, AllowsFor};
use crate::object::{self, Owned, Parent};
use crate::plain::{Fits, Zeroable};
use crate::pool::PoolKind;
use crate::status::{Error, Result};
use crate::tag::Tag;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;
use kmdf_sys::WDFMEMORY;

/// A [`Memory`] before its bytes are initialised: `WdfMemoryCreate` leaves in them what was there
/// before, which must reach neither the driver nor an untrusted place (rule C8).
///
/// The bytes are accessible as `MaybeUninit` only; [`zeroed`](Self::zeroed), [`filled`](Self::filled)
/// and [`written`](Self::written) turn the value into a [`Memory`].
///
/// # Invariants
///
/// As [`Memory`], except that the bytes need not be initialised.
#[derive(Debug)]
pub struct UninitMemory<P: PoolKind> {
    object: Owned<WDFMEMORY, P>,
    start: NonNull<u8>,
    length: usize,
    kind: PhantomData<P>,
}

// SAFETY: The value is the only way to plain bytes, and neither the memory nor the object belong to a
// thread.
unsafe impl<P: PoolKind> Send for UninitMemory<P> {}
// SAFETY: A shared value gives no access to the bytes.
unsafe impl<P: PoolKind> Sync for UninitMemory<P> {}

impl<P: PoolKind> UninitMemory<P> {
    /// Makes the value of its object and buffer.
    ///
    /// # Safety
    ///
    /// The `length` bytes at `start` are the buffer of `object`: of the kind `P`, aligned to 16 bytes, or to
    /// a page from PAGE_SIZE on, and reachable through the result alone.
    pub(crate) const unsafe fn from_parts(
        object: Owned<WDFMEMORY, P>,
        start: NonNull<u8>,
        length: usize,
    ) -> Self {
        // INVARIANT: The caller guarantees what the type requires.
        Self {
            object,
            start,
            length,
            kind: PhantomData,
        }
    }

    pub(super) fn new(
        parent: &impl Parent,
        tag: Tag,
        length: usize,
        _irql: &impl Allows<P>,
    ) -> Result<Self> {
        let mut attributes = object::owned_attributes(parent);
        // SAFETY: The parent is borrowed, so alive; the witness allows allocating from `P`.
        let (handle, start) = unsafe { create_raw::<P>(&mut attributes, tag, length) }?;
        // SAFETY: The memory was created above with attributes of an owned object, and may be deleted by the
        // driver. It is disposed of at PASSIVE_LEVEL only if its kind is pageable (MEM-27).
        let object = unsafe { Owned::new(handle) };
        // INVARIANT: The call created object and buffer, for this value alone.
        Ok(Self {
            object,
            start,
            length,
            kind: PhantomData,
        })
    }

    /// The number of bytes, never zero.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the framework refuses empty memory"
    )]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Borrows the bytes, which must be written before they are read. IRQL: as the kind.
    pub fn bytes_mut<'a, 'w>(
        &'a mut self,
        _irql: &'w impl AllowsFor<'a, 'w, P>,
    ) -> &'a mut [MaybeUninit<u8>] {
        self.object.check_load();
        // SAFETY: The bytes are this value's alone by the type invariant; `MaybeUninit` needs no
        // initialisation, the exclusive borrow makes this the only access, and the witness allows it.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr().cast(), self.length) }
    }

    /// Initialises all bytes with zero. IRQL: as the kind.
    pub fn zeroed(self, irql: &impl Allows<P>) -> Memory<P> {
        self.filled(0, irql)
    }

    /// Initialises all bytes with `value`. IRQL: as the kind.
    pub fn filled(mut self, value: u8, irql: &impl Allows<P>) -> Memory<P> {
        self.bytes_mut(irql).fill(MaybeUninit::new(value));
        // SAFETY: `fill` wrote all bytes.
        unsafe { self.assume_init() }
    }

    /// Initialises the memory with a copy of `bytes`, which are as many as the memory has. IRQL: as the kind.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_BUFFER_SIZE`] for another number of bytes; the memory is deleted.
    pub fn written(mut self, bytes: &[u8], irql: &impl Allows<P>) -> Result<Memory<P>> {
        if bytes.len() != self.length {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        for (target, &byte) in self.bytes_mut(irql).iter_mut().zip(bytes) {
            target.write(byte);
        }
        // SAFETY: The loop wrote all bytes, as there are as many of either.
        Ok(unsafe { self.assume_init() })
    }

    /// Puts `value` at the start, for which there must be room.
    pub(crate) fn holding<T>(
        self,
        value: T,
        _fits: Fits<T>,
        _irql: &impl Allows<P>,
    ) -> Result<Memory<P, T>> {
        if self.length < size_of::<T>() {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        let content = self.start.cast::<T>();
        // SAFETY: There is room as checked above, at an alignment as `Fits` proves: a
        // buffer of PAGE_SIZE or more is page-aligned. The witness allows touching the kind.
        unsafe { content.write(value) };
        // SAFETY: The content is the start of the object's buffer, aligned as `Fits` proves, and was written
        // above.
        Ok(unsafe { Memory::from_parts(self.object, content) })
    }

    /// Zeroes what a value at the start takes, for which there must be room.
    pub(crate) fn holding_zeroes<T: Zeroable>(
        self,
        _fits: Fits<T>,
        _irql: &impl Allows<P>,
    ) -> Result<Memory<P, T>> {
        if self.length < size_of::<T>() {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        let content = self.start.cast::<T>();
        // SAFETY: There is room as checked above, aligned as `Fits` proves; the witness allows touching
        // the kind.
        unsafe { content.write_bytes(0, 1) };
        // SAFETY: The content is the start of the object's buffer, aligned as `Fits` proves, and zeroes are a
        // value of the type.
        Ok(unsafe { Memory::from_parts(self.object, content) })
    }

    /// Claims that all bytes were written, by way of [`bytes_mut`](Self::bytes_mut). IRQL: any.
    ///
    /// # Safety
    ///
    /// Every byte of the memory must have been initialised.
    pub unsafe fn assume_init(self) -> Memory<P> {
        // SAFETY: The buffer is that of the object by the type invariant, and the caller has initialised it.
        unsafe {
            Memory::from_parts(
                self.object,
                NonNull::slice_from_raw_parts(self.start, self.length),
            )
        }
    }
}
