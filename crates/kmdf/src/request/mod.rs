//! I/O requests as values, which completing or forwarding consumes.

mod memory;
mod transfer;

pub use memory::{RequestMemory, WrappedInput};
pub use transfer::{DirectInput, Output, Transfer};

use crate::context::{self, Context};
use crate::control_code::Method;
use crate::file::FileObject;
use crate::queue::WaitingRequests;
use crate::status::{Error, Result, check};
use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{NonNull, null_mut};
use core::slice;
use kmdf_sys::{
    _WDF_REQUEST_TYPE, NTSTATUS, STATUS_INTERNAL_ERROR, STATUS_SUCCESS, WDF_REQUEST_PARAMETERS,
    WDFREQUEST, call_unsafe_wdf_function_binding,
};

/// What a request asks for, with the lengths of its buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Control {
        code: u32,
        input: usize,
        output: usize,
    },
    Read {
        length: usize,
    },
    Write {
        length: usize,
    },
}

impl Kind {
    /// `WdfRequestGetParameters`: the kind of a request that a queue callback did not name.
    ///
    /// # Safety
    ///
    /// The driver owns the request, which is a read, a write or a device control.
    pub(crate) unsafe fn of(request: WDFREQUEST) -> Self {
        let mut parameters = WDF_REQUEST_PARAMETERS {
            Size: size_of::<WDF_REQUEST_PARAMETERS>() as u16,
            ..WDF_REQUEST_PARAMETERS::default()
        };
        // SAFETY: The driver owns the request, as the caller guarantees; the structure is set up as its
        // `INIT` function does.
        unsafe {
            call_unsafe_wdf_function_binding!(WdfRequestGetParameters, request, &mut parameters)
        };
        match parameters.Type {
            _WDF_REQUEST_TYPE::WdfRequestTypeRead => {
                // SAFETY: The framework wrote the member of this type into the union of plain numbers.
                let read = unsafe { parameters.Parameters.Read };
                Self::Read {
                    length: read.Length,
                }
            }
            _WDF_REQUEST_TYPE::WdfRequestTypeWrite => {
                // SAFETY: The framework wrote the member of this type into the union of plain numbers.
                let write = unsafe { parameters.Parameters.Write };
                Self::Write {
                    length: write.Length,
                }
            }
            _ => {
                // SAFETY: Any other request is a device control, whose member the framework wrote; without
                // one the union holds the zeroes from above.
                let control = unsafe { parameters.Parameters.DeviceIoControl };
                Self::Control {
                    code: control.IoControlCode,
                    input: control.InputBufferLength,
                    output: control.OutputBufferLength,
                }
            }
        }
    }

    const fn method(self) -> Method {
        match self {
            // Devices made by this crate use buffered I/O for reads and writes.
            Self::Read { .. } | Self::Write { .. } => Method::Buffered,
            Self::Control { code, .. } => Method::of(code),
        }
    }

    const fn input_length(self) -> usize {
        match self {
            Self::Control { input, .. } => input,
            Self::Write { length } => length,
            Self::Read { .. } => 0,
        }
    }

    const fn output_length(self) -> usize {
        match self {
            Self::Control { output, .. } => output,
            Self::Read { length } => length,
            Self::Write { .. } => 0,
        }
    }

    /// The greatest information value that a request may be completed with, when so many bytes were
    /// written to its output. More would show the sender stale bytes of the system buffer, or be bug
    /// check 0x10D under the framework's verifier (REQ-33).
    const fn most_information(self, written: usize) -> usize {
        match (self, self.method()) {
            (Self::Write { length }, _) => length,
            (_, Method::Buffered | Method::OutDirect) => written,
            (_, Method::InDirect) => self.output_length(),
            (_, Method::Neither) => 0,
        }
    }
}

/// The lifetime `'r` of one presentation of a request; invariant, so that no other fits in its
/// place.
type Brand<'r> = PhantomData<fn(&'r ()) -> &'r ()>;

/// Proof that a request was completed or forwarded; a handler must return that of its own request.
#[derive(Debug)]
#[must_use = "the handler returns it"]
pub struct Handled<'r>(Brand<'r>);

/// A `WDFREQUEST` that the driver owns.
///
/// Completing consumes the value, and whatever borrows from it ends before: buffers, memory objects
/// over them, memory that dies with the request. That is the `BufAfterReqCompleted` family of
/// compliance rules as a compile error (rule P10). A value that is dropped instead is completed
/// with STATUS_UNSUCCESSFUL.
///
/// # Invariants
///
/// `handle` is a request that was presented to the driver and not yet completed; only this value
/// completes it. `kind` is what it was presented as.
#[derive(Debug)]
pub struct Request<'r> {
    handle: WDFREQUEST,
    kind: Kind,
    brand: Brand<'r>,
}

// SAFETY: A request belongs to no thread; this value is its only owner.
unsafe impl Send for Request<'_> {}
// SAFETY: Shared access reads the input and makes calls that are thread-safe: a context is filled once.
unsafe impl Sync for Request<'_> {}

impl<'r> Request<'r> {
    /// Takes a request that the framework gave to the driver.
    ///
    /// # Safety
    ///
    /// `handle` was just presented to the driver as `kind`, and `'r` is the lifetime of this presentation
    /// alone.
    pub(crate) const unsafe fn new(handle: WDFREQUEST, kind: Kind) -> Self {
        // INVARIANT: The caller guarantees that the driver owns the request, for this value alone.
        Self {
            handle,
            kind,
            brand: PhantomData,
        }
    }

    /// The number of input bytes; 0 for a read.
    pub const fn input_length(&self) -> usize {
        self.kind.input_length()
    }

    /// The number of bytes that the output has room for; 0 for a write.
    pub const fn output_length(&self) -> usize {
        self.kind.output_length()
    }

    /// How the I/O manager passes the request's buffers.
    pub const fn method(&self) -> Method {
        self.kind.method()
    }

    /// `WdfRequestRetrieveInputBuffer`: the input, in a system buffer that user mode cannot change.
    /// IRQL: <= DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::BUFFER_TOO_SMALL`] if there are fewer than `minimum` bytes, or none at all;
    /// [`Error::INVALID_DEVICE_REQUEST`] for a read request or `METHOD_NEITHER`.
    ///
    /// Source: "WdfRequestRetrieveInputBuffer function (wdfrequest.h)".
    pub fn input(&self, minimum: usize) -> Result<&[u8]> {
        let (start, length) = self.borrowed().retrieve_input(minimum)?;
        // SAFETY: The I/O manager filled the buffer, which lives until the completion; that, and
        // all writing to it, consumes `self`.
        Ok(unsafe { slice::from_raw_parts(start.as_ptr(), length) })
    }

    /// `WdfRequestGetFileObject`: the open of the device through which the request came.
    /// IRQL: <= DISPATCH_LEVEL.
    ///
    /// The borrow ends before the request is completed, after which the handle may be closed.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_DEVICE_REQUEST`] if the device has no file objects or the request came
    /// without one.
    ///
    /// Source: "WdfRequestGetFileObject function (wdfrequest.h)".
    pub fn file_object(&self) -> Result<FileObject<'_>> {
        self.borrowed().file_object()
    }

    /// `WdfObjectGetTypedContext`: what was attached to the request, for instance before it was
    /// forwarded. IRQL: any.
    ///
    /// # Errors
    ///
    /// [`Error::NOT_FOUND`] or [`Error::DEVICE_NOT_READY`] if nothing of this type was.
    ///
    /// Source: "WdfObjectGetTypedContext macro (wdfobject.h)".
    pub fn context<T: Context>(&self) -> Result<&T> {
        // SAFETY: The driver owns the request by the type invariant; the borrow ends before the completion,
        // before which the value is not dropped.
        unsafe { context::get(self.handle.cast()) }
    }

    /// Attaches a value to the request. It is dropped when the request is completed, by the driver or by
    /// the framework, before the sender is notified. IRQL: <= DISPATCH_LEVEL.
    ///
    /// The value goes into the room that
    /// [`DeviceInit::set_request_context`](crate::DeviceInit::set_request_context) made for its
    /// type, else into room of its own by `WdfObjectAllocateContext`.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_DEVICE_STATE`] if there is a value of this type already;
    /// [`Error::INSUFFICIENT_RESOURCES`] if there is no room. The value is dropped then.
    ///
    /// Source: "WdfObjectAllocateContext function (wdfobject.h)".
    pub fn attach<T: Context>(&self, value: T) -> Result<&T> {
        // SAFETY: The driver owns the request by the type invariant; the borrow ends before the completion.
        unsafe { context::attach_to_request(self.handle, value) }
    }

    /// `WdfRequestIsCanceled`: whether the sender has cancelled the request.
    /// IRQL: <= DISPATCH_LEVEL.
    ///
    /// Source: "WdfRequestIsCanceled function (wdfrequest.h)".
    pub fn is_canceled(&self) -> bool {
        // SAFETY: The driver owns the request by the type invariant, and has not marked it cancelable.
        (unsafe { call_unsafe_wdf_function_binding!(WdfRequestIsCanceled, self.handle) }) != 0
    }

    /// `WdfRequestCompleteWithInformation`, without output. IRQL: <= DISPATCH_LEVEL.
    ///
    /// `Ok` has the information value, as for [`Request::complete_with`]: `Ok(0)` unless the request is a
    /// write or of `METHOD_IN_DIRECT`.
    ///
    /// Source: "WdfRequestCompleteWithInformation function (wdfrequest.h)".
    pub fn complete(self, result: Result<usize>) -> Handled<'r> {
        let request = ManuallyDrop::new(self);
        // SAFETY: The driver owns the request by the type invariant; the value is not used again, and nothing
        // was written to its output.
        unsafe { complete(request.handle, request.kind, result, 0) };
        Handled(PhantomData)
    }

    /// `WdfRequestForwardToIoQueue`: lets the request wait in a queue, from which
    /// [`WaitingRequests::take_next`] takes it again. IRQL: <= DISPATCH_LEVEL.
    ///
    /// Forwarding consumes the request, as completing does:
    ///
    /// ```compile_fail,E0382
    /// fn reads_a_forwarded_request<'r>(
    ///     request: kmdf::Request<'r>,
    ///     queue: kmdf::WaitingRequests<'_>,
    /// ) -> kmdf::Handled<'r> {
    ///     match request.forward(queue) {
    ///         Ok(handled) => {
    ///             let _ = request.input(1);
    ///             handled
    ///         }
    ///         Err((error, request)) => request.complete(Err(error)),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// With the request, which is still the driver's: [`Error::INVALID_DEVICE_REQUEST`] if the
    /// queue is another device's or the one that the request is in; STATUS_WDF_BUSY if the queue
    /// takes no requests.
    ///
    /// Source: "WdfRequestForwardToIoQueue function (wdfrequest.h)".
    pub fn forward(self, to: WaitingRequests<'_>) -> Result<Handled<'r>, (Error, Self)> {
        // SAFETY: The driver owns the request by the type invariant.
        let from = unsafe { call_unsafe_wdf_function_binding!(WdfRequestGetIoQueue, self.handle) };
        let to = to.queue();
        // The framework checks neither unless it is being verified (REQ-56).
        if from.is_null() || from == to.handle() {
            return Err((Error::INVALID_DEVICE_REQUEST, self));
        }
        // SAFETY: The request is in that queue, which is alive.
        let device = unsafe { call_unsafe_wdf_function_binding!(WdfIoQueueGetDevice, from) };
        if device != to.device().handle() {
            return Err((Error::INVALID_DEVICE_REQUEST, self));
        }
        // SAFETY: The driver owns the request by the type invariant; the queue is borrowed, so alive, and of
        // the same device.
        let forwarded = check(unsafe {
            call_unsafe_wdf_function_binding!(WdfRequestForwardToIoQueue, self.handle, to.handle())
        });
        match forwarded {
            Ok(()) => {
                let _ = ManuallyDrop::new(self);
                Ok(Handled(PhantomData))
            }
            Err(error) => Err((error, self)),
        }
    }

    /// Runs `transact` with the request's buffers, then completes with its result:
    /// `WdfRequestCompleteWithInformation`. IRQL: <= DISPATCH_LEVEL.
    ///
    /// `Ok` has the information value, which the sender sees as the number of bytes transferred:
    ///
    /// | request | information | at most |
    /// | --- | --- | --- |
    /// | read; control of `METHOD_BUFFERED` or `METHOD_OUT_DIRECT` | bytes of output: what [`Output::write`] returns | the bytes written to the [`Output`] |
    /// | write | bytes consumed | [`Request::input_length`] |
    /// | control of `METHOD_IN_DIRECT` | bytes consumed of the second buffer | its length |
    /// | control of `METHOD_NEITHER` | 0 | 0 |
    ///
    /// A sender takes a write that consumed fewer bytes than it sent for a short write: `WriteFile`
    /// reports the number, and `write_all` of the Rust standard library sends the rest again, or fails
    /// with `WriteZero` if the number is 0.
    ///
    /// ```no_run
    /// use kmdf::{Handled, Request};
    ///
    /// fn write<'r>(request: Request<'r>, sum: &mut u64) -> Handled<'r> {
    ///     request.complete_with(|transfer| {
    ///         let data = transfer.input(1)?;
    ///         *sum += data.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    ///         Ok(data.len())
    ///     })
    /// }
    /// ```
    ///
    /// An error is completed with information 0; a warning such as [`Error::BUFFER_OVERFLOW`] with the
    /// number of bytes written to the output. An information value above what the table allows is an
    /// error in the driver: the request is completed with [`Error::INTERNAL_ERROR`] instead.
    ///
    /// Everything that `transact` makes from the [`Transfer`] ends with it, before the completion.
    ///
    /// ```compile_fail,E0521
    /// fn keeps_memory_of_a_request<'r>(request: kmdf::Request<'r>) -> kmdf::Handled<'r> {
    ///     let mut kept = None;
    ///     request.complete_with(|transfer| {
    ///         kept = Some(transfer.create_memory::<kmdf::NonPagedNx>(kmdf::Tag::DEFAULT, 8)?);
    ///         Ok(0)
    ///     })
    /// }
    /// ```
    ///
    /// Source: "WdfRequestCompleteWithInformation function (wdfrequest.h)".
    pub fn complete_with(
        self,
        transact: impl FnOnce(Transfer<'_>) -> Result<usize>,
    ) -> Handled<'r> {
        let written = Cell::new(0);
        let transfer = Transfer::new(self.borrowed(), &written);
        let result = transact(transfer);
        let request = ManuallyDrop::new(self);
        // SAFETY: The driver owns the request by the type invariant; the value is not used again, and that
        // many bytes of the output were written.
        unsafe { complete(request.handle, request.kind, result, written.get()) };
        Handled(PhantomData)
    }

    /// The request, for the time of a borrow.
    const fn borrowed(&self) -> RequestRef<'_> {
        // INVARIANT: The driver owns the request by the type invariant, and completing it ends the borrow.
        RequestRef {
            handle: self.handle,
            kind: self.kind,
            brand: PhantomData,
        }
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        // SAFETY: The driver owns the request by the type invariant, and this is the end of the value.
        unsafe { complete(self.handle, self.kind, Err(Error::UNSUCCESSFUL), 0) };
    }
}

/// `WdfRequestCompleteWithInformation`.
///
/// # Safety
///
/// The driver owns the request, which is of this kind. No code uses it any more, and its first `written`
/// output bytes were written.
unsafe fn complete(request: WDFREQUEST, kind: Kind, result: Result<usize>, written: usize) {
    let (status, information): (NTSTATUS, usize) = match result {
        Ok(information) if information <= kind.most_information(written) => {
            (STATUS_SUCCESS, information)
        }
        Ok(_) => (STATUS_INTERNAL_ERROR, 0),
        Err(error) if error.withholds_output() => (error.status(), 0),
        Err(warning) => (warning.status(), written),
    };
    // SAFETY: The caller gives up a request that the driver owns.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfRequestCompleteWithInformation,
            request,
            status,
            information as u64
        )
    };
}

/// A request that the driver owns, borrowed.
///
/// # Invariants
///
/// The driver owns the request `handle`, which is of this `kind`, and does not complete it for `'a`.
#[derive(Clone, Copy, Debug)]
struct RequestRef<'a> {
    handle: WDFREQUEST,
    kind: Kind,
    brand: Brand<'a>,
}

impl<'a> RequestRef<'a> {
    /// `WdfRequestGetFileObject`: the open of the device through which the request came.
    fn file_object(self) -> Result<FileObject<'a>> {
        // SAFETY: The driver owns the request by the type invariant.
        let file =
            unsafe { call_unsafe_wdf_function_binding!(WdfRequestGetFileObject, self.handle) };
        if file.is_null() {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        // SAFETY: A file object is closed only after its last request was completed, so not for `'a`.
        Ok(unsafe { FileObject::new(file) })
    }

    /// `WdfRequestRetrieveInputBuffer`: where the input starts, and how long it is. The bytes are
    /// initialised, and valid for `'a`.
    fn retrieve_input(self, minimum: usize) -> Result<(NonNull<u8>, usize)> {
        // For a kernel-mode sender the framework would return the sender's own bare pointers, which only
        // that sender can vouch for.
        if self.kind.method() == Method::Neither {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        let mut buffer = null_mut();
        let mut length = 0;
        // SAFETY: The driver owns the request by the type invariant; the pointers are output parameters.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveInputBuffer,
                self.handle,
                minimum,
                &mut buffer,
                &mut length
            )
        })?;
        let buffer = NonNull::new(buffer.cast()).ok_or(Error::INTERNAL_ERROR)?;
        Ok((buffer, length))
    }

    /// `WdfRequestRetrieveOutputBuffer`: where the output, or the second input of `METHOD_IN_DIRECT`,
    /// starts, and how long it is. The bytes are valid for `'a`.
    fn retrieve_output(self) -> Result<(NonNull<u8>, usize)> {
        let mut buffer = null_mut();
        let mut length = 0;
        // SAFETY: The driver owns the request by the type invariant; the pointers are output parameters.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveOutputBuffer,
                self.handle,
                0,
                &mut buffer,
                &mut length
            )
        })?;
        let buffer = NonNull::new(buffer.cast()).ok_or(Error::INTERNAL_ERROR)?;
        Ok((buffer, length))
    }
}
