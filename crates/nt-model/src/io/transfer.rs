//! The transfer methods: how the caller's buffers are passed to a driver, and the output copied back.

use crate::io::request::{IoStatus, Outgoing};
use crate::irp::{self, Irp};
use crate::machine::Machine;
use crate::mdl;
use crate::object::tag;
use crate::pool::{self, Owner, Pool};
use crate::status::NtStatus;
use kmdf_sys::*;
use std::ptr::null_mut;

/// A range of the caller's memory.
#[derive(Clone, Copy)]
pub(crate) struct UserBuffer {
    address: usize,
    length: usize,
}

impl UserBuffer {
    pub(crate) fn new(address: *const u8, length: usize) -> Self {
        Self {
            address: address.expose_provenance(),
            length,
        }
    }

    fn pointer(self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.address)
    }

    pub(crate) fn length(self) -> ULONG {
        self.length as ULONG
    }

    /// Checks a user address as the kernel's probe does: that the range lies in the user half and not in
    /// the 64 KiB at its start, which are never mapped.
    fn probe(self) -> Result<(), NtStatus> {
        const LOWEST: usize = 0x1_0000;
        const END: usize = 0x8000_0000_0000;
        let end = self.address.checked_add(self.length);
        let inside = self.address >= LOWEST && end.is_some_and(|end| end <= END);
        if self.length == 0 || inside {
            Ok(())
        } else {
            Err(NtStatus(STATUS_ACCESS_VIOLATION))
        }
    }
}

/// What is undone and copied back when the IRP is completed.
#[derive(Default)]
pub(crate) struct Transfer {
    system_buffer: usize,
    copy_back: Option<UserBuffer>,
    /// Memory of the caller that lives as long as the IRP.
    owned: Vec<Vec<u8>>,
}

impl Transfer {
    /// Sets the IRP's buffers for a device control request.
    pub(crate) fn control(
        machine: &Machine,
        outgoing: &Outgoing,
        code: ULONG,
        input: UserBuffer,
        output: UserBuffer,
    ) -> Result<Self, NtStatus> {
        let irp = outgoing.irp();
        let location = outgoing.location();
        location.set(irp::CONTROL_CODE, code);
        location.set(irp::INPUT_LENGTH, input.length());
        location.set(irp::OUTPUT_LENGTH, output.length());
        let mut transfer = Self::default();
        let done = match code & 3 {
            METHOD_BUFFERED => transfer.buffered_control(machine, irp, input, output),
            METHOD_NEITHER => {
                location.set(irp::TYPE3_INPUT, input.pointer().cast());
                irp.set(irp::USER_BUFFER, output.pointer().cast());
                Ok(())
            }
            METHOD_IN_DIRECT => {
                transfer.direct_control(machine, irp, input, output, _LOCK_OPERATION::IoReadAccess)
            }
            _ => {
                transfer.direct_control(machine, irp, input, output, _LOCK_OPERATION::IoWriteAccess)
            }
        };
        transfer.or_undo(machine, irp, done)
    }

    /// Sets the IRP's buffers for a read (`writes` memory) or a write (reads memory), as the
    /// flags of the device ask for.
    pub(crate) fn read_or_write(
        machine: &Machine,
        irp: Irp,
        device_flags: ULONG,
        buffer: UserBuffer,
        is_read: bool,
    ) -> Result<Self, NtStatus> {
        let mut transfer = Self::default();
        let done = if device_flags & DO_BUFFERED_IO != 0 {
            transfer.buffered(machine, irp, buffer, is_read)
        } else if device_flags & DO_DIRECT_IO != 0 {
            let operation = if is_read {
                _LOCK_OPERATION::IoWriteAccess
            } else {
                _LOCK_OPERATION::IoReadAccess
            };
            transfer.direct(machine, irp, buffer, operation)
        } else {
            irp.set(irp::USER_BUFFER, buffer.pointer().cast());
            Ok(())
        };
        transfer.or_undo(machine, irp, done)
    }

    /// Keeps memory of the caller until the IRP is completed.
    pub(crate) fn keep(&mut self, memory: Vec<u8>) {
        self.owned.push(memory);
    }

    fn buffered_control(
        &mut self,
        machine: &Machine,
        irp: Irp,
        input: UserBuffer,
        output: UserBuffer,
    ) -> Result<(), NtStatus> {
        input.probe()?;
        output.probe()?;
        self.system_buffer(machine, irp, input.length.max(output.length), input)?;
        if output.length != 0 {
            irp.set(irp::FLAGS, irp.get(irp::FLAGS) | IRP_INPUT_OPERATION);
            irp.set(irp::USER_BUFFER, output.pointer().cast());
            self.copy_back = Some(output);
        }
        Ok(())
    }

    fn direct_control(
        &mut self,
        machine: &Machine,
        irp: Irp,
        input: UserBuffer,
        output: UserBuffer,
        operation: LOCK_OPERATION,
    ) -> Result<(), NtStatus> {
        input.probe()?;
        self.system_buffer(machine, irp, input.length, input)?;
        self.direct(machine, irp, output, operation)
    }

    fn buffered(
        &mut self,
        machine: &Machine,
        irp: Irp,
        buffer: UserBuffer,
        is_read: bool,
    ) -> Result<(), NtStatus> {
        buffer.probe()?;
        let input = UserBuffer {
            length: if is_read { 0 } else { buffer.length },
            ..buffer
        };
        self.system_buffer(machine, irp, buffer.length, input)?;
        if is_read && buffer.length != 0 {
            irp.set(irp::FLAGS, irp.get(irp::FLAGS) | IRP_INPUT_OPERATION);
            irp.set(irp::USER_BUFFER, buffer.pointer().cast());
            self.copy_back = Some(buffer);
        }
        Ok(())
    }

    /// Allocates the system buffer and copies the input into it. The rest keeps the pool's fill
    /// pattern, so that a driver which reports more bytes than it wrote is noticed.
    fn system_buffer(
        &mut self,
        machine: &Machine,
        irp: Irp,
        size: usize,
        input: UserBuffer,
    ) -> Result<(), NtStatus> {
        if size == 0 {
            return Ok(());
        }
        let block = pool::allocate(
            machine,
            Pool::NonPaged,
            size,
            tag::SYSTEM_BUFFER,
            false,
            Owner::Kernel,
        );
        if block.is_null() {
            return Err(NtStatus(STATUS_INSUFFICIENT_RESOURCES));
        }
        // SAFETY: The block holds `size` bytes, which is not below the input's length, and the
        // caller of the system service vouches for the input.
        unsafe { copy(input.pointer(), block.cast(), input.length) };
        irp.set(irp::SYSTEM_BUFFER, block);
        irp.set(
            irp::FLAGS,
            irp.get(irp::FLAGS) | IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER,
        );
        self.system_buffer = block.expose_provenance();
        Ok(())
    }

    /// Describes the caller's buffer by an MDL with its pages locked.
    fn direct(
        &mut self,
        machine: &Machine,
        irp: Irp,
        buffer: UserBuffer,
        operation: LOCK_OPERATION,
    ) -> Result<(), NtStatus> {
        if buffer.length == 0 {
            return Ok(());
        }
        buffer.probe()?;
        let described = mdl::allocate(
            machine,
            buffer.pointer().cast(),
            buffer.length(),
            Owner::Kernel,
        );
        let described = described.ok_or(NtStatus(STATUS_INSUFFICIENT_RESOURCES))?;
        mdl::lock(described, operation);
        irp.set(irp::MDL_ADDRESS, described.as_ptr());
        Ok(())
    }

    fn or_undo(
        self,
        machine: &Machine,
        irp: Irp,
        done: Result<(), NtStatus>,
    ) -> Result<Self, NtStatus> {
        match done {
            Ok(()) => Ok(self),
            Err(status) => {
                self.finish(machine, irp, None);
                Err(status)
            }
        }
    }

    /// Copies the output back and frees the buffers of the transfer.
    pub(crate) fn finish(self, machine: &Machine, irp: Irp, outcome: Option<IoStatus>) {
        mdl::release_chain(machine, irp.get(irp::MDL_ADDRESS));
        irp.set(irp::MDL_ADDRESS, null_mut());
        if self.system_buffer == 0 {
            return;
        }
        let block: *mut u8 = std::ptr::with_exposed_provenance_mut(self.system_buffer);
        let wanted = u32::from(irp.get(irp::FLAGS) & IRP_INPUT_OPERATION != 0) != 0;
        if let (Some(output), Some(outcome), true) = (self.copy_back, outcome, wanted)
            && !is_error(outcome.status)
        {
            let length = outcome.information.min(output.length);
            // SAFETY: The system buffer is not shorter than the caller's output buffer, which the
            // caller of the system service vouches for.
            unsafe { copy(block, output.pointer(), length) };
        }
        // SAFETY: The IRP is completed: no driver uses its buffers any more.
        unsafe {
            pool::free(
                machine,
                block.cast(),
                Some(tag::SYSTEM_BUFFER),
                "the I/O manager",
            )
        };
    }
}

/// Whether a status is of the error class, for which nothing is copied back; warnings such as
/// `STATUS_BUFFER_OVERFLOW` do copy.
fn is_error(status: NTSTATUS) -> bool {
    (status as u32) >> 30 == 3
}

/// # Safety
///
/// Both ranges must have `length` bytes and not overlap.
unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    // SAFETY: Both ranges have `length` bytes, as the caller guarantees.
    unsafe { std::ptr::copy_nonoverlapping(from, to, length) }
}
