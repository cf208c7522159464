//! The buffers of a request while its handler runs.

use super::memory::{RequestMemory, WrappedInput};
use super::{Method, RequestRef};
use crate::file::FileObject;
use crate::pool::NonPageable;
use crate::status::{Error, Result};
use crate::tag::Tag;
use core::cell::Cell;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// A request's buffers while [`Request::complete_with`](crate::Request::complete_with) runs: first the input,
/// then, by [`Transfer::into_output`], the output.
///
/// With `METHOD_BUFFERED` both are the same bytes. Asking for the output consumes the transfer, so
/// that reading the input after output was written does not compile:
///
/// ```compile_fail,E0505
/// fn reads_input_after_output(transfer: kmdf::Transfer<'_>) -> kmdf::Result<usize> {
///     let input = transfer.input(4)?;
///     let mut output = transfer.into_output()?;
///     output.write(input)
/// }
/// ```
///
/// # Invariants
///
/// Nothing was written to the request's output yet. `'a` is invariant and ends with the closure.
#[derive(Debug)]
pub struct Transfer<'a> {
    request: RequestRef<'a>,
    written: &'a Cell<usize>,
}

impl<'a> Transfer<'a> {
    /// The buffers of a request to whose output nothing was written.
    pub(super) const fn new(request: RequestRef<'a>, written: &'a Cell<usize>) -> Self {
        Self { request, written }
    }

    /// The number of input bytes.
    pub const fn input_length(&self) -> usize {
        self.request.kind.input_length()
    }

    /// The number of bytes that the output has room for.
    pub const fn output_length(&self) -> usize {
        self.request.kind.output_length()
    }

    /// As [`Request::file_object`](crate::Request::file_object).
    ///
    /// # Errors
    ///
    /// As [`Request::file_object`](crate::Request::file_object).
    pub fn file_object(&self) -> Result<FileObject<'a>> {
        self.request.file_object()
    }

    /// As [`Request::input`](crate::Request::input).
    ///
    /// # Errors
    ///
    /// As [`Request::input`](crate::Request::input).
    pub fn input(&self, minimum: usize) -> Result<&[u8]> {
        let (start, length) = self.request.retrieve_input(minimum)?;
        // SAFETY: The I/O manager filled the buffer, which lives for `'a`; `wrap_input` and
        // `into_output`, which lead to writing, need the transfer exclusively.
        Ok(unsafe { slice::from_raw_parts(start.as_ptr(), length) })
    }

    /// `WdfRequestRetrieveOutputBuffer` of a `METHOD_IN_DIRECT` request: its second input, in the
    /// caller's own pages. IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_DEVICE_REQUEST`] for any other method; [`Error::BUFFER_TOO_SMALL`] if there
    /// are no such bytes; [`Error::INSUFFICIENT_RESOURCES`] if the pages cannot be mapped.
    ///
    /// Source: "WdfRequestRetrieveOutputBuffer function (wdfrequest.h)".
    pub fn direct_input(&self) -> Result<DirectInput<'_>> {
        if self.request.kind.method() != Method::InDirect {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        let (start, length) = self.request.retrieve_output()?;
        let bytes = NonNull::slice_from_raw_parts(start.cast::<AtomicU8>(), length);
        // SAFETY: The pages stay mapped until the completion, before which `'a` ends. User mode may change
        // them meanwhile, as atomics may behind a shared reference.
        let bytes = unsafe { bytes.as_ref() };
        Ok(DirectInput { bytes })
    }

    /// `WdfMemoryCreate` with the request as parent: memory that the framework deletes when the
    /// request is completed (rule C9). IRQL: <= DISPATCH_LEVEL. The bytes are zeroed.
    ///
    /// Only nonpaged kinds: completing deletes the memory at whatever IRQL it happens, and pageable
    /// memory would be leaked above PASSIVE_LEVEL (REQ-39).
    ///
    /// # Errors
    ///
    /// As [`Memory::new`](crate::Memory::new).
    ///
    /// Source: "WdfMemoryCreate function (wdfmemory.h)".
    pub fn create_memory<P: NonPageable>(
        &self,
        tag: Tag,
        length: usize,
    ) -> Result<RequestMemory<'a, P>> {
        // SAFETY: The request is not completed for `'a` by the invariant of `RequestRef`.
        unsafe { RequestMemory::new(self.request.handle, tag, length) }
    }

    /// `WdfMemoryCreatePreallocated` over the request's own input, with the request as parent:
    /// memory that the framework deletes when the request is completed, leaving the buffer to the
    /// I/O manager (rules P2, P6, P8). IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// As [`Transfer::input`] and [`PreallocatedMemory::new`](crate::PreallocatedMemory::new).
    ///
    /// Source: "WdfMemoryCreatePreallocated function (wdfmemory.h)".
    pub fn wrap_input(&mut self) -> Result<WrappedInput<'_>> {
        let (start, length) = self.request.retrieve_input(0)?;
        // SAFETY: The system buffer is alive for `'a`, and the exclusive borrow makes the wrapped
        // memory its only user.
        unsafe { WrappedInput::new(self.request.handle, start, length) }
    }

    /// `WdfRequestRetrieveOutputBuffer`: gives up the input and returns the output. IRQL: <= DISPATCH_LEVEL.
    ///
    /// For a request without room for output, the output has no room.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_DEVICE_REQUEST`] for `METHOD_IN_DIRECT`, which has none, and
    /// `METHOD_NEITHER`; [`Error::INSUFFICIENT_RESOURCES`] if the caller's pages cannot be mapped.
    ///
    /// Source: "WdfRequestRetrieveOutputBuffer function (wdfrequest.h)".
    pub fn into_output(self) -> Result<Output<'a>> {
        let (start, length) = match self.request.kind.method() {
            _ if self.output_length() == 0 => (NonNull::dangling(), 0),
            Method::Buffered | Method::OutDirect => self.request.retrieve_output()?,
            Method::InDirect | Method::Neither => return Err(Error::INVALID_DEVICE_REQUEST),
        };
        // INVARIANT: The buffer lives until the completion, before which `'a` ends, and no code reads
        // it: the transfer, which all access to the input borrows from, is consumed here.
        Ok(Output {
            start,
            length,
            written: self.written,
        })
    }
}

/// Input in the caller's own pages, which user mode may change at any time: it can be copied, not
/// borrowed.
///
/// The bytes are atomic, so that each is read once for each copy. Of a plain copy the compiler may
/// leave out the target and read the source again where the target is used, after it was checked.
#[derive(Debug)]
pub struct DirectInput<'a> {
    bytes: &'a [AtomicU8],
}

impl DirectInput<'_> {
    /// The number of bytes, never zero.
    #[expect(
        clippy::len_without_is_empty,
        reason = "an absent buffer is an error instead"
    )]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Copies the bytes from `offset` on; two calls may see different bytes at the same place.
    /// IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::BUFFER_TOO_SMALL`] if the input ends before `target` is full.
    pub fn copy_to(&self, offset: usize, target: &mut [u8]) -> Result<()> {
        let source = self
            .bytes
            .get(offset..)
            .and_then(|bytes| bytes.get(..target.len()))
            .ok_or(Error::BUFFER_TOO_SMALL)?;
        // SAFETY: All bytes are values of both types, and atomics may change behind a shared reference.
        let (head, words, tail) = unsafe { source.align_to::<AtomicU64>() };
        let parts = target
            .split_at_mut_checked(head.len())
            .and_then(|(head, rest)| Some((head, rest.split_at_mut_checked(size_of_val(words))?)));
        let (for_head, (for_words, for_tail)) = parts.ok_or(Error::INTERNAL_ERROR)?;
        for (target, word) in for_words.as_chunks_mut().0.iter_mut().zip(words) {
            *target = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        let head = for_head.iter_mut().zip(head);
        for (target, byte) in head.chain(for_tail.iter_mut().zip(tail)) {
            *target = byte.load(Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The output of a request: written front to back, never read.
///
/// What was written is what the sender gets: bytes of the system buffer that the driver did not
/// write never leave it (rule C8).
///
/// # Invariants
///
/// `start` is writable for `length` bytes for `'a`, and no reference to those bytes exists. The first
/// `written` of them were written, and `written <= length`.
#[derive(Debug)]
pub struct Output<'a> {
    start: NonNull<u8>,
    length: usize,
    written: &'a Cell<usize>,
}

impl Output<'_> {
    /// The number of bytes that there is still room for.
    pub fn remaining(&self) -> usize {
        self.length.saturating_sub(self.written.get())
    }

    /// The number of bytes written so far: the information value to complete the request with.
    pub fn written(&self) -> usize {
        self.written.get()
    }

    /// Appends bytes, all or none of them, and returns how many were written so far: the information
    /// value to complete the request with.
    ///
    /// # Errors
    ///
    /// [`Error::BUFFER_TOO_SMALL`] if there is not enough room.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let before = self.written.get();
        if bytes.len() > self.remaining() {
            return Err(Error::BUFFER_TOO_SMALL);
        }
        // SAFETY: The offset is at most the length by the type invariant, so in the buffer or at its end.
        let target = unsafe { self.start.add(before) };
        // SAFETY: There is room, as checked above. No reference to the buffer exists by the type invariant,
        // so that it does not overlap the slice.
        unsafe { target.copy_from_nonoverlapping(NonNull::from_ref(bytes).cast(), bytes.len()) };
        let written = before.wrapping_add(bytes.len());
        self.written.set(written);
        Ok(written)
    }
}
