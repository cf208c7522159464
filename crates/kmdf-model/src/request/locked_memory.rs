//! User memory that stays locked until its request is completed (REQ-21, REQ-22).

use super::{Request, map};
use crate::driver::globals::Globals;
use crate::memory::{Memory, MemoryMethods, PreallocatedMemory};
use crate::object::attributes::Attributes;
use crate::object::live::Live;
use crate::object::{self, Count, FrameworkObject, NewParent, Object, ObjectKind, type_code};
use crate::support::kernel;
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use kmdf_sys::ntddk::{IoAllocateMdl, IoFreeMdl, MmProbeAndLockPages, MmUnlockPages};
use kmdf_sys::{
    _LOCK_OPERATION, LOCK_OPERATION, NTSTATUS, PASSIVE_LEVEL, PMDL, PVOID, PWDF_DRIVER_GLOBALS,
    STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_USER_BUFFER, ULONG, WDFMEMORY, WDFREQUEST,
};

/// The type code of memory objects over locked user memory (OBJ-8).
const REQUEST_MEMORY: u16 = 0x1032;

/// The first address of user space that a process can use.
const LOWEST_USER_ADDRESS: usize = 0x1_0000;
/// The last address of user space.
const HIGHEST_USER_ADDRESS: usize = 0x7FFF_FFFE_FFFF;

/// A memory object over locked pages of the sender; a child of the request.
///
/// # Invariants
///
/// `mdl` describes locked pages until the object is destroyed. The IRP is not completed before, because
/// the object counts among the IRP's references.
#[repr(C)]
struct LockedMemory {
    memory: PreallocatedMemory,
    request: Live<Request>,
    mdl: Cell<PMDL>,
    read_only: bool,
}

// SAFETY: `repr(C)`, and begins with a `PreallocatedMemory`, which begins with the object. Only `lock`
// creates objects of this kind.
unsafe impl FrameworkObject for LockedMemory {
    const TYPE: u16 = REQUEST_MEMORY;
    const KIND: &'static ObjectKind = &ObjectKind {
        is_also: |_, _, wanted| {
            wanted == type_code::PREALLOCATED_MEMORY || wanted == REQUEST_MEMORY
        },
        memory: |_, _| Some(&METHODS),
        destroy: |object| locked_memory_of(object).unlock(),
        ..PreallocatedMemory::KIND
    };
}

/// The methods of plain memory objects, but copies into pages locked for reading are rejected (MEM-39).
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
    // SAFETY: Only the kind of `LockedMemory` has the functions that call this.
    unsafe { object.downcast() }
}

impl LockedMemory {
    fn unlock(&self) {
        let mdl = self.mdl.replace(null_mut());
        // SAFETY: `lock_pages` locked the pages; this object, which alone used them, is destroyed.
        unsafe { release_pages(mdl) };
        self.request.count_irp_reference(Count::Down);
    }
}

/// Unlocks the pages and frees their MDL.
///
/// # Safety
///
/// `mdl` must describe locked pages, and neither be used afterwards nor its mapping.
unsafe fn release_pages(mdl: PMDL) {
    // SAFETY: The pages are locked, as the caller guarantees.
    unsafe { MmUnlockPages(mdl) };
    // SAFETY: The MDL came from IoAllocateMdl, and its pages are unlocked.
    unsafe { IoFreeMdl(mdl) };
}

/// Locks pages and maps them.
///
/// # Safety
///
/// The range must be memory of the sender's process, or one that the kernel's probe rejects.
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
    // SAFETY: An MDL describes any range; the range is not touched here.
    let mdl = unsafe { IoAllocateMdl(address, length, 0, 0, null_mut()) };
    if mdl.is_null() {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    // The framework on Windows handles the exception of the probe. Rust cannot, so the model checks the
    // range first.
    let last = address.addr().saturating_add(length as usize);
    if irp.is_from_user_mode()
        && (address.addr() < LOWEST_USER_ADDRESS || last > HIGHEST_USER_ADDRESS)
    {
        // SAFETY: Allocated above, and no pages are locked yet.
        unsafe { IoFreeMdl(mdl) };
        return Err(STATUS_ACCESS_VIOLATION);
    }
    // SAFETY: The range lies in the sender's memory, as the caller guarantees and as checked above.
    unsafe { MmProbeAndLockPages(mdl, irp.requestor_mode(), operation) };
    // SAFETY: The probe locked the pages.
    let mapped = unsafe { map(mdl) };
    if mapped.is_null() {
        // SAFETY: The probe locked the pages, and nothing uses them yet.
        unsafe { release_pages(mdl) };
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    Ok((mdl, mapped))
}

/// Locks user memory and creates the memory object over it, with the checks in their order (REQ-21).
///
/// # Safety
///
/// The range must be memory of the sender's process, or one that the kernel's probe rejects.
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
        request
            .break_point(c"WdfRequestProbeAndLockUserBuffer: the driver does not own the request");
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    if length == 0 {
        return Err(STATUS_INVALID_USER_BUFFER);
    }
    // SAFETY: The range is as `lock_pages` asks, as the caller guarantees.
    let (mdl, mapped) = unsafe { lock_pages(&request, address, length as ULONG, operation) }?;
    let build = |object| LockedMemory {
        memory: PreallocatedMemory::new(Memory::new(object, mapped, length)),
        request,
        mdl: Cell::new(mdl),
        read_only: operation == _LOCK_OPERATION::IoReadAccess,
    };
    let Ok(created) = object::create(globals, Attributes::NONE, build) else {
        // SAFETY: `lock_pages` locked the pages, and no object uses them.
        unsafe { release_pages(mdl) };
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    };
    request.count_irp_reference(Count::Up);
    let parent = NewParent::Object(request.object());
    Ok(created.commit(Attributes::NONE, parent)?.handle().cast())
}

/// What both calls begin with: the request, and the variable for the memory object's handle.
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, `request` NULL or the handle of a
/// request that stays alive while the call uses it, `memory` NULL or writable.
unsafe fn begin<'a>(
    globals: PWDF_DRIVER_GLOBALS,
    call: &CStr,
    request: WDFREQUEST,
    buffer: PVOID,
    memory: *mut WDFMEMORY,
) -> (Live<Request>, &'a mut MaybeUninit<WDFMEMORY>) {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let owner = unsafe { Globals::from_public(globals) };
    // SAFETY: `globals` is bound and `request` NULL or live, as the caller guarantees.
    let request = unsafe { super::api::resolve(globals, call, request) };
    verifier::require(owner, call, buffer);
    // SAFETY: `memory` is NULL or writable, as the caller guarantees.
    (request, unsafe {
        verifier::required_out(owner, call, memory)
    })
}

fn give(memory: &mut MaybeUninit<WDFMEMORY>, locked: Result<WDFMEMORY, NTSTATUS>) -> NTSTATUS {
    kernel::to_status(locked.map(|handle| {
        memory.write(handle);
    }))
}

/// WdfRequestProbeAndLockUserBufferForRead: locks a user buffer that the driver reads (REQ-21).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object. `memory` must be NULL or writable. `buffer` must be NULL or have `length` bytes.
pub(crate) unsafe extern "C" fn wdf_request_probe_and_lock_user_buffer_for_read(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    buffer: PVOID,
    length: usize,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestProbeAndLockUserBufferForRead";
    // SAFETY: `globals`, `request` and `memory` are what `begin` asks for too.
    let (request, memory) = unsafe { begin(globals, CALL, request, buffer, memory) };
    memory.write(null_mut());
    // SAFETY: The driver passes a buffer of the sender, or one that the probe rejects.
    let locked = unsafe { lock(request, CALL, buffer, length, _LOCK_OPERATION::IoReadAccess) };
    give(memory, locked)
}

/// WdfRequestProbeAndLockUserBufferForWrite: locks a user buffer that the driver writes (REQ-21).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `request` NULL or the handle of
/// a live object. `memory` must be NULL or writable. `buffer` must be NULL or have `length` bytes.
pub(crate) unsafe extern "C" fn wdf_request_probe_and_lock_user_buffer_for_write(
    globals: PWDF_DRIVER_GLOBALS,
    request: WDFREQUEST,
    buffer: PVOID,
    length: usize,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    const CALL: &CStr = c"WdfRequestProbeAndLockUserBufferForWrite";
    // SAFETY: `globals`, `request` and `memory` are what `begin` asks for too.
    let (request, memory) = unsafe { begin(globals, CALL, request, buffer, memory) };
    // SAFETY: The driver passes a buffer of the sender, or one that the probe rejects.
    let locked = unsafe {
        lock(
            request,
            CALL,
            buffer,
            length,
            _LOCK_OPERATION::IoModifyAccess,
        )
    };
    give(memory, locked)
}
