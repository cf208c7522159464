//! The user addresses of METHOD_NEITHER, in the context of the sender's process (REQ-19, REQ-20).

use super::buffers::{begin, give_buffer};
use super::{Direction, Request};
use crate::device::IoType;
use crate::request::irp::Irp;
use crate::support::verifier;
use core::ffi::CStr;
use kmdf_sys::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE, METHOD_NEITHER, NTSTATUS, PASSIVE_LEVEL,
    PVOID, PWDF_DRIVER_GLOBALS, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, WDFREQUEST,
};

impl Request {
    /// The address and length of a user buffer, with the checks in their order (REQ-19).
    fn unsafe_user_buffer(
        &self,
        irp: Irp,
        direction: Direction,
        required: usize,
        call: &'static CStr,
    ) -> Result<(PVOID, usize), NTSTATUS> {
        verifier::check_irql(self.globals(), call, PASSIVE_LEVEL)?;
        if self.globals().verifier_on() && !self.is_in_caller_context() {
            self.break_point(
                c"WdfRequestRetrieveUnsafeUserBuffer: call it in EvtIoInCallerContext",
            );
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        let neither_device = self.device.io_type() == IoType::Neither;
        let address = match (irp.major(), direction) {
            (IRP_MJ_READ, Direction::Output) if neither_device => irp.user_buffer(),
            (IRP_MJ_WRITE, Direction::Input) if neither_device => irp.user_buffer(),
            (IRP_MJ_DEVICE_CONTROL, Direction::Input) if irp.method() == METHOD_NEITHER => {
                irp.type3_input_buffer()
            }
            (IRP_MJ_DEVICE_CONTROL, Direction::Output) if irp.method() == METHOD_NEITHER => {
                irp.user_buffer()
            }
            (IRP_MJ_DEVICE_CONTROL, Direction::Input) => {
                self.break_point(c"WdfRequestRetrieveUnsafeUserInputBuffer: the transfer method is not METHOD_NEITHER; use WdfRequestRetrieveInputBuffer");
                return Err(STATUS_INVALID_DEVICE_REQUEST);
            }
            _ => return Err(STATUS_INVALID_DEVICE_REQUEST),
        };
        let length = self.length(direction);
        if length < required {
            return Err(STATUS_BUFFER_TOO_SMALL);
        }
        Ok((address, length))
    }
}

/// Retrieves one of the user buffers.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, `request` NULL or the handle of a live
/// object, `buffer` and `length` each NULL or writable.
unsafe fn retrieve(
    globals: PWDF_DRIVER_GLOBALS,
    call: &'static CStr,
    request: WDFREQUEST,
    direction: Direction,
    required: usize,
    (buffer, length): (*mut PVOID, *mut usize),
) -> NTSTATUS {
    let stale = c"WdfRequestRetrieveUnsafeUserBuffer: the request is completed";
    // SAFETY: `globals`, `request` and `buffer` are what `begin` asks for too.
    let (request, irp, buffer) = unsafe { begin(globals, call, stale, request, buffer) };
    let result = request.unsafe_user_buffer(irp, direction, required, call);
    // SAFETY: `length` is NULL or writable, as the caller guarantees.
    unsafe { give_buffer(result, required, buffer, length) }
}

/// WdfRequestRetrieveUnsafeUserInputBuffer: the user address of the input buffer (REQ-19).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object. `buffer` and `length` must each be NULL or writable.
pub(crate) unsafe extern "C" fn wdf_request_retrieve_unsafe_user_input_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    required: usize,
    buffer: *mut PVOID,
    length: *mut usize,
) -> NTSTATUS {
    let call = c"WdfRequestRetrieveUnsafeUserInputBuffer";
    let out = (buffer, length);
    // SAFETY: `globals`, `request` and `out` are what `retrieve` asks for too.
    unsafe { retrieve(globals, call, request, Direction::Input, required, out) }
}

/// WdfRequestRetrieveUnsafeUserOutputBuffer: the user address of the output buffer (REQ-19).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object. `buffer` and `length` must each be NULL or writable.
pub(crate) unsafe extern "C" fn wdf_request_retrieve_unsafe_user_output_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    required: usize,
    buffer: *mut PVOID,
    length: *mut usize,
) -> NTSTATUS {
    let call = c"WdfRequestRetrieveUnsafeUserOutputBuffer";
    let out = (buffer, length);
    // SAFETY: `globals`, `request` and `out` are what `retrieve` asks for too.
    unsafe { retrieve(globals, call, request, Direction::Output, required, out) }
}
