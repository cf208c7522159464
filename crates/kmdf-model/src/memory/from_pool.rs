//! WdfMemoryCreate: memory objects with a buffer from the pool.

use super::Memory;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Attributes, Rules};
use crate::object::{
    self, FrameworkObject, Layout, New, NewParent, Object, ObjectKind, PASSIVE_CALLBACKS, type_code,
};
use crate::support::kernel::{self, PAGE_SIZE};
use crate::support::pool::{self, PageAligned};
use crate::support::verifier;
use core::cell::Cell;
use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{
    _POOL_TYPE, APC_LEVEL, DISPATCH_LEVEL, NTSTATUS, POOL_TYPE, PVOID, PWDF_DRIVER_GLOBALS,
    PWDF_OBJECT_ATTRIBUTES, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, ULONG,
    WDFMEMORY,
};

const CALL: &CStr = c"WdfMemoryCreate";

/// WdfMemoryCreate: a memory object with a buffer from pool (MEM-10 to MEM-19).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `memory` and `buffer` must each be
/// NULL or writable. `attributes` must be NULL or attributes that stay unchanged for the call, with
/// readable type information and a live parent.
pub(crate) unsafe extern "C" fn wdf_memory_create(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    pool_type: POOL_TYPE,
    tag: ULONG,
    size: usize,
    memory: *mut WDFMEMORY,
    buffer: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let own = unsafe { Globals::from_public(globals) };
    let wanted = Allocation {
        pool_type,
        tag,
        size,
    };
    // SAFETY: The caller's attributes and out pointers are as `create` asks.
    kernel::to_status(unsafe { create(own, attributes, wanted, memory, buffer) })
}

/// The buffer that the driver asks for.
#[derive(Clone, Copy)]
struct Allocation {
    pool_type: POOL_TYPE,
    tag: ULONG,
    size: usize,
}

/// Creates and commits the object, with the checks in their order (MEM-10 to MEM-19).
///
/// # Safety
///
/// `attributes` must be NULL or as [`attributes::validate`] asks, `memory` and `buffer` each NULL or
/// writable.
unsafe fn create(
    own: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    mut wanted: Allocation,
    memory: *mut WDFMEMORY,
    buffer: *mut PVOID,
) -> Result<(), NTSTATUS> {
    // SAFETY: The attributes are NULL or readable and their parent is live.
    let globals = unsafe { attributes::globals_of_parent(own, attributes) }.unwrap_or(own);
    // SAFETY: `memory` is NULL or writable, as the caller guarantees.
    let memory = unsafe { verifier::required_out(globals, CALL, memory) };
    let paged = pool::is_paged(wanted.pool_type);
    let limit = if paged { APC_LEVEL } else { DISPATCH_LEVEL };
    verifier::check_irql(globals, CALL, limit)?;
    if wanted.size == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    memory.write(null_mut());
    // SAFETY: The attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(attributes, Rules::PLAIN) }?;
    wanted.tag = globals.tag_or_default(wanted.tag);
    verifier::check_pool_type(globals, CALL, wanted.pool_type, wanted.tag);
    let coallocated = !paged && wanted.size < PAGE_SIZE && !globals.verifier_on();
    let (handle, address) = if coallocated {
        let created = create_coallocated(globals, attributes, wanted)?;
        let created = created.commit(attributes, NewParent::Default)?;
        (created.handle(), created.buffer.get())
    } else {
        let created = create_split(globals, attributes, wanted)?;
        let created = created.commit(attributes, NewParent::Default)?;
        (created.handle(), created.memory.buffer.get())
    };
    memory.write(handle.cast());
    // SAFETY: `buffer` is NULL or writable, as the caller guarantees.
    unsafe { verifier::write_optional(buffer, address) };
    Ok(())
}

/// Object and buffer in one block of the framework's allocator.
static COALLOCATED: ObjectKind = Memory::KIND;

/// Object and buffer in one block of whole pages, without the allocator's header (MEM-26).
static COALLOCATED_PAGES: ObjectKind = ObjectKind {
    free: free_pages,
    ..Memory::KIND
};

/// Frees the storage of a [`COALLOCATED_PAGES`] object.
///
/// # Safety
///
/// The object must no longer be in use, and its storage have come straight from the kernel's pool.
unsafe fn free_pages(object: NonNull<Object>) {
    // SAFETY: The storage, in which the object lies, is freed below.
    let storage = unsafe { object.as_ref() }.storage();
    // SAFETY: The kernel's pool gave it, as the caller guarantees.
    unsafe { pool::kernel_free(storage.cast()) };
}

/// Object and buffer in one allocation, with the driver's pool type and tag (MEM-20, MEM-21).
fn create_coallocated(
    globals: &Globals,
    attributes: Attributes<'_>,
    wanted: Allocation,
) -> Result<New<Memory>, NTSTATUS> {
    let layout = Layout::new(globals, size_of::<Memory>(), wanted.size, attributes)
        .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let pool_type = match wanted.pool_type {
        _POOL_TYPE::NonPagedPoolMustSucceed
        | _POOL_TYPE::NonPagedPoolCacheAligned
        | _POOL_TYPE::NonPagedPoolCacheAlignedMustS => _POOL_TYPE::NonPagedPool,
        other => other,
    };
    let (kind, storage) = if pool::fills_page(layout.total()) {
        let block = pool::kernel_allocate(pool_type, layout.total(), wanted.tag);
        (&COALLOCATED_PAGES, block.map(NonNull::cast))
    } else {
        let block = pool::allocate_raw(globals, pool_type, layout.total(), wanted.tag);
        (&COALLOCATED, block)
    };
    let storage = storage.ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    // SAFETY: The extra bytes of the layout lie inside the storage.
    let buffer = unsafe { storage.add(layout.extra()) };
    let build = |base| Memory::new(base, buffer.as_ptr().cast(), wanted.size);
    // SAFETY: The storage is new and has the size of the layout, which was made for a `Memory`.
    Ok(unsafe { object::place(globals, kind, storage, &layout, build) })
}

/// A memory object whose buffer is an allocation of its own.
#[repr(C)]
struct SplitMemory {
    memory: Memory,
    /// The allocation that the buffer lies in, once it is made.
    block: Cell<Option<NonNull<c_void>>>,
}

// SAFETY: `#[repr(C)]`, and its first field begins with the object.
unsafe impl FrameworkObject for SplitMemory {
    const TYPE: u16 = type_code::MEMORY;
    const KIND: &'static ObjectKind = &ObjectKind {
        destroy: free_buffer,
        ..Memory::KIND
    };
}

fn free_buffer(object: &Object) {
    // SAFETY: Only the kind of `SplitMemory` has this function.
    let memory: &SplitMemory = unsafe { object.downcast() };
    if let Some(block) = memory.block.take() {
        // SAFETY: Allocated for this object, whose last reference was dropped.
        unsafe { pool::kernel_free(block) };
    }
}

/// Object and buffer in two allocations, the object first (MEM-22, MEM-23, MEM-27).
fn create_split(
    globals: &Globals,
    attributes: Attributes<'_>,
    wanted: Allocation,
) -> Result<New<SplitMemory>, NTSTATUS> {
    let build = |base| SplitMemory {
        memory: Memory::new(base, null_mut(), wanted.size),
        block: Cell::new(None),
    };
    let created = object::create(globals, attributes, build)?;
    let buffer = PageAligned::allocate(wanted.pool_type, wanted.size, wanted.tag)
        .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    created.memory.buffer.set(buffer.address.as_ptr());
    created.block.set(Some(buffer.block));
    if pool::is_paged(wanted.pool_type) {
        created.object().mark(PASSIVE_CALLBACKS);
    }
    Ok(created)
}
