//! [`LowerRequest`]: what a test that plays the device at the bottom of the stack gets.

use super::bus;
use crate::irp::{self, Irp};
use crate::machine::{Kernel, Machine, lock};
use crate::object::Shared;
use kmdf_sys::*;
use std::fmt;
use std::ptr::with_exposed_provenance_mut;
use std::sync::Arc;

/// What a test has the physical device objects do with their requests.
pub(crate) type Script = Arc<dyn Fn(LowerRequest) + Send + Sync>;

impl Kernel {
    /// Has `script` play the device below the drivers': it gets every request that reaches a physical device
    /// object, PnP requests among them, on the thread of the driver that sent it down.
    ///
    /// The script completes the request, now or later and from any thread, or drops it: then it is
    /// completed as without a script. To the drivers above, which get STATUS_PENDING, both look alike.
    pub fn script_lower_device(&self, script: impl Fn(LowerRequest) + Send + Sync + 'static) {
        *lock(&self.enter().io.script) = Some(Arc::new(script));
    }
}

/// A request that has reached the device at the bottom of a stack.
///
/// # Invariants
///
/// The IRP is at its lowest stack location, marked pending, and the value's until it is completed. Only
/// [`LowerRequest::complete`] and the drop see it gone.
pub struct LowerRequest {
    machine: Arc<Machine>,
    /// Its address, or 0 once it is completed.
    irp: usize,
}

impl LowerRequest {
    /// Hands the IRP to the script.
    pub(super) fn new(machine: Arc<Machine>, irp: Irp) -> Self {
        irp.current().mark_pending();
        let irp = irp.as_ptr().expose_provenance();
        // INVARIANT: The bus driver has the IRP, and gives it up here.
        Self { machine, irp }
    }

    fn irp(&self) -> Irp {
        // SAFETY: An IRP that is not completed is not freed.
        unsafe { Shared::new(with_exposed_provenance_mut(self.irp)) }
    }

    /// The major function, such as `IRP_MJ_PNP`.
    pub fn major(&self) -> u32 {
        self.irp().current().get(irp::MAJOR).into()
    }

    /// The minor function, such as `IRP_MN_START_DEVICE`.
    pub fn minor(&self) -> u32 {
        self.irp().current().get(irp::MINOR).into()
    }

    /// The control code of a device control request.
    pub fn control_code(&self) -> Option<u32> {
        let location = self.irp().current();
        self.is_control().then(|| location.get(irp::CONTROL_CODE))
    }

    fn is_control(&self) -> bool {
        matches!(
            self.major(),
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL
        )
    }

    /// The system buffer of a buffered read, write or control; empty for other requests. It holds the
    /// input, and takes the output.
    pub fn buffer(&mut self) -> &mut [u8] {
        let (location, start) = (self.irp().current(), self.irp().get(irp::SYSTEM_BUFFER));
        let length = match self.major() {
            IRP_MJ_READ | IRP_MJ_WRITE => location.get(irp::TRANSFER_LENGTH),
            _ if self.is_control() => {
                let (input, output) = (irp::INPUT_LENGTH, irp::OUTPUT_LENGTH);
                match location.get(irp::CONTROL_CODE) & 3 {
                    METHOD_BUFFERED => location.get(input).max(location.get(output)),
                    METHOD_NEITHER => 0,
                    _ => location.get(input),
                }
            }
            _ => 0,
        };
        if start.is_null() || length == 0 {
            return &mut [];
        }
        // SAFETY: The system buffer has that many bytes, and is this device's until the completion.
        unsafe { std::slice::from_raw_parts_mut(start.cast(), length as usize) }
    }

    /// Whether the sender has cancelled the request.
    pub fn is_cancelled(&self) -> bool {
        irp::cancel::is_cancelled(self.irp())
    }

    /// `IoCompleteRequest` with this status and information.
    pub fn complete(mut self, status: NTSTATUS, information: usize) {
        let irp = self.irp();
        irp.set(irp::INFORMATION, information as ULONG_PTR);
        self.irp = 0;
        bus::complete(irp, status);
    }
}

impl Drop for LowerRequest {
    fn drop(&mut self) {
        // When its run has ended, nothing waits for the request.
        if self.irp != 0 && !self.machine.is_dead() {
            bus::complete_as_usual(self.irp());
        }
    }
}

impl fmt::Debug for LowerRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = (self.major(), self.minor());
        write!(
            formatter,
            "LowerRequest(major {major:#x}, minor {minor:#x})"
        )
    }
}
