//! [`File`], an open handle to the driver's device, and [`Reply`], the result of a request.

use kmdf_sys::{METHOD_IN_DIRECT, NTSTATUS, STATUS_SUCCESS};
use nt_model::{IoStatus, NtStatus};
use std::fmt;
use std::time::Duration;

/// The byte that output buffers are filled with before a request, so that bytes which the driver wrote are found.
pub const UNTOUCHED: u8 = 0xCC;

/// A completed request: the status, `IoStatus.Information` and the bytes of the output buffer up to it.
///
/// Compare whole replies: a wrong number of bytes is as bad as a wrong status.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status that the request was completed with.
    pub status: NTSTATUS,
    /// The number of bytes transferred.
    pub information: usize,
    /// The bytes that the driver wrote to the output buffer; empty for requests whose buffer is input.
    pub output: Vec<u8>,
}

impl Reply {
    /// `STATUS_SUCCESS` with this output, and its length as the information.
    pub fn success(output: impl AsRef<[u8]>) -> Self {
        let output = output.as_ref().to_vec();
        Self {
            status: STATUS_SUCCESS,
            information: output.len(),
            output,
        }
    }

    /// `STATUS_SUCCESS` of a write, or of a `METHOD_IN_DIRECT` control, that took this many bytes.
    pub const fn written(bytes: usize) -> Self {
        Self {
            status: STATUS_SUCCESS,
            information: bytes,
            output: Vec::new(),
        }
    }

    /// A request that failed with `status` and transferred nothing.
    pub const fn error(status: NTSTATUS) -> Self {
        Self {
            status,
            information: 0,
            output: Vec::new(),
        }
    }

    /// Checks the result of a request, whose buffer is `buffer` now.
    ///
    /// # Panics
    ///
    /// If the information is larger than the buffer, or bytes behind it were changed.
    #[track_caller]
    fn new(request: &Request, ended: IoStatus, mut buffer: Vec<u8>) -> Self {
        let IoStatus {
            status,
            information,
        } = ended;
        let ends = || {
            let status = NtStatus(status);
            format!("{request} was completed with {status} and information {information}")
        };
        let length = buffer.len();
        assert!(
            information <= length,
            "{}, but its buffer has {length} bytes",
            ends()
        );
        let (output, changed) = match &request.data {
            None => {
                let beyond = buffer[information..].iter();
                let changed = beyond.clone().position(|&byte| byte != UNTOUCHED);
                (information, changed.map(|at| information + at))
            }
            Some(data) => (0, (0..length).find(|&at| data[at] != buffer[at])),
        };
        if let Some(at) = changed {
            panic!(
                "{}, but the driver wrote to byte {at} of the buffer",
                ends()
            );
        }
        buffer.truncate(output);
        Self {
            status,
            information,
            output: buffer,
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("status", &NtStatus(self.status))
            .field("information", &self.information)
            .field("output", &self.output)
            .finish()
    }
}

/// A request, as far as its reply is checked against it.
#[derive(Clone, Debug)]
struct Request {
    kind: Kind,
    /// What the buffer held when the request was sent, if it is input. Output is filled with
    /// [`UNTOUCHED`].
    data: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Read,
    Write,
    Control(u32),
}

impl Request {
    fn reading(kind: Kind) -> Self {
        Self { kind, data: None }
    }

    fn writing(kind: Kind, data: &[u8]) -> Self {
        let data = Some(data.to_vec());
        Self { kind, data }
    }

    /// A control with this second buffer, which the transfer method makes input or output.
    fn control(code: u32, buffer: &[u8]) -> Self {
        match code & 3 {
            METHOD_IN_DIRECT => Self::writing(Kind::Control(code), buffer),
            _ => Self::reading(Kind::Control(code)),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Read => formatter.write_str("a read"),
            Kind::Write => formatter.write_str("a write"),
            Kind::Control(code) => write!(formatter, "IOCTL {code:#010X}"),
        }
    }
}

/// An open handle to a device. Several threads may send requests through it at once.
///
/// Dropping it closes it, and so does the end of the scenario.
pub struct File {
    file: nt_model::File,
}

impl fmt::Debug for File {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(formatter)
    }
}

impl From<nt_model::File> for File {
    fn from(file: nt_model::File) -> Self {
        Self { file }
    }
}

impl File {
    /// The handle of the model, for requests with buffers of one's own.
    pub fn as_model(&self) -> &nt_model::File {
        &self.file
    }

    /// Sends a device control request (`DeviceIoControl`) with room for `output_length` bytes, and waits
    /// for it.
    ///
    /// # Panics
    ///
    /// If the driver reports more bytes than there is room for, or wrote beyond those it reports.
    #[track_caller]
    pub fn ioctl(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        self.start_ioctl(code, input, output_length).wait()
    }

    /// Sends a `METHOD_IN_DIRECT` control, of which both buffers are input, and waits for it.
    ///
    /// # Panics
    ///
    /// If `code` has another method, or the driver reports more bytes than `data` has or changed it.
    #[track_caller]
    pub fn ioctl_in_direct(&self, code: u32, input: &[u8], data: &[u8]) -> Reply {
        self.start_ioctl_in_direct(code, input, data).wait()
    }

    /// Reads up to `length` bytes (`ReadFile` at offset 0), and waits for them.
    ///
    /// # Panics
    ///
    /// As [`File::ioctl`].
    #[track_caller]
    pub fn read(&self, length: usize) -> Reply {
        self.start_read(length).wait()
    }

    /// Writes `data` (`WriteFile` at offset 0), and waits until it is taken.
    ///
    /// # Panics
    ///
    /// If the driver reports more bytes than `data` has, or changed it.
    #[track_caller]
    pub fn write(&self, data: &[u8]) -> Reply {
        self.start_write(data).wait()
    }

    /// As [`File::ioctl`], without waiting: the driver's dispatch routine has returned when this does.
    pub fn start_ioctl(&self, code: u32, input: &[u8], output_length: usize) -> Pending {
        let output = vec![UNTOUCHED; output_length];
        let request = Request::control(code, &output);
        Pending::new(request, self.file.ioctl_async_into(code, input, output))
    }

    /// As [`File::start_ioctl`], from a DPC that a driver above runs: the driver's dispatch routine is
    /// called at `DISPATCH_LEVEL`.
    pub fn start_ioctl_from_dpc(&self, code: u32, input: &[u8], output_length: usize) -> Pending {
        let output = vec![UNTOUCHED; output_length];
        let request = Request::control(code, &output);
        Pending::new(request, self.file.ioctl_from_dpc_into(code, input, output))
    }

    /// As [`File::ioctl_in_direct`], without waiting.
    ///
    /// # Panics
    ///
    /// If `code` has another method.
    #[track_caller]
    pub fn start_ioctl_in_direct(&self, code: u32, input: &[u8], data: &[u8]) -> Pending {
        let request = Request::control(code, data);
        assert_eq!(code & 3, METHOD_IN_DIRECT, "{request} has another method");
        let pending = self.file.ioctl_async_into(code, input, data.to_vec());
        Pending::new(request, pending)
    }

    /// As [`File::read`], without waiting.
    pub fn start_read(&self, length: usize) -> Pending {
        let pending = self.file.read_async(vec![UNTOUCHED; length], 0);
        Pending::new(Request::reading(Kind::Read), pending)
    }

    /// As [`File::write`], without waiting.
    pub fn start_write(&self, data: &[u8]) -> Pending {
        let pending = self.file.write_async(data.to_vec(), 0);
        Pending::new(Request::writing(Kind::Write, data), pending)
    }

    /// Closes the handle: a cleanup request now, and a close request once none of its requests is under
    /// way any more.
    pub fn close(self) {
        drop(self);
    }
}

/// A request that was sent without waiting for it.
///
/// Dropping it does not cancel the request: the driver goes on with it. The end of the scenario cancels
/// it if its file is open then.
#[derive(Debug)]
#[must_use = "the reply is lost if the request is dropped"]
pub struct Pending {
    request: Request,
    pending: nt_model::Pending,
}

impl Pending {
    fn new(request: Request, pending: nt_model::Pending) -> Self {
        Self { request, pending }
    }

    /// Whether the driver has yet to complete the request.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_complete()
    }

    /// Cancels the request (`CancelIoEx`). Returns whether the driver, or the framework for a request in
    /// a queue, had a cancel routine set, which has run then. [`Pending::wait`] gives the reply.
    pub fn cancel(&self) -> bool {
        self.pending.cancel()
    }

    /// Waits up to `limit` for the driver to complete the request, and returns whether it did.
    pub fn completes_within(&self, limit: Duration) -> bool {
        self.pending.completes_within(limit)
    }

    /// Waits for the driver to complete the request. A request that is not completed in 30 seconds ends
    /// the scenario as lost.
    ///
    /// # Panics
    ///
    /// If the driver reports more bytes than there is room for, or wrote beyond those it reports.
    #[track_caller]
    pub fn wait(self) -> Reply {
        let (ended, buffer) = self.pending.wait();
        Reply::new(&self.request, ended, buffer)
    }
}
