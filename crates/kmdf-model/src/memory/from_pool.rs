//! WdfMemoryCreate: memory objects with a buffer from the pool.

use super::Memory;
use crate::driver::globals::Globals;
use crate::object::attributes::{self, Rules};
use crate::object::{
    self, FrameworkObject, Kind, Layout, NewParent, Object, PASSIVE_CALLBACKS, type_code,
};
use crate::support::kernel::{self, PAGE_SIZE};
use crate::support::pool::{self, PageAligned};
use crate::support::verifier;
use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{
    _POOL_TYPE, APC_LEVEL, DISPATCH_LEVEL, NTSTATUS, POOL_TYPE, PVOID, PWDF_DRIVER_GLOBALS,
    PWDF_OBJECT_ATTRIBUTES, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, ULONG,
    WDF_OBJECT_ATTRIBUTES, WDFMEMORY,
};

const CALL: &CStr = c"WdfMemoryCreate";

/// # Safety
///
/// As for WdfMemoryCreate, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_memory_create(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    pool_type: POOL_TYPE,
    tag: ULONG,
    size: usize,
    memory: *mut WDFMEMORY,
    buffer: *mut PVOID,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let own = unsafe { Globals::from_public(globals) };
    let wanted = Wanted {
        pool_type,
        tag,
        size,
    };
    // SAFETY: As above.
    kernel::to_status(unsafe { create(own, attributes, wanted, memory, buffer) })
}

/// What to allocate.
#[derive(Clone, Copy)]
struct Wanted {
    pool_type: POOL_TYPE,
    tag: ULONG,
    size: usize,
}

/// MEM-10 to MEM-19.
///
/// # Safety
///
/// As for WdfMemoryCreate.
unsafe fn create(
    own: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    mut wanted: Wanted,
    memory: *mut WDFMEMORY,
    buffer: *mut PVOID,
) -> Result<(), NTSTATUS> {
    // SAFETY: By the contract of this function.
    let globals = unsafe { attributes::globals_of_parent(own, attributes) }.unwrap_or(own);
    verifier::require(globals, CALL, memory);
    let paged = pool::is_paged(wanted.pool_type);
    let limit = if paged { APC_LEVEL } else { DISPATCH_LEVEL };
    verifier::check_irql(globals, CALL, limit)?;
    if wanted.size == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: Not NULL, so valid.
    unsafe { memory.write(null_mut()) };
    // SAFETY: By the contract of this function.
    let attributes = unsafe { attributes::validate(attributes, Rules::PLAIN) }?;
    wanted.tag = globals.tag_or_default(wanted.tag);
    verifier::check_pool_type(globals, CALL, wanted.pool_type, wanted.tag);
    let coallocated = !paged && wanted.size < PAGE_SIZE && !globals.verifier_on();
    let created: NonNull<Memory> = if coallocated {
        // SAFETY: Validated above.
        unsafe { create_coallocated(globals, attributes, wanted) }?
    } else {
        // SAFETY: Validated above.
        unsafe { create_split(globals, attributes, wanted) }?.cast()
    };
    // SAFETY: Just created.
    let handle = unsafe { object::commit_or_delete(created, attributes, NewParent::Default) }?;
    // SAFETY: Not NULL, so valid.
    unsafe { memory.write(handle.cast()) };
    // SAFETY: The driver gives a valid pointer or NULL.
    if let Some(buffer) = unsafe { buffer.as_mut() } {
        // SAFETY: Nobody else has the new object's handle yet.
        *buffer = unsafe { created.as_ref() }.buffer.get();
    }
    Ok(())
}

/// Object and buffer in one block of the framework's allocator.
static COALLOCATED: Kind = Memory::KIND;

/// Object and buffer in one block of whole pages, without the allocator's header (MEM-26).
static COALLOCATED_PAGES: Kind = Kind {
    free: free_pages,
    ..Memory::KIND
};

/// # Safety
///
/// As for [`Kind::free`]; the storage came straight from the kernel's pool.
unsafe fn free_pages(object: NonNull<Object>) {
    // SAFETY: The memory is still there.
    let storage = unsafe { object.as_ref() }.storage();
    // SAFETY: By the contract of this function.
    unsafe { pool::kernel_free(storage.cast()) };
}

/// MEM-20, MEM-21: one allocation with the caller's pool type and tag.
///
/// # Safety
///
/// `attributes` are validated.
unsafe fn create_coallocated(
    globals: &Globals,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    wanted: Wanted,
) -> Result<NonNull<Memory>, NTSTATUS> {
    // SAFETY: By the contract of this function.
    let layout = unsafe { Layout::new(globals, size_of::<Memory>(), wanted.size, attributes) }
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
    // SAFETY: The storage has the size of the layout and nobody else knows it.
    Ok(unsafe { object::place(globals, kind, storage, &layout, build) })
}

/// A memory object with a buffer of its own from the pool.
#[repr(C)]
struct SplitMemory {
    memory: Memory,
    block: Option<NonNull<c_void>>,
}

// SAFETY: `#[repr(C)]`, and its first field begins with the object.
unsafe impl FrameworkObject for SplitMemory {
    const TYPE: u16 = type_code::MEMORY;
    const KIND: &'static Kind = &Kind {
        destroy: free_buffer,
        ..Memory::KIND
    };
}

fn free_buffer(object: &Object) {
    // SAFETY: This function is in the kind of `SplitMemory` alone.
    let memory: &SplitMemory = unsafe { object.downcast() };
    if let Some(block) = memory.block {
        // SAFETY: Allocated with the object; its last user is gone.
        unsafe { pool::kernel_free(block) };
    }
}

/// MEM-22, MEM-23, MEM-27: first the object, then the buffer.
///
/// # Safety
///
/// `attributes` are validated.
unsafe fn create_split(
    globals: &Globals,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    wanted: Wanted,
) -> Result<NonNull<SplitMemory>, NTSTATUS> {
    let build = |base| SplitMemory {
        memory: Memory::new(base, null_mut(), wanted.size),
        block: None,
    };
    // SAFETY: By the contract of this function.
    let mut created = unsafe { object::create(globals, attributes, build) }?;
    let Some(buffer) = PageAligned::allocate(wanted.pool_type, wanted.size, wanted.tag) else {
        // SAFETY: Just created, and known to nobody.
        unsafe { object::delete(created.cast()) };
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    };
    // SAFETY: Just created, and known to nobody.
    let memory = unsafe { created.as_mut() };
    memory.memory.buffer.set(buffer.address.as_ptr());
    memory.block = Some(buffer.block);
    if pool::is_paged(wanted.pool_type) {
        memory.object().mark(PASSIVE_CALLBACKS);
    }
    Ok(created)
}
