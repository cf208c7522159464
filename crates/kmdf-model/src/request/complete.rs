//! Completion of requests, step by step (REQ-30 to REQ-39).

use super::{Direction, Request};
use crate::object::live::Live;
use crate::object::{self, EarlyDispose, FrameworkObject};
use crate::request::irp::Irp;
use crate::support::stop;
use crate::support::window::{self, Window};
use core::sync::atomic::Ordering;
use kmdf_sys::{
    _WDF_BUGCHECK_CODES, _WDF_REQUEST_FATAL_ERROR_CODES, CCHAR, IO_NO_INCREMENT, IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE, METHOD_BUFFERED, NT_SUCCESS, NTSTATUS,
    STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INTERNAL_ERROR,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_WDF_BUSY, STATUS_WDF_INTERNAL_ERROR,
    STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS, STATUS_WDF_PAUSED, STATUS_WDF_TOO_FRAGMENTED,
    STATUS_WDF_TOO_MANY_TRANSFERS, ULONG, ULONG_PTR,
    WDF_REQUEST_FATAL_ERROR_INFORMATION_LENGTH_MISMATCH_DATA,
};

/// The facility bits of a status, and their value in the framework's own statuses.
const FACILITY_MASK: NTSTATUS = 0x0FFF_0000;
const FRAMEWORK_FACILITY: NTSTATUS = 0x0020_0000;

/// The status that the sender sees: the framework's own statuses are translated (REQ-35).
fn translate(status: NTSTATUS) -> NTSTATUS {
    if status & FACILITY_MASK != FRAMEWORK_FACILITY {
        return status;
    }
    match status {
        STATUS_WDF_PAUSED | STATUS_WDF_BUSY => STATUS_DEVICE_BUSY,
        STATUS_WDF_INTERNAL_ERROR => STATUS_INTERNAL_ERROR,
        STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS => STATUS_INSUFFICIENT_RESOURCES,
        STATUS_WDF_TOO_FRAGMENTED | STATUS_WDF_TOO_MANY_TRANSFERS => STATUS_INVALID_DEVICE_REQUEST,
        _ => STATUS_INVALID_DEVICE_REQUEST,
    }
}

impl Live<Request> {
    /// Completes with the device's default boost.
    pub(crate) fn complete(self, status: NTSTATUS) {
        self.complete_with_boost(status, IO_NO_INCREMENT as CCHAR);
    }

    /// Completes in the order of the framework's steps, after which the request is not used (REQ-37).
    pub(crate) fn complete_with_boost(self, status: NTSTATUS, boost: CCHAR) {
        let Some(irp) = self.irp() else {
            stop::undefined(c"WdfRequestComplete: the request was already completed");
        };
        if self.globals().verifier_on() {
            self.verify_completion(irp, status);
        }
        self.begin_completion();
        let status = translate(status);
        self.limit_copy_back(irp);
        if !self.was_delivered() {
            self.object().context().set_callbacks(None, None);
        }
        self.dispose_children();
        self.check_irp_references();
        irp.set_status(status);
        let queue = self.queue();
        let outstanding = self.is_outstanding();
        self.detach_irp();
        self.set_queue(None);
        if irp.major() == IRP_MJ_CREATE {
            self.device.create_completed(self.created_file(), status);
        }
        irp.complete(boost);
        if let Some(queue) = queue.filter(|_| outstanding) {
            queue.request_completed(self);
        }
        window::open(Window::CompletedRequest);
        // SAFETY: The initial reference keeps the request; other users own a reference.
        unsafe { object::delete(self.object().pointer()) };
    }

    /// Deletes everything below the request while its IRP is still attached (REQ-37 steps 5 and 6).
    fn dispose_children(self) {
        let pointer = self.object().pointer();
        // SAFETY: The initial reference is dropped at the end of the completion.
        match unsafe { object::early_dispose(pointer) } {
            EarlyDispose::Done => object::destroy_children(self.object()),
            EarlyDispose::Impossible => {
                self.break_point(
                    c"WdfRequestComplete above PASSIVE_LEVEL: a child of the request can only be deleted at PASSIVE_LEVEL",
                );
                stop::undefined(
                    c"a request was completed above PASSIVE_LEVEL while paged memory or another object that needs PASSIVE_LEVEL is its child: delete the child first, or give it another parent",
                );
            }
        }
    }

    /// Stops the run if a memory object of the request is still referenced (REQ-41).
    fn check_irp_references(self) {
        let count = self.irp_references.load(Ordering::Acquire);
        if count != 0 {
            let code = _WDF_BUGCHECK_CODES::WDF_VERIFIER_FATAL_ERROR;
            let handle = self.wdf_request().addr() as ULONG_PTR;
            stop::violation(self.globals(), code, handle, count as ULONG_PTR);
        }
    }

    /// Prevents copying back to a buffered sender that gave no output buffer (REQ-34).
    fn limit_copy_back(self, irp: Irp) {
        let no_output_buffer = irp.major() == IRP_MJ_DEVICE_CONTROL
            && irp.is_from_user_mode()
            && irp.method() == METHOD_BUFFERED
            && self.length(Direction::Output) == 0;
        if !no_output_buffer {
            return;
        }
        if irp.information() != 0 {
            self.break_point(c"WdfRequestComplete: the information is not 0, but the request has no output buffer");
        }
        irp.forbid_copy_back();
    }

    /// The verifier's checks: cancelable requests, and information beyond the buffer (REQ-32, REQ-33).
    fn verify_completion(self, irp: Irp, status: NTSTATUS) {
        if self.is_marked_cancelable() && !self.is_in_cancel_path() {
            self.break_point(c"WdfRequestComplete: the request is marked cancelable; call WdfRequestUnmarkCancelable first");
        }
        let output = self.length(Direction::Output);
        let limit = match irp.major() {
            IRP_MJ_READ => output,
            IRP_MJ_WRITE => self.length(Direction::Input),
            IRP_MJ_DEVICE_CONTROL if irp.is_from_user_mode() && output > 0 => output,
            _ => return,
        };
        if !NT_SUCCESS(status) || irp.information() <= limit as ULONG_PTR {
            return;
        }
        let data = WDF_REQUEST_FATAL_ERROR_INFORMATION_LENGTH_MISMATCH_DATA {
            Request: self.wdf_request(),
            Irp: irp.as_ptr(),
            OutputBufferLength: limit as ULONG,
            Information: irp.information(),
            MajorFunction: irp.major() as u8,
        };
        let code = _WDF_BUGCHECK_CODES::WDF_REQUEST_FATAL_ERROR;
        let detail =
            _WDF_REQUEST_FATAL_ERROR_CODES::WDF_REQUEST_FATAL_ERROR_INFORMATION_LENGTH_MISMATCH;
        let data = (&raw const data) as ULONG_PTR;
        stop::violation(self.globals(), code, detail as ULONG_PTR, data)
    }
}
