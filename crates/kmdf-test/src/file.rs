//! An open handle to the driver's device, and what a request comes back with.

use kmdf_sys::{METHOD_IN_DIRECT, NTSTATUS, STATUS_SUCCESS};
use nt_model::{IoStatus, NtStatus};
use std::fmt;

/// What every output buffer is filled with before a request, so that bytes that the driver wrote are seen.
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
    /// The bytes that the driver put out; empty for requests whose buffer is input.
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

    /// The reply of a request with this second buffer, which held `before` when the request was sent.
    ///
    /// # Panics
    ///
    /// If the information is larger than the buffer, or bytes behind it were changed.
    #[track_caller]
    fn new(what: &dyn fmt::Display, ended: IoStatus, mut buffer: Vec<u8>, before: Sent) -> Self {
        let IoStatus {
            status,
            information,
        } = ended;
        let status_text = NtStatus(status);
        assert!(
            information <= buffer.len(),
            "{what} was completed with {status_text} and information {information}, but its buffer has {} bytes",
            buffer.len()
        );
        let (written, changed) = match before {
            Sent::Filled => (
                information,
                buffer[information..]
                    .iter()
                    .position(|&byte| byte != UNTOUCHED)
                    .map(|at| information + at),
            ),
            Sent::Data(data) => (0, (0..data.len()).find(|&at| data[at] != buffer[at])),
        };
        if let Some(at) = changed {
            panic!(
                "{what} was completed with {status_text} and information {information}, but the driver wrote to byte {at} of the buffer"
            );
        }
        buffer.truncate(written);
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

/// What a request's second buffer held when it was sent.
enum Sent {
    /// Output: [`UNTOUCHED`] everywhere.
    Filled,
    /// Data for the driver, which must not be changed.
    Data(Vec<u8>),
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
        let mut output = vec![UNTOUCHED; output_length];
        let ended = self.file.ioctl(code, input, &mut output);
        Reply::new(&Ioctl(code), ended, output, Sent::Filled)
    }

    /// Sends a `METHOD_IN_DIRECT` control: both buffers are input, the second one is `data`.
    ///
    /// # Panics
    ///
    /// If `code` has another method, the driver reports more bytes than `data` has, or changed it.
    #[track_caller]
    pub fn ioctl_in_direct(&self, code: u32, input: &[u8], data: &[u8]) -> Reply {
        assert_eq!(
            code & 3,
            METHOD_IN_DIRECT,
            "{} is no METHOD_IN_DIRECT code",
            Ioctl(code)
        );
        let mut buffer = data.to_vec();
        let ended = self.file.ioctl(code, input, &mut buffer);
        Reply::new(&Ioctl(code), ended, buffer, Sent::Data(data.to_vec()))
    }

    /// Reads up to `length` bytes (`ReadFile` at offset 0), and waits for them.
    ///
    /// # Panics
    ///
    /// As [`File::ioctl`].
    #[track_caller]
    pub fn read(&self, length: usize) -> Reply {
        let mut output = vec![UNTOUCHED; length];
        let ended = self.file.read(&mut output, 0);
        Reply::new(&"a read", ended, output, Sent::Filled)
    }

    /// Writes `data` (`WriteFile` at offset 0), and waits until it is taken.
    ///
    /// # Panics
    ///
    /// If the driver reports more bytes than `data` has.
    #[track_caller]
    pub fn write(&self, data: &[u8]) -> Reply {
        let ended = self.file.write(data, 0);
        Reply::new(&"a write", ended, data.to_vec(), Sent::Data(data.to_vec()))
    }

    /// Closes the handle: a cleanup request now, and a close request once none of its requests is under
    /// way any more.
    pub fn close(self) {
        drop(self);
    }
}

/// A control code, as messages show it.
struct Ioctl(u32);

impl fmt::Display for Ioctl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "IOCTL {:#010X}", self.0)
    }
}
