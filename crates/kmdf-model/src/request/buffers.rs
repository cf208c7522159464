//! The buffers of a request, as addresses, memory objects and MDLs (REQ-6 to REQ-18).

use super::create::{OUTPUT_OFFSET, SYSTEM_OFFSET};
use super::{Direction, Request};
use crate::device::IoType;
use crate::object::FrameworkObject;
use crate::object::handle;
use crate::request::irp::Irp;
use crate::support::stop;
use crate::support::verifier;
use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use kmdf_sys::ntddk::{IoAllocateMdl, MmBuildMdlForNonPagedPool, MmMapLockedPagesSpecifyCache};
use kmdf_sys::{
    _MEMORY_CACHING_TYPE, _MM_PAGE_PRIORITY, _MODE, IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE, KPROCESSOR_MODE,
    MDL_MAPPED_TO_SYSTEM_VA, MDL_SOURCE_IS_NONPAGED_POOL, METHOD_IN_DIRECT, METHOD_NEITHER,
    METHOD_OUT_DIRECT, MM_PAGE_PRIORITY, NTSTATUS, PMDL, PVOID, PWDF_DRIVER_GLOBALS,
    STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INTERNAL_ERROR,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, ULONG, WDFMEMORY, WDFREQUEST,
};

/// MdlMappingNoExecute: the mapping has no execute permission.
const MAPPING_NO_EXECUTE: MM_PAGE_PRIORITY = 0x4000_0000;

/// How the I/O manager passes a buffer.
#[derive(Clone, Copy)]
enum Source {
    /// As an address in system space.
    Address(*mut c_void),
    /// As locked pages, described by the MDL of the IRP.
    Direct,
    /// As an address in user space, which the driver must not use.
    UserSpace,
}

/// The system address of locked pages, NULL if they cannot be mapped (MmGetSystemAddressForMdlSafe).
///
/// # Safety
///
/// `mdl` must describe locked pages or nonpaged pool.
pub(super) unsafe fn map(mdl: PMDL) -> *mut c_void {
    // SAFETY: A valid MDL, as the caller guarantees.
    let flags = unsafe { (*mdl).MdlFlags } as u32;
    if flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        // SAFETY: A valid MDL, whose flags say that it has a system address.
        return unsafe { (*mdl).MappedSystemVa };
    }
    let mode = _MODE::KernelMode as KPROCESSOR_MODE;
    let cache = _MEMORY_CACHING_TYPE::MmCached;
    let priority = _MM_PAGE_PRIORITY::NormalPagePriority | MAPPING_NO_EXECUTE;
    // SAFETY: The pages are locked, as the caller guarantees, and not mapped yet.
    unsafe { MmMapLockedPagesSpecifyCache(mdl, mode, cache, null_mut(), 0, priority) }
}

impl Request {
    fn source(&self, irp: Irp, direction: Direction) -> Source {
        let user = irp.is_from_user_mode();
        match irp.major() {
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL => {
                let user = user && irp.major() == IRP_MJ_DEVICE_CONTROL;
                match (irp.method(), direction) {
                    (METHOD_NEITHER, _) if user => Source::UserSpace,
                    (METHOD_NEITHER, Direction::Input) => Source::Address(irp.type3_input_buffer()),
                    (METHOD_NEITHER, Direction::Output) => Source::Address(irp.user_buffer()),
                    (METHOD_IN_DIRECT | METHOD_OUT_DIRECT, Direction::Output) => Source::Direct,
                    _ => Source::Address(irp.system_buffer()),
                }
            }
            _ => match self.device.io_type() {
                IoType::Buffered => Source::Address(irp.system_buffer()),
                IoType::Direct => Source::Direct,
                IoType::Neither if user => Source::UserSpace,
                IoType::Neither => Source::Address(irp.user_buffer()),
            },
        }
    }

    /// The length of a buffer; a read or write has one for both directions (REQ-6).
    fn buffer_length(&self, irp: Irp, direction: Direction) -> usize {
        match irp.major() {
            IRP_MJ_READ => self.length(Direction::Output),
            IRP_MJ_WRITE => self.length(Direction::Input),
            _ => self.length(direction),
        }
    }

    /// The address of a buffer and its length (REQ-6 to REQ-10, REQ-12, REQ-17).
    fn buffer(&self, irp: Irp, direction: Direction) -> Result<(*mut c_void, usize), NTSTATUS> {
        let has_none = match irp.major() {
            IRP_MJ_READ => direction == Direction::Input,
            IRP_MJ_WRITE => direction == Direction::Output,
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL => false,
            _ => {
                self.break_point(
                    c"WdfRequestRetrieve...: only reads, writes and device controls have buffers",
                );
                true
            }
        };
        if has_none {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        if self.globals().verifier_on() && self.is_completed() {
            self.break_point(c"WdfRequestRetrieve...: the request is being completed");
            return Err(STATUS_INTERNAL_ERROR);
        }
        let length = self.buffer_length(irp, direction);
        let source = self.source(irp, direction);
        if length == 0 {
            return Err(STATUS_BUFFER_TOO_SMALL);
        }
        match source {
            Source::Address(address) => Ok((address, length)),
            Source::Direct if irp.mdl().is_null() => Err(STATUS_BUFFER_TOO_SMALL),
            Source::Direct => {
                // SAFETY: The I/O manager locked the pages of a direct request.
                let address = unsafe { map(irp.mdl()) };
                if address.is_null() {
                    return Err(STATUS_INSUFFICIENT_RESOURCES);
                }
                Ok((address, length))
            }
            Source::UserSpace if irp.is_device_control() => Err(STATUS_INVALID_DEVICE_REQUEST),
            Source::UserSpace if self.globals().verifier_on() => {
                self.break_point(c"WdfRequestRetrieve...: the buffer is in user space; use WdfRequestRetrieveUnsafeUserInputBuffer or ...OutputBuffer in EvtIoInCallerContext");
                Err(STATUS_INVALID_DEVICE_REQUEST)
            }
            Source::UserSpace => Ok((null_mut(), length)),
        }
    }

    /// The current address and size of a memory object of the request (REQ-16).
    pub(super) fn embedded(&self, offset: u16) -> (*mut c_void, usize) {
        let irp = self.attached(c"WdfMemoryGetBuffer: the memory's request is completed");
        let direction = self.embedded_direction(irp, offset);
        let length = self.buffer_length(irp, direction);
        let address = match self.source(irp, direction) {
            Source::Address(address) => address,
            Source::Direct if irp.mdl().is_null() => null_mut(),
            // SAFETY: The I/O manager locked the pages of a direct request.
            Source::Direct => unsafe { map(irp.mdl()) },
            Source::UserSpace => null_mut(),
        };
        (address, length)
    }

    fn embedded_direction(&self, irp: Irp, offset: u16) -> Direction {
        if offset == OUTPUT_OFFSET || irp.major() == IRP_MJ_READ {
            Direction::Output
        } else {
            Direction::Input
        }
    }

    /// Whether WdfMemoryCopyFromBuffer must not write to a memory object of the request (MEM-39).
    pub(super) fn embedded_is_read_only(&self, offset: u16) -> bool {
        let irp = self.attached(c"WdfMemoryCopyFromBuffer: the memory's request is completed");
        match irp.major() {
            IRP_MJ_READ => false,
            IRP_MJ_WRITE => true,
            _ => match irp.method() {
                METHOD_IN_DIRECT => true,
                METHOD_OUT_DIRECT => offset == SYSTEM_OFFSET,
                _ => false,
            },
        }
    }

    /// The MDL of a buffer, which is built for buffered requests at the first call (REQ-18).
    fn mdl(&self, irp: Irp, direction: Direction) -> Result<PMDL, NTSTATUS> {
        let buffered = match self.source(irp, direction) {
            Source::Direct => None,
            Source::Address(address) if self.is_system_buffered(irp) => Some(address),
            _ => {
                self.buffer(irp, direction)?;
                return Err(STATUS_INVALID_DEVICE_REQUEST);
            }
        };
        let (_, length) = self.buffer(irp, direction)?;
        let Some(address) = buffered else {
            return Ok(irp.mdl());
        };
        if self.own_mdl.get().is_null() {
            // SAFETY: `address` is the system buffer, which lives as long as the IRP.
            let mdl = unsafe { IoAllocateMdl(address, length as ULONG, 0, 0, null_mut()) };
            if mdl.is_null() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            // SAFETY: The MDL describes the system buffer, which is nonpaged pool.
            unsafe { MmBuildMdlForNonPagedPool(mdl) };
            self.own_mdl.set(mdl);
        }
        Ok(self.own_mdl.get())
    }

    /// Whether the I/O manager copies the buffers of the request.
    fn is_system_buffered(&self, irp: Irp) -> bool {
        if irp.is_device_control() {
            irp.method() != METHOD_NEITHER
        } else {
            self.device.io_type() == IoType::Buffered
        }
    }

    /// The IRP. Without one the run stops, where Windows faults on a NULL pointer (REQ-17).
    pub(super) fn attached(&self, message: &'static CStr) -> Irp {
        match self.irp() {
            Some(irp) => irp,
            None => stop::undefined(message),
        }
    }
}

/// What every retrieving call begins with: the request, its IRP and the variable for the result.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, `request` NULL or the handle of a live
/// object, and `out` NULL or writable.
pub(super) unsafe fn begin<'a, T>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    stale: &'static CStr,
    request: WDFREQUEST,
    out: *mut T,
) -> (&'a Request, Irp, &'a mut MaybeUninit<T>) {
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let (globals, request) =
        unsafe { handle::resolve_with_globals::<Request>(globals, call, request.cast()) };
    // SAFETY: `out` is NULL or writable, as the caller guarantees.
    let out = unsafe { verifier::required_out(globals, call, out) };
    (request, request.attached(stale), out)
}

macro_rules! retrieve_calls {
    ($($call:literal, $direction:ident: $buffer:ident, $memory:ident, $mdl:ident;)*) => {$(
        #[doc = concat!("WdfRequestRetrieve", $call, "Buffer: the address and length of a buffer (REQ-11, REQ-13).")]
        ///
        /// # Safety
        ///
        /// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle
        /// of a live object. `buffer` and `length` must each be NULL or writable.
        pub(crate) unsafe extern "C" fn $buffer(
            globals: PWDF_DRIVER_GLOBALS,
            request: WDFREQUEST,
            required: usize,
            buffer: *mut PVOID,
            length: *mut usize,
        ) -> NTSTATUS {
            let call = literal(concat!("WdfRequestRetrieve", $call, "Buffer\0"));
            let stale = literal(concat!("WdfRequestRetrieve", $call, "Buffer: the request is completed\0"));
            // SAFETY: `globals`, `request` and `buffer` are what `begin` asks for too.
            let (request, irp, buffer) = unsafe { begin(globals, call, stale, request, buffer) };
            let result = request.buffer(irp, Direction::$direction);
            // SAFETY: `length` is NULL or writable, as the caller guarantees.
            unsafe { give_buffer(result, required, buffer, length) }
        }

        #[doc = concat!("WdfRequestRetrieve", $call, "Memory: a buffer as a memory object of the request.")]
        ///
        /// # Safety
        ///
        /// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle
        /// of a live object. `memory` must be NULL or writable.
        pub(crate) unsafe extern "C" fn $memory(
            globals: PWDF_DRIVER_GLOBALS,
            request: WDFREQUEST,
            memory: *mut WDFMEMORY,
        ) -> NTSTATUS {
            let call = literal(concat!("WdfRequestRetrieve", $call, "Memory\0"));
            let stale = literal(concat!("WdfRequestRetrieve", $call, "Memory: the request is completed\0"));
            // SAFETY: `globals`, `request` and `memory` are what `begin` asks for too.
            let (request, irp, memory) = unsafe { begin(globals, call, stale, request, memory) };
            if let Err(status) = request.buffer(irp, Direction::$direction) {
                return status;
            }
            let offset = request.embedded_offset(Direction::$direction);
            let handle = handle::encode_embedded(request.object(), offset);
            memory.write(handle.cast());
            STATUS_SUCCESS
        }

        #[doc = concat!("WdfRequestRetrieve", $call, "WdmMdl: the MDL of a buffer (REQ-18).")]
        ///
        /// # Safety
        ///
        /// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle
        /// of a live object. `mdl` must be NULL or writable.
        pub(crate) unsafe extern "C" fn $mdl(
            globals: PWDF_DRIVER_GLOBALS,
            request: WDFREQUEST,
            mdl: *mut PMDL,
        ) -> NTSTATUS {
            let call = literal(concat!("WdfRequestRetrieve", $call, "WdmMdl\0"));
            let stale = literal(concat!("WdfRequestRetrieve", $call, "WdmMdl: the request is completed\0"));
            // SAFETY: `globals`, `request` and `mdl` are what `begin` asks for too.
            let (request, irp, mdl) = unsafe { begin(globals, call, stale, request, mdl) };
            mdl.write(null_mut());
            match request.mdl(irp, Direction::$direction) {
                Ok(found) => {
                    mdl.write(found);
                    STATUS_SUCCESS
                }
                Err(status) => status,
            }
        }
    )*};
}

retrieve_calls! {
    "Input", Input:
        wdf_request_retrieve_input_buffer, wdf_request_retrieve_input_memory,
        wdf_request_retrieve_input_wdm_mdl;
    "Output", Output:
        wdf_request_retrieve_output_buffer, wdf_request_retrieve_output_memory,
        wdf_request_retrieve_output_wdm_mdl;
}

/// A C string from a literal that ends with NUL.
fn literal(text: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(text.as_bytes()).unwrap_or(c"a framework function")
}

/// Writes the address and length of a buffer, NULL and 0 on failure, and returns the status of the call:
/// STATUS_BUFFER_TOO_SMALL if the buffer has less than `required` bytes (REQ-11, REQ-13).
///
/// # Safety
///
/// `length` must be NULL or writable.
pub(super) unsafe fn give_buffer(
    result: Result<(*mut c_void, usize), NTSTATUS>,
    required: usize,
    buffer: &mut MaybeUninit<PVOID>,
    length: *mut usize,
) -> NTSTATUS {
    let (status, address, size) = match result {
        Ok((_, size)) if size < required => (STATUS_BUFFER_TOO_SMALL, null_mut(), 0),
        Ok((address, size)) => (STATUS_SUCCESS, address, size),
        Err(status) => (status, null_mut(), 0),
    };
    buffer.write(address);
    // SAFETY: `length` is NULL or writable, as the caller guarantees.
    unsafe { verifier::write_optional(length, size) };
    status
}
