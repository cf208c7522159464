//! The buffers of a request, as pointers, memories and MDLs (REQ-6 to REQ-18).

use super::create::{OUTPUT_OFFSET, SYSTEM_OFFSET};
use super::{Direction, Request};
use crate::device::IoType;
use crate::driver::globals::Globals;
use crate::object::FrameworkObject;
use crate::object::handle;
use crate::request::irp::Irp;
use crate::support::stop;
use crate::support::verifier;
use core::ffi::{CStr, c_void};
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

/// The mapping must not be executed.
const MAPPING_NO_EXECUTE: MM_PAGE_PRIORITY = 0x4000_0000;

/// How one of the buffers comes.
#[derive(Clone, Copy)]
enum Source {
    /// An address that is good as it is.
    Address(*mut c_void),
    /// Through the packet's MDL.
    Direct,
    /// An address in user space, not for the driver to use.
    UserSpace,
}

/// MmGetSystemAddressForMdlSafe
///
/// # Safety
///
/// `mdl` describes locked pages.
pub(super) unsafe fn map(mdl: PMDL) -> *mut c_void {
    // SAFETY: By the contract of this function.
    let flags = unsafe { (*mdl).MdlFlags } as u32;
    if flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        // SAFETY: As above.
        return unsafe { (*mdl).MappedSystemVa };
    }
    let mode = _MODE::KernelMode as KPROCESSOR_MODE;
    let cache = _MEMORY_CACHING_TYPE::MmCached;
    let priority = _MM_PAGE_PRIORITY::NormalPagePriority | MAPPING_NO_EXECUTE;
    // SAFETY: As above.
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
                    (METHOD_NEITHER, Direction::Input) => {
                        Source::Address(irp.transfer().type3_input.0)
                    }
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

    /// The length behind a buffer; a read or write has one for both directions (REQ-6).
    fn buffer_length(&self, irp: Irp, direction: Direction) -> usize {
        match irp.major() {
            IRP_MJ_READ => self.length(Direction::Output),
            IRP_MJ_WRITE => self.length(Direction::Input),
            _ => self.length(direction),
        }
    }

    /// REQ-6 to REQ-10, REQ-12, REQ-17: the buffer and its length.
    fn buffer(&self, irp: Irp, direction: Direction) -> Result<(*mut c_void, usize), NTSTATUS> {
        let refused = match irp.major() {
            IRP_MJ_READ => direction == Direction::Input,
            IRP_MJ_WRITE => direction == Direction::Output,
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL => false,
            _ => {
                self.break_point(c"a buffer was asked for of a request that has none");
                true
            }
        };
        if refused {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        if self.globals().verifier_on() && self.is_completed() {
            self.break_point(c"a buffer was asked for of a request that is being completed");
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
                self.break_point(c"a buffer was asked for that lies in user space");
                Err(STATUS_INVALID_DEVICE_REQUEST)
            }
            Source::UserSpace => Ok((null_mut(), length)),
        }
    }

    /// What an embedded memory is now (REQ-16): address and size.
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

    /// MEM-39
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

    /// REQ-18
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
            // SAFETY: Describes the system buffer, which lives as long as the packet.
            let mdl = unsafe { IoAllocateMdl(address, length as ULONG, 0, 0, null_mut()) };
            if mdl.is_null() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            // SAFETY: System buffers are nonpaged pool.
            unsafe { MmBuildMdlForNonPagedPool(mdl) };
            self.own_mdl.set(mdl);
        }
        Ok(self.own_mdl.get())
    }

    /// Whether the addresses of the request are those of its system buffer.
    fn is_system_buffered(&self, irp: Irp) -> bool {
        if irp.is_device_control() {
            irp.method() != METHOD_NEITHER
        } else {
            self.device.io_type() == IoType::Buffered
        }
    }

    /// The packet, or the end: Windows faults on a NULL packet here (REQ-17).
    pub(super) fn attached(&self, message: &'static CStr) -> Irp {
        match self.irp() {
            Some(irp) => irp,
            None => stop::undefined(message),
        }
    }
}

/// What all the retrieving calls begin with: the request, and its packet.
///
/// # Safety
///
/// As for the calls: bound globals, NULL or the handle of a live object.
unsafe fn begin<'a, T>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    stale: &'static CStr,
    request: WDFREQUEST,
    out: *mut T,
) -> (&'a Request, Irp) {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let request = unsafe { handle::typed::<Request>(globals, call, request.cast()) };
    verifier::require(globals, call, out);
    (request, request.attached(stale))
}

macro_rules! retrieve_calls {
    ($($call:literal, $direction:ident: $buffer:ident, $memory:ident, $mdl:ident;)*) => {$(
        #[doc = concat!("# Safety\n\nAs for the function table's WdfRequestRetrieve", $call, "Buffer: bound globals, a handle, pointers valid or NULL.")]
        pub(crate) unsafe extern "C" fn $buffer(
            globals: PWDF_DRIVER_GLOBALS,
            request: WDFREQUEST,
            required: usize,
            buffer: *mut PVOID,
            length: *mut usize,
        ) -> NTSTATUS {
            let call = literal(concat!("WdfRequestRetrieve", $call, "Buffer\0"));
            let stale = literal(concat!("WdfRequestRetrieve", $call, "Buffer: the request is completed\0"));
            // SAFETY: By the contract of this function.
            let (request, irp) = unsafe { begin(globals, call, stale, request, buffer) };
            let result = request.buffer(irp, Direction::$direction);
            // SAFETY: As above.
            unsafe { give_buffer(result, required, buffer, length) }
        }

        #[doc = concat!("# Safety\n\nAs for the function table's WdfRequestRetrieve", $call, "Memory: bound globals, a handle, a pointer valid or NULL.")]
        pub(crate) unsafe extern "C" fn $memory(
            globals: PWDF_DRIVER_GLOBALS,
            request: WDFREQUEST,
            memory: *mut WDFMEMORY,
        ) -> NTSTATUS {
            let call = literal(concat!("WdfRequestRetrieve", $call, "Memory\0"));
            let stale = literal(concat!("WdfRequestRetrieve", $call, "Memory: the request is completed\0"));
            // SAFETY: By the contract of this function.
            let (request, irp) = unsafe { begin(globals, call, stale, request, memory) };
            if let Err(status) = request.buffer(irp, Direction::$direction) {
                return status;
            }
            let offset = request.embedded_offset(Direction::$direction);
            let handle = handle::encode_embedded(request.object(), offset);
            // SAFETY: As above.
            unsafe { memory.write(handle.cast()) };
            STATUS_SUCCESS
        }

        #[doc = concat!("# Safety\n\nAs for the function table's WdfRequestRetrieve", $call, "WdmMdl: bound globals, a handle, a pointer valid or NULL.")]
        pub(crate) unsafe extern "C" fn $mdl(
            globals: PWDF_DRIVER_GLOBALS,
            request: WDFREQUEST,
            mdl: *mut PMDL,
        ) -> NTSTATUS {
            let call = literal(concat!("WdfRequestRetrieve", $call, "WdmMdl\0"));
            let stale = literal(concat!("WdfRequestRetrieve", $call, "WdmMdl: the request is completed\0"));
            // SAFETY: By the contract of this function.
            let (request, irp) = unsafe { begin(globals, call, stale, request, mdl) };
            // SAFETY: As above.
            unsafe { mdl.write(null_mut()) };
            match request.mdl(irp, Direction::$direction) {
                Ok(found) => {
                    // SAFETY: As above.
                    unsafe { mdl.write(found) };
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

/// REQ-11, REQ-13
///
/// # Safety
///
/// `buffer` is valid, `length` valid or NULL.
unsafe fn give_buffer(
    result: Result<(*mut c_void, usize), NTSTATUS>,
    required: usize,
    buffer: *mut PVOID,
    length: *mut usize,
) -> NTSTATUS {
    let (status, address, size) = match result {
        Ok((_, size)) if size < required => (STATUS_BUFFER_TOO_SMALL, null_mut(), 0),
        Ok((address, size)) => (STATUS_SUCCESS, address, size),
        Err(status) => (status, null_mut(), 0),
    };
    // SAFETY: By the contract of this function.
    unsafe { buffer.write(address) };
    if !length.is_null() {
        // SAFETY: As above.
        unsafe { length.write(size) };
    }
    status
}
