//! The bare user addresses of METHOD_NEITHER, in the caller's context (REQ-19, REQ-20).

use super::{Direction, Request};
use crate::device::IoType;
use crate::driver::globals::Globals;
use crate::object::handle;
use crate::request::irp::Irp;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::null_mut;
use kmdf_sys::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE, METHOD_NEITHER, NTSTATUS, PASSIVE_LEVEL,
    PVOID, PWDF_DRIVER_GLOBALS, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_SUCCESS, WDFREQUEST,
};

impl Request {
    /// The checks of REQ-19 from the IRQL on.
    fn unsafe_user_buffer(
        &self,
        irp: Irp,
        direction: Direction,
        required: usize,
        call: &'static CStr,
    ) -> Result<(PVOID, usize), NTSTATUS> {
        verifier::check_irql(self.globals(), call, PASSIVE_LEVEL)?;
        if self.globals().verifier_on() && !self.is_in_caller_context() {
            self.break_point(c"a user buffer was asked for outside EvtIoInCallerContext");
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        let neither_device = self.device.io_type() == IoType::Neither;
        let address = match (irp.major(), direction) {
            (IRP_MJ_READ, Direction::Output) if neither_device => irp.user_buffer(),
            (IRP_MJ_WRITE, Direction::Input) if neither_device => irp.user_buffer(),
            (IRP_MJ_DEVICE_CONTROL, Direction::Input) if irp.method() == METHOD_NEITHER => {
                irp.transfer().type3_input.0
            }
            (IRP_MJ_DEVICE_CONTROL, Direction::Output) if irp.method() == METHOD_NEITHER => {
                irp.user_buffer()
            }
            (IRP_MJ_DEVICE_CONTROL, Direction::Input) => {
                self.break_point(c"a user buffer was asked for that the I/O manager has copied");
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

/// # Safety
///
/// As for the calls: bound globals, a handle, pointers valid or NULL.
unsafe fn retrieve(
    globals: PWDF_DRIVER_GLOBALS,
    call: &'static CStr,
    request: WDFREQUEST,
    direction: Direction,
    required: usize,
    (buffer, length): (*mut PVOID, *mut usize),
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let request = unsafe { handle::typed::<Request>(globals, call, request.cast()) };
    verifier::require(globals, call, buffer);
    let irp = request.attached(c"WdfRequestRetrieveUnsafeUserBuffer: the request is completed");
    let result = request.unsafe_user_buffer(irp, direction, required, call);
    let (status, address, size) = match result {
        Ok((address, size)) => (STATUS_SUCCESS, address, size),
        Err(status) => (status, null_mut(), 0),
    };
    // SAFETY: As above.
    unsafe { buffer.write(address) };
    if !length.is_null() {
        // SAFETY: As above.
        unsafe { length.write(size) };
    }
    status
}

/// # Safety
///
/// As for the function table's WdfRequestRetrieveUnsafeUserInputBuffer: bound globals, a handle,
/// pointers valid or NULL.
pub(crate) unsafe extern "C" fn wdf_request_retrieve_unsafe_user_input_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    required: usize,
    buffer: *mut PVOID,
    length: *mut usize,
) -> NTSTATUS {
    let call = c"WdfRequestRetrieveUnsafeUserInputBuffer";
    let out = (buffer, length);
    // SAFETY: By the contract of this function.
    unsafe { retrieve(globals, call, request, Direction::Input, required, out) }
}

/// # Safety
///
/// As for the function table's WdfRequestRetrieveUnsafeUserOutputBuffer: bound globals, a handle,
/// pointers valid or NULL.
pub(crate) unsafe extern "C" fn wdf_request_retrieve_unsafe_user_output_buffer(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    required: usize,
    buffer: *mut PVOID,
    length: *mut usize,
) -> NTSTATUS {
    let call = c"WdfRequestRetrieveUnsafeUserOutputBuffer";
    let out = (buffer, length);
    // SAFETY: By the contract of this function.
    unsafe { retrieve(globals, call, request, Direction::Output, required, out) }
}
