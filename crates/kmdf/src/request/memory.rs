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
    /// `WdfMemoryCreate`.
    ///
    /// # Safety
    ///
    /// The driver owns the request and does not complete it for the lifetime of the result.
    pub(super) unsafe fn new(request: WDFREQUEST, tag: Tag, length: usize) -> Result<Self> {
        let mut attributes = object::attributes(request.cast());
        // SAFETY: By the contract of this function; nonpaged memory may be allocated wherever this
        // crate runs.
        let (_, start) = unsafe { memory::create_raw::<P>(&mut attributes, tag, length) }?;
        // SAFETY: The buffer has `length` bytes of nonpaged memory.
        unsafe { start.write_bytes(0, length) };
        // INVARIANT: Made and initialised above; the object's handle is dropped.
        Ok(Self {
            start,
            length,
            owner: PhantomData,
        })
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: By the type invariant; nonpaged memory may be touched wherever this crate runs.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// The bytes, for writing.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: As in `bytes`; the exclusive borrow makes this the only access.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

/// A `WDFMEMORY` over a request's own input buffer: no `Drop`, the completion deletes the object.
///
/// # Invariants
///
/// `handle` is a preallocated memory object that lives for `'a`, over an initialised buffer that
/// nobody else uses for `'a`.
#[derive(Debug)]
pub struct WrappedInput<'a> {
    handle: WDFMEMORY,
    buffer: PhantomData<&'a mut [u8]>,
}

impl WrappedInput<'_> {
    /// `WdfMemoryCreatePreallocated`.
    ///
    /// # Safety
    ///
    /// The driver owns the request and does not complete it for the lifetime of the result; for as
    /// long nobody else uses the `length` initialised bytes at `start`.
    pub(super) unsafe fn new(
        request: WDFREQUEST,
        start: NonNull<u8>,
        length: usize,
    ) -> Result<Self> {
        let mut attributes = object::attributes(request.cast());
        // SAFETY: By the contract of this function.
        let handle = unsafe { memory::create_preallocated_raw(&mut attributes, start, length) }?;
        // INVARIANT: By the contract of this function.
        Ok(Self {
            handle,
            buffer: PhantomData,
        })
    }

    /// `WdfMemoryGetBuffer`: the bytes. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfMemoryGetBuffer function (wdfmemory.h)".
    pub fn bytes(&self) -> &[u8] {
        let (start, length) = self.buffer();
        // SAFETY: By the type invariant.
        unsafe { slice::from_raw_parts(start.as_ptr(), length) }
    }

    /// `WdfMemoryGetBuffer`: the bytes, for writing. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfMemoryGetBuffer function (wdfmemory.h)".
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, length) = self.buffer();
        // SAFETY: By the type invariant; the exclusive borrow makes this the only access.
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
        // SAFETY: By the type invariant the object is alive and its buffer resident.
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
        // SAFETY: As in `copy_to`, and the exclusive borrow makes this the only access.
        unsafe { memory::copy_from_raw(self.handle, offset, source) }
    }

    fn buffer(&self) -> (NonNull<u8>, usize) {
        // SAFETY: By the type invariant the object is alive.
        unsafe { memory::buffer_raw(self.handle) }
    }
}
