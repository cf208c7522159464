//! Memory objects that a request owns: deleted by the framework when the request is completed.

use crate::memory;
use crate::object;
use crate::pool::{NonPageable, PoolKind};
use crate::status::Result;
use crate::tag::Tag;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::slice;
use kmdf_sys::{WDFMEMORY, WDFREQUEST};

/// A `WDFMEMORY` from a pool whose parent is the request: no `Drop`, the completion deletes it.
///
/// # Invariants
///
/// `start` is the buffer of a memory object that lives for `'a`: `length` initialised bytes of the
/// kind `P`, reachable through this value alone.
#[derive(Debug)]
pub struct RequestMemory<'a, P: PoolKind> {
    start: NonNull<u8>,
    length: usize,
    owner: PhantomData<(&'a mut [u8], P)>,
}

impl<P: NonPageable> RequestMemory<'_, P> {
    /// `WdfMemoryCreate`: allocates zeroed memory with the request as its parent.
    ///
    /// # Safety
    ///
    /// The driver owns the request and does not complete it for the lifetime of the result.
    pub(super) unsafe fn new(request: WDFREQUEST, tag: Tag, length: usize) -> Result<Self> {
        let mut attributes = object::attributes(request.cast());
        // SAFETY: The request, which is the parent, is alive, as the caller guarantees; nonpaged memory may be
        // allocated at any level of this crate.
        let (_, start) = unsafe { memory::create_raw::<P>(&mut attributes, tag, length) }?;
        // SAFETY: The buffer has `length` bytes of nonpaged memory, just allocated.
        unsafe { start.write_bytes(0, length) };
        // INVARIANT: The buffer was allocated and zeroed above; no other copy of its address is left.
        Ok(Self {
            start,
            length,
            owner: PhantomData,
        })
    }

    /// Borrows the bytes. IRQL: <= DISPATCH_LEVEL.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: The bytes are initialised and this value's alone by the type invariant; nonpaged memory may
        // be touched at any level.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// Borrows the bytes for writing. IRQL: <= DISPATCH_LEVEL.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: The bytes are initialised and this value's alone by the type invariant; the exclusive borrow
        // makes this the only access, and nonpaged memory may be touched at any level.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

/// A `WDFMEMORY` over a request's own input buffer: no `Drop`, the completion deletes the object.
///
/// # Invariants
///
/// `handle` is a preallocated memory object that lives for `'a`, over an initialised buffer that
/// no other code uses for `'a`.
#[derive(Debug)]
pub struct WrappedInput<'a> {
    handle: WDFMEMORY,
    buffer: PhantomData<&'a mut [u8]>,
}

impl WrappedInput<'_> {
    /// `WdfMemoryCreatePreallocated`: puts a memory object, with the request as its parent, over a buffer of
    /// the request.
    ///
    /// # Safety
    ///
    /// The driver owns the request and does not complete it for the lifetime of the result; for as
    /// long no other code uses the `length` initialised bytes at `start`.
    pub(super) unsafe fn new(
        request: WDFREQUEST,
        start: NonNull<u8>,
        length: usize,
    ) -> Result<Self> {
        let mut attributes = object::attributes(request.cast());
        // SAFETY: The request, which is the parent, is alive, and its buffer valid for as long as the result.
        let handle = unsafe { memory::create_preallocated_raw(&mut attributes, start, length) }?;
        // INVARIANT: The object was created above; the caller guarantees the rest.
        Ok(Self {
            handle,
            buffer: PhantomData,
        })
    }

    /// `WdfMemoryGetBuffer`: borrows the bytes. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfMemoryGetBuffer function (wdfmemory.h)".
    pub fn bytes(&self) -> &[u8] {
        let (start, length) = self.buffer();
        // SAFETY: The buffer is initialised and used by no other code for `'a`, by the type invariant.
        unsafe { slice::from_raw_parts(start.as_ptr(), length) }
    }

    /// `WdfMemoryGetBuffer`: borrows the bytes for writing. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfMemoryGetBuffer function (wdfmemory.h)".
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, length) = self.buffer();
        // SAFETY: The buffer is initialised and used by no other code for `'a`, by the type invariant; the
        // exclusive borrow makes this the only access.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), length) }
    }

    /// `WdfMemoryCopyToBuffer`: copies from the buffer. IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// As [`Memory::copy_to`](crate::Memory::copy_to).
    ///
    /// Source: "WdfMemoryCopyToBuffer function (wdfmemory.h)".
    pub fn copy_to(&self, offset: usize, target: &mut [u8]) -> Result<()> {
        // SAFETY: The object is alive over an initialised buffer by the type invariant; system buffers are
        // nonpaged.
        unsafe { memory::copy_to_raw(self.handle, offset, target) }
    }

    /// `WdfMemoryCopyFromBuffer`: copies into the buffer. IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// As [`Memory::copy_from`](crate::Memory::copy_from).
    ///
    /// Source: "WdfMemoryCopyFromBuffer function (wdfmemory.h)".
    pub fn copy_from(&mut self, offset: usize, source: &[u8]) -> Result<()> {
        // SAFETY: The object is alive by the type invariant; the exclusive borrow makes this the only access
        // to its buffer, which is nonpaged.
        unsafe { memory::copy_from_raw(self.handle, offset, source) }
    }

    fn buffer(&self) -> (NonNull<u8>, usize) {
        // SAFETY: The object is alive and has a buffer by the type invariant.
        unsafe { memory::buffer_raw(self.handle) }
    }
}
