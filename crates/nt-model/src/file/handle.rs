//! [`File`] and [`Pending`]: open handles and the requests that are sent through them.

use super::{close_handle, is_open, object, target};
use crate::device::security::Access;
use crate::device::{self, DeviceObject};
use crate::io::level;
use crate::io::request::{IoStatus, Outgoing, Subject};
use crate::io::transfer::{Transfer, UserBuffer};
use crate::irp;
use crate::machine::{Kernel, Machine};
use crate::status::NtStatus;
use crate::time;
use kmdf_sys::*;
use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// An open handle to a device. Several threads may send requests through it at once.
///
/// Dropping it closes it, as [`File::close`].
pub struct File {
    pub(super) kernel: Kernel,
    pub(super) object: usize,
    pub(super) access: Access,
    pub(super) opened: IoStatus,
}

impl fmt::Debug for File {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("File").finish_non_exhaustive()
    }
}

impl File {
    /// How the driver completed the create request that opened this handle.
    pub fn opened(&self) -> IoStatus {
        self.opened
    }

    /// Sends a device control request and waits for it: a plain call on this thread, unless the
    /// driver pends the request.
    ///
    /// `input` and `output` are the caller's buffers; what of them the driver sees is up to the
    /// transfer method in `code`. With `METHOD_IN_DIRECT` the driver reads `output`.
    pub fn ioctl(&self, code: u32, input: &[u8], output: &mut [u8]) -> IoStatus {
        // SAFETY: Two slices, which outlive the request.
        unsafe {
            self.ioctl_raw(
                code,
                (input.as_ptr(), input.len()),
                (output.as_mut_ptr(), output.len()),
            )
        }
    }

    /// [`File::ioctl`] with the addresses and lengths of a hostile caller.
    ///
    /// An address in the first 64 KiB or in the kernel half is refused with
    /// `STATUS_ACCESS_VIOLATION`, except by `METHOD_NEITHER`, which passes it on.
    ///
    /// # Safety
    ///
    /// Each range must be empty, start at an address that the kernel rejects, or be readable for the length
    /// of the call, the second also writable.
    pub unsafe fn ioctl_raw(
        &self,
        code: u32,
        input: (*const u8, usize),
        output: (*mut u8, usize),
    ) -> IoStatus {
        let input = UserBuffer::new(input.0, input.1);
        let output = UserBuffer::new(output.0, output.1);
        run(self.control(code, input, output))
    }

    /// Sends a device control request without waiting for it.
    ///
    /// The buffers live with the request: `input` is copied, and an output buffer of
    /// `output_size` zero bytes is what [`Pending::wait`] returns. The dispatch routine runs on
    /// this thread before the call returns.
    pub fn ioctl_async(&self, code: u32, input: &[u8], output_size: usize) -> Pending {
        self.ioctl_async_into(code, input, vec![0; output_size])
    }

    /// As [`File::ioctl_async`], with `output` as the second buffer.
    pub fn ioctl_async_into(&self, code: u32, input: &[u8], output: Vec<u8>) -> Pending {
        let pending = self.start(code, input, output, |send| send());
        level::expect_passive_at_return("DeviceIoControl");
        pending
    }

    /// As [`File::ioctl_async`], sent on by a driver above in a DPC that interrupted the idle thread
    /// of this processor: the dispatch routine runs at `DISPATCH_LEVEL`, and the id of the thread is
    /// the 0 that all idle threads have.
    pub fn ioctl_from_dpc(&self, code: u32, input: &[u8], output_size: usize) -> Pending {
        self.ioctl_from_dpc_into(code, input, vec![0; output_size])
    }

    /// As [`File::ioctl_from_dpc`], with `output` as the second buffer.
    pub fn ioctl_from_dpc_into(&self, code: u32, input: &[u8], output: Vec<u8>) -> Pending {
        self.start(code, input, output, |send| time::on_idle_thread(send))
    }

    fn start(
        &self,
        code: u32,
        input: &[u8],
        mut output: Vec<u8>,
        how: impl FnOnce(&dyn Fn()),
    ) -> Pending {
        let input = input.to_vec();
        let from = UserBuffer::new(input.as_ptr(), input.len());
        let to = UserBuffer::new(output.as_mut_ptr(), output.len());
        Pending::new(self.control(code, from, to), input, output, how)
    }

    /// Reads into `buffer` from the given byte offset, without waiting for it.
    pub fn read_async(&self, mut buffer: Vec<u8>, offset: u64) -> Pending {
        let range = UserBuffer::new(buffer.as_mut_ptr(), buffer.len());
        let sent = self.transfer(IRP_MJ_READ, range, offset);
        let pending = Pending::new(sent, Vec::new(), buffer, |send| send());
        level::expect_passive_at_return("ReadFile");
        pending
    }

    /// Writes `data` to the given byte offset, without waiting for it. [`Pending::wait`] gives the data
    /// back.
    pub fn write_async(&self, mut data: Vec<u8>, offset: u64) -> Pending {
        let range = UserBuffer::new(data.as_mut_ptr(), data.len());
        let sent = self.transfer(IRP_MJ_WRITE, range, offset);
        let pending = Pending::new(sent, Vec::new(), data, |send| send());
        level::expect_passive_at_return("WriteFile");
        pending
    }

    /// Reads into `buffer` from the given byte offset.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> IoStatus {
        let range = UserBuffer::new(buffer.as_mut_ptr(), buffer.len());
        run(self.transfer(IRP_MJ_READ, range, offset))
    }

    /// Writes `data` to the given byte offset.
    pub fn write(&self, data: &[u8], offset: u64) -> IoStatus {
        let range = UserBuffer::new(data.as_ptr(), data.len());
        run(self.transfer(IRP_MJ_WRITE, range, offset))
    }

    /// Closes the handle: a cleanup request now, and a close request once no request of the
    /// handle is under way any more.
    pub fn close(self) {
        drop(self);
    }

    /// The machine, if it still runs: a handle may outlive the scenario.
    fn machine(&self) -> Result<&Arc<Machine>, NtStatus> {
        if self.kernel.machine.is_dead() {
            return Err(NtStatus(STATUS_INVALID_HANDLE));
        }
        Ok(self.kernel.enter())
    }

    fn outgoing(&self, subject: Subject) -> Result<Ready, NtStatus> {
        let machine = self.machine()?;
        if !is_open(machine, self.object) {
            return Err(NtStatus(STATUS_INVALID_HANDLE));
        }
        let target = target(machine, self.object);
        let mut outgoing = Outgoing::new(machine, target.as_ptr(), subject)?;
        outgoing
            .irp()
            .set(irp::REQUESTOR_MODE, _MODE::UserMode as KPROCESSOR_MODE);
        outgoing.on_file(object(self.object).as_ptr());
        Ok((outgoing, target))
    }

    fn control(&self, code: u32, input: UserBuffer, output: UserBuffer) -> Result<Ready, NtStatus> {
        if !self.access.controls(code) {
            return Err(NtStatus(STATUS_ACCESS_DENIED));
        }
        let (mut outgoing, target) = self.outgoing(Subject::Control(code))?;
        let transfer = Transfer::control(&self.kernel.machine, &outgoing, code, input, output);
        match transfer {
            Ok(transfer) => outgoing.set_transfer(transfer),
            Err(status) => {
                outgoing.discard();
                return Err(status);
            }
        }
        Ok((outgoing, target))
    }

    fn transfer(&self, major: u32, buffer: UserBuffer, offset: u64) -> Result<Ready, NtStatus> {
        let is_read = major == IRP_MJ_READ;
        let required = if is_read {
            FILE_READ_ACCESS
        } else {
            FILE_WRITE_ACCESS
        };
        if !self.access.allows(required) {
            return Err(NtStatus(STATUS_ACCESS_DENIED));
        }
        let (mut outgoing, target) = self.outgoing(Subject::Major(major))?;
        let irp = outgoing.irp();
        let operation = if is_read {
            IRP_READ_OPERATION
        } else {
            IRP_WRITE_OPERATION
        };
        irp.set(irp::FLAGS, operation);
        let location = outgoing.location();
        location.set(irp::TRANSFER_LENGTH, buffer.length());
        let offset = LARGE_INTEGER {
            QuadPart: offset as i64,
        };
        location.set(irp::TRANSFER_OFFSET, offset);
        let flags = target.get(device::FLAGS);
        let machine = &self.kernel.machine;
        match Transfer::read_or_write(machine, irp, flags, buffer, is_read) {
            Ok(transfer) => {
                outgoing.set_transfer(transfer);
                Ok((outgoing, target))
            }
            Err(status) => {
                outgoing.discard();
                Err(status)
            }
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let Ok(machine) = self.machine() else {
            return;
        };
        close_handle(machine, self.object);
        level::expect_passive_at_return("CloseHandle");
    }
}

/// A request that is ready to be sent, and the device that it is for.
type Ready = (Outgoing, DeviceObject);

/// Sends a request and waits for it.
fn run(request: Result<Ready, NtStatus>) -> IoStatus {
    match request {
        Ok((outgoing, target)) => outgoing.run(target.as_ptr()),
        Err(status) => IoStatus::refused(status.0),
    }
}

/// A read, a write or a device control request under way.
///
/// Dropping it does not cancel the request, which goes on, and whose result is lost.
#[must_use = "the result is lost if the request is dropped"]
pub struct Pending {
    state: PendingState,
    input: Vec<u8>,
    output: Vec<u8>,
}

enum PendingState {
    Refused(NtStatus),
    Sent(Outgoing),
    Taken,
}

impl fmt::Debug for Pending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pending(complete: {})", self.is_complete())
    }
}

impl Pending {
    /// Sends a request in some way. Its buffers are `input` and `output`.
    fn new(
        request: Result<Ready, NtStatus>,
        input: Vec<u8>,
        output: Vec<u8>,
        how: impl FnOnce(&dyn Fn()),
    ) -> Self {
        let state = match request {
            Ok((outgoing, target)) => {
                how(&|| outgoing.send(target.as_ptr()));
                PendingState::Sent(outgoing)
            }
            Err(status) => PendingState::Refused(status),
        };
        Self {
            state,
            input,
            output,
        }
    }

    /// Whether the request has been completed.
    pub fn is_complete(&self) -> bool {
        match &self.state {
            PendingState::Sent(outgoing) => outgoing.request.outcome().is_some(),
            _ => true,
        }
    }

    /// Asks for cancellation, as `CancelIoEx`: true if the driver had set a cancel routine, which
    /// has run then. Whether the request ends as cancelled is up to the driver.
    pub fn cancel(&self) -> bool {
        match &self.state {
            PendingState::Sent(outgoing) => outgoing.cancel(),
            _ => false,
        }
    }

    /// As [`Pending::cancel`], on a thread of its own, which may be in the driver's cancel routine still
    /// when the request has been completed and waited for.
    ///
    /// For a request that only its cancellation completes: the thread begins while it is there.
    pub fn cancel_elsewhere(&self) -> JoinHandle<bool> {
        let cancel = match &self.state {
            PendingState::Sent(outgoing) => Some(outgoing.canceller()),
            _ => None,
        };
        std::thread::spawn(move || cancel.is_some_and(|cancel| cancel()))
    }

    /// Waits for completion, and returns the outcome and the output buffer.
    pub fn wait(mut self) -> (IoStatus, Vec<u8>) {
        let outcome = match std::mem::replace(&mut self.state, PendingState::Taken) {
            PendingState::Sent(outgoing) => outgoing.wait(),
            PendingState::Refused(status) => IoStatus::refused(status.0),
            PendingState::Taken => unreachable!("only this function takes it"),
        };
        (outcome, std::mem::take(&mut self.output))
    }

    /// Waits up to `limit` for completion; true if the request is completed.
    pub fn completes_within(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while !self.is_complete() {
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let PendingState::Sent(mut outgoing) =
            std::mem::replace(&mut self.state, PendingState::Taken)
            && outgoing.is_live()
        {
            outgoing.keep(std::mem::take(&mut self.input));
            outgoing.keep(std::mem::take(&mut self.output));
            outgoing.abandon();
        }
    }
}
