//! Memory objects over buffers that the driver already has: `WdfMemoryCreatePreallocated`.

use super::{buffer_raw, copy_from_raw, copy_to_raw, create_preallocated_raw};
use crate::irql::{Allows, AllowsFor};
use crate::object::{self, Owned, Parent};
use crate::pool::{NonPagedNx, PoolKind};
use crate::status::{Result, check};
use core::marker::PhantomData;
use core::mem;
use core::ptr::NonNull;
use core::slice;
use kmdf_sys::{WDFMEMORY, call_unsafe_wdf_function_binding};

/// A value that owns, or exclusively borrows, a buffer which stays put when the value moves.
///
/// # Safety
///
/// `start` and `length` must always return the same buffer: initialised bytes of the kind `Pool` that stay
/// valid, and unused by others, until the value is dropped or its lifetime ends. The bytes may have been
/// changed when the value is dropped.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no buffer that a memory object could be put over",
    note = "lend a slice as `BorrowedBuffer::from(&mut bytes[..])`, or give away a `PoolBuffer` (rule \
            P2)"
)]
pub unsafe trait Buffer {
    /// The pool kind of the bytes, which says at which IRQL they may be touched.
    type Pool: PoolKind;

    /// Returns the address of the first byte of the buffer.
    fn start(&mut self) -> NonNull<u8>;

    /// Returns the size of the buffer in bytes.
    fn length(&self) -> usize;
}

/// A `&mut [u8]` as a [`Buffer`].
///
/// # Invariants
///
/// `start` and `length` are those of a slice borrowed exclusively for `'a`, for this value.
#[derive(Debug)]
pub struct BorrowedBuffer<'a> {
    start: NonNull<u8>,
    length: usize,
    borrow: PhantomData<&'a mut [u8]>,
}

impl<'a> From<&'a mut [u8]> for BorrowedBuffer<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        let length = bytes.len();
        // INVARIANT: The borrow moves into the value.
        Self {
            start: NonNull::from_mut(bytes).cast(),
            length,
            borrow: PhantomData,
        }
    }
}

// SAFETY: The value stands for a `&mut [u8]`, which may be sent.
unsafe impl Send for BorrowedBuffer<'_> {}
// SAFETY: The value stands for a `&mut [u8]`, which may be shared.
unsafe impl Sync for BorrowedBuffer<'_> {}

// SAFETY: The bytes are borrowed exclusively for the lifetime by the type invariant, and do not move with
// the value. They may be pageable: then the slice borrowed the witness for its whole lifetime,
// during which the level cannot rise, so that any witness will do.
unsafe impl Buffer for BorrowedBuffer<'_> {
    type Pool = NonPagedNx;

    fn start(&mut self) -> NonNull<u8> {
        self.start
    }

    fn length(&self) -> usize {
        self.length
    }
}

/// A `WDFMEMORY` over a buffer that the framework does not own: an owned one, such as a
/// [`PoolBuffer`](crate::PoolBuffer), or a [`BorrowedBuffer`] over a `&mut [u8]` (rule P2).
///
/// `Drop` deletes the memory object, then drops `B`, which frees the buffer if it owns it; the
/// framework never does (rules P7, P8). Deletion of the parent takes the memory object, not the
/// buffer.
///
/// ```no_run
/// use kmdf::{Device, NonPagedNx, Passive, PoolBuffer, PreallocatedMemory, Tag};
///
/// fn one_object_over_two_buffers(device: Device<'_>, irql: &Passive) -> kmdf::Result<()> {
///     const TAG: Tag = Tag::new(b"Pre1");
///     let small = PoolBuffer::<NonPagedNx>::new(TAG, 64, irql)?;
///     let large = PoolBuffer::<NonPagedNx>::new(TAG, 4096, irql)?;
///     let mut memory = PreallocatedMemory::new(&device, small)?;
///     let small = memory.assign(large)?;
///     memory.copy_from(0, small.bytes(irql), irql)
/// }
/// ```
///
/// # Invariants
///
/// `object` is a preallocated memory object over the buffer of `buffer`, which no other code uses.
#[derive(Debug)]
pub struct PreallocatedMemory<B: Buffer> {
    // The object is deleted first: its buffer goes only after it has stopped being one.
    object: Owned<WDFMEMORY>,
    buffer: B,
}

impl<B: Buffer> PreallocatedMemory<B> {
    /// `WdfMemoryCreatePreallocated`: puts a memory object over `buffer`. IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`](crate::Error::INVALID_PARAMETER) for an empty buffer;
    /// [`Error::INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES);
    /// [`Error::DELETE_PENDING`](crate::Error::DELETE_PENDING) if the parent is being deleted;
    /// whatever else the framework returns (rule P4). The buffer is dropped then.
    ///
    /// Source: "WdfMemoryCreatePreallocated function (wdfmemory.h)".
    pub fn new(parent: &impl Parent, mut buffer: B) -> Result<Self> {
        let (start, length) = (buffer.start(), buffer.length());
        let mut attributes = object::owned_attributes(parent);
        // SAFETY: The parent is borrowed, so alive. Only this value uses the object, together with
        // the buffer.
        let handle = unsafe { create_preallocated_raw(&mut attributes, start, length) }?;
        // SAFETY: The object was created above with attributes of an owned object; preallocated memory may be
        // deleted by the driver, at any level of this crate.
        let object = unsafe { Owned::new(handle) };
        // INVARIANT: The object was put over this buffer.
        Ok(Self { object, buffer })
    }

    /// `WdfMemoryAssignBuffer`: puts the memory object over another buffer and gives back the
    /// former one, which the framework no longer uses (rules P5, P8). IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`](crate::Error::INVALID_PARAMETER) for an empty buffer, which is
    /// dropped; the memory object keeps the former one.
    ///
    /// Source: "WdfMemoryAssignBuffer function (wdfmemory.h)".
    pub fn assign(&mut self, mut buffer: B) -> Result<B> {
        // SAFETY: The object is a preallocated one by the type invariant; only this value uses it, together
        // with the new buffer, which it owns from now on.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfMemoryAssignBuffer,
                self.object.handle(),
                buffer.start().as_ptr().cast(),
                buffer.length()
            )
        })?;
        // INVARIANT: The call has put the object over the new buffer.
        Ok(mem::replace(&mut self.buffer, buffer))
    }

    /// `WdfObjectDelete`: deletes the memory object and gives the buffer back (rule P8). IRQL: <=
    /// DISPATCH_LEVEL.
    ///
    /// Source: "WdfObjectDelete function (wdfobject.h)".
    pub fn into_buffer(self) -> B {
        self.buffer
    }

    /// The number of bytes, never zero.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the framework refuses empty memory"
    )]
    pub fn len(&self) -> usize {
        self.buffer.length()
    }

    /// `WdfMemoryGetBuffer`: borrows the bytes. If they are pageable, the reference borrows the witness (rule
    /// C6). IRQL: as the buffer's kind.
    ///
    /// Source: "WdfMemoryGetBuffer function (wdfmemory.h)".
    pub fn bytes<'a, 'w>(&'a self, _irql: &'w impl AllowsFor<'a, 'w, B::Pool>) -> &'a [u8] {
        let (start, length) = self.framework_buffer();
        // SAFETY: This is the buffer of `buffer` by the type invariant, initialised and used by no other
        // code; the borrowed witness allows touching it.
        unsafe { slice::from_raw_parts(start.as_ptr(), length) }
    }

    /// `WdfMemoryGetBuffer`: borrows the bytes for writing. IRQL: as the buffer's kind.
    ///
    /// Source: "WdfMemoryGetBuffer function (wdfmemory.h)".
    pub fn bytes_mut<'a, 'w>(
        &'a mut self,
        _irql: &'w impl AllowsFor<'a, 'w, B::Pool>,
    ) -> &'a mut [u8] {
        let (start, length) = self.framework_buffer();
        // SAFETY: This is the buffer of `buffer` by the type invariant, initialised; the exclusive borrow
        // makes this the only access, which the witness allows.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), length) }
    }

    /// `WdfMemoryCopyToBuffer`: copies from `offset` on until `target` is full. IRQL: as the
    /// buffer's kind.
    ///
    /// # Errors
    ///
    /// As [`Memory::copy_to`](crate::Memory::copy_to).
    ///
    /// Source: "WdfMemoryCopyToBuffer function (wdfmemory.h)".
    pub fn copy_to(
        &self,
        offset: usize,
        target: &mut [u8],
        _irql: &impl Allows<B::Pool>,
    ) -> Result<()> {
        // SAFETY: The object is alive over an initialised buffer by the type invariant, which the witness
        // allows touching; the shared borrow keeps others from writing it.
        unsafe { copy_to_raw(self.object.handle(), offset, target) }
    }

    /// `WdfMemoryCopyFromBuffer`: copies all of `source` to `offset`. IRQL: as the buffer's kind.
    ///
    /// # Errors
    ///
    /// As [`Memory::copy_from`](crate::Memory::copy_from).
    ///
    /// Source: "WdfMemoryCopyFromBuffer function (wdfmemory.h)".
    pub fn copy_from(
        &mut self,
        offset: usize,
        source: &[u8],
        _irql: &impl Allows<B::Pool>,
    ) -> Result<()> {
        // SAFETY: The object is alive by the type invariant, and the witness allows touching its buffer; the
        // exclusive borrow makes this the only access.
        unsafe { copy_from_raw(self.object.handle(), offset, source) }
    }

    /// `WdfMemoryGetBuffer`: where the framework says that the buffer is.
    fn framework_buffer(&self) -> (NonNull<u8>, usize) {
        // SAFETY: The object is alive and has a buffer by the type invariant.
        unsafe { buffer_raw(self.object.handle()) }
    }
}
