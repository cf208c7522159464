//! User memory locked for the length of a request (REQ-21, REQ-22).

use super::{Request, map};
use crate::driver::globals::Globals;
use crate::memory::{Memory, MemoryMethods, PreallocatedMemory};
use crate::object::handle;
use crate::object::live::Live;
use crate::object::{self, Count, FrameworkObject, Kind, NewParent, Object, type_code};
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};
use kmdf_sys::ntddk::{IoAllocateMdl, IoFreeMdl, MmProbeAndLockPages, MmUnlockPages};
use kmdf_sys::{
    _LOCK_OPERATION, LOCK_OPERATION, NTSTATUS, PASSIVE_LEVEL, PMDL, PVOID, PWDF_DRIVER_GLOBALS,
    STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_USER_BUFFER, ULONG, WDFMEMORY, WDFREQUEST,
};

/// The type code of these memories (OBJ-8).
const REQUEST_MEMORY: u16 = 0x1032;

/// Where user space begins and ends.
const LOWEST_USER_ADDRESS: usize = 0x1_0000;
const HIGHEST_USER_ADDRESS: usize = 0x7FFF_FFFE_FFFF;

/// A memory over locked pages of the sender's; a child of the request.
///
/// # Invariants
///
/// `mdl` describes locked pages until the object is destroyed, before which the request's packet
/// is not completed: the memory counts among the packet's references.
#[repr(C)]
struct LockedMemory {
    memory: PreallocatedMemory,
    request: Live<Request>,
    mdl: Cell<PMDL>,
    read_only: bool,
}

// SAFETY: `repr(C)`; its first field begins with the object. Made in `lock` alone.
unsafe impl FrameworkObject for LockedMemory {
    const TYPE: u16 = REQUEST_MEMORY;
    const KIND: &'static Kind = &Kind {
        answers: |_, _, wanted| {
            wanted == type_code::PREALLOCATED_MEMORY || wanted == REQUEST_MEMORY
        },
        memory: |_, _| Some(&METHODS),
        destroy: |object| locked_memory_of(object).unlock(),
        ..PreallocatedMemory::KIND
    };
}

/// As of any memory, but for the copies into it (MEM-39).
static METHODS: MemoryMethods = MemoryMethods {
    buffer: |object, offset| {
        plain(object).map_or(null_mut(), |plain| (plain.buffer)(object, offset))
    },
    size: |object, offset| plain(object).map_or(0, |plain| (plain.size)(object, offset)),
    is_read_only: |object, _| locked_memory_of(object).read_only,
};

fn plain(object: &Object) -> Option<&'static MemoryMethods> {
    (Memory::KIND.memory)(object, 0)
}

fn locked_memory_of(object: &Object) -> &LockedMemory {
    // SAFETY: Called for objects of this kind alone.
    unsafe { object.downcast() }
}

impl LockedMemory {
    fn unlock(&self) {
        let mdl = self.mdl.replace(null_mut());
        // SAFETY: Locked in `lock_pages`, by the invariant.
        unsafe { release_pages(mdl) };
        self.request.count_irp_reference(Count::Down);
    }
}

/// # Safety
///
/// `mdl` came from [`lock_pages`] and nobody uses the pages through it any more.
unsafe fn release_pages(mdl: PMDL) {
    // SAFETY: By the contract of this function.
    unsafe { MmUnlockPages(mdl) };
    // SAFETY: As above.
    unsafe { IoFreeMdl(mdl) };
}

/// Locks pages and maps them.
///
/// # Safety
///
/// The range is the sender's, or refused by the kernel's probe.
unsafe fn lock_pages(
    request: &Request,
    address: PVOID,
    length: ULONG,
    operation: LOCK_OPERATION,
) -> Result<(PMDL, *mut c_void), NTSTATUS> {
    let Some(irp) = request.irp() else {
        request.break_point(c"WdfRequestProbeAndLockUserBuffer: the request is completed");
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    };
    // SAFETY: An MDL only describes the range.
    let mdl = unsafe { IoAllocateMdl(address, length, 0, 0, null_mut()) };
    if mdl.is_null() {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    // The real framework catches the exception of the probe. This one cannot, and looks first.
    let last = address.addr().saturating_add(length as usize);
    if irp.is_from_user_mode()
        && (address.addr() < LOWEST_USER_ADDRESS || last > HIGHEST_USER_ADDRESS)
    {
        // SAFETY: Nothing is locked.
        unsafe { IoFreeMdl(mdl) };
        return Err(STATUS_ACCESS_VIOLATION);
    }
    // SAFETY: By the contract of this function.
    unsafe { MmProbeAndLockPages(mdl, irp.requestor_mode(), operation) };
    // SAFETY: Just locked.
    let mapped = unsafe { map(mdl) };
    if mapped.is_null() {
        // SAFETY: Just locked.
        unsafe { release_pages(mdl) };
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    Ok((mdl, mapped))
}

/// The checks of REQ-21 from the IRQL on.
///
/// # Safety
///
/// As for [`lock_pages`].
unsafe fn lock(
    request: Live<Request>,
    call: &CStr,
    address: PVOID,
    length: usize,
    operation: LOCK_OPERATION,
) -> Result<WDFMEMORY, NTSTATUS> {
    let globals = request.globals();
    verifier::check_irql(globals, call, PASSIVE_LEVEL)?;
    if globals.verifies_since(9) && !request.is_driver_owned() {
        request.break_point(c"WdfRequestProbeAndLockUserBuffer: the request is not owned");
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    if length == 0 {
        return Err(STATUS_INVALID_USER_BUFFER);
    }
    // SAFETY: By the contract of this function.
    let (mdl, mapped) = unsafe { lock_pages(&request, address, length as ULONG, operation) }?;
    let build = |object| LockedMemory {
        memory: PreallocatedMemory::new(Memory::new(object, mapped, length)),
        request,
        mdl: Cell::new(mdl),
        read_only: operation == _LOCK_OPERATION::IoReadAccess,
    };
    // SAFETY: There are no attributes.
    let created = unsafe { object::create::<LockedMemory>(globals, None, build) };
    let Ok(created) = created else {
        // SAFETY: Just locked, and no object has it.
        unsafe { release_pages(mdl) };
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    };
    request.count_irp_reference(Count::Up);
    let parent = NewParent::Object(request.object());
    // SAFETY: Just created.
    let handle = unsafe { object::commit_or_delete(created, None, parent) }?;
    Ok(handle.cast())
}

/// What both calls begin with.
///
/// # Safety
///
/// As for the calls: bound globals, a handle, `memory` valid or NULL.
unsafe fn begin(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    request: WDFREQUEST,
    buffer: PVOID,
    memory: *mut WDFMEMORY,
) -> Live<Request> {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let request = unsafe { handle::typed::<Request>(globals, call, request.cast()) };
    verifier::require(globals, call, buffer);
    verifier::require(globals, call, memory);
    // SAFETY: As above.
    unsafe { request.live() }
}

/// # Safety
///
/// `memory` is valid.
unsafe fn give(memory: *mut WDFMEMORY, locked: Result<WDFMEMORY, NTSTATUS>) -> NTSTATUS {
    match locked {
        Ok(handle) => {
            let memory = NonNull::new(memory);
            // SAFETY: By the contract of this function.
            memory.inspect(|memory| unsafe { memory.write(handle) });
            kmdf_sys::STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// # Safety
///
/// As for the function table's WdfRequestProbeAndLockUserBufferForRead: bound globals, a handle,
/// pointers valid or NULL.
pub(crate) unsafe extern "C" fn wdf_request_probe_and_lock_user_buffer_for_read(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    buffer: PVOID,
    length: usize,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestProbeAndLockUserBufferForRead";
    // SAFETY: By the contract of this function.
    let request = unsafe { begin(globals, CALL, request, buffer, memory) };
    // SAFETY: As above.
    unsafe { memory.write(null_mut()) };
    // SAFETY: As above.
    let locked = unsafe { lock(request, CALL, buffer, length, _LOCK_OPERATION::IoReadAccess) };
    // SAFETY: As above.
    unsafe { give(memory, locked) }
}

/// # Safety
///
/// As for the function table's WdfRequestProbeAndLockUserBufferForWrite: bound globals, a handle,
/// pointers valid or NULL.
pub(crate) unsafe extern "C" fn wdf_request_probe_and_lock_user_buffer_for_write(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    buffer: PVOID,
    length: usize,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestProbeAndLockUserBufferForWrite";
    // SAFETY: By the contract of this function.
    let request = unsafe { begin(globals, CALL, request, buffer, memory) };
    // SAFETY: As above.
    let locked = unsafe {
        lock(
            request,
            CALL,
            buffer,
            length,
            _LOCK_OPERATION::IoModifyAccess,
        )
    };
    // SAFETY: As above.
    unsafe { give(memory, locked) }
}
