//! WdfMemoryCreateFromLookaside: memory objects whose object and buffer go back to a list.

use super::Memory;
use crate::memory::lookaside::{Buffers, Lookaside};
use crate::object::handle;
use crate::object::{
    self, FrameworkObject, Layout, New, NewParent, Object, ObjectKind, PASSIVE_CALLBACKS, type_code,
};
use crate::support::kernel;
use crate::support::pool::PageAligned;
use crate::support::stop;
use crate::support::verifier;
use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{
    NTSTATUS, PWDF_DRIVER_GLOBALS, STATUS_INSUFFICIENT_RESOURCES, WDFLOOKASIDE, WDFMEMORY,
};

const CALL: &CStr = c"WdfMemoryCreateFromLookaside";

/// A memory object from a lookaside list.
///
/// # Invariants
///
/// The memory object owns a reference on `list`. `object_entry` is the entry of the list's objects in
/// which it lies, `buffer_entry` an entry of the list's buffers.
#[repr(C)]
pub(crate) struct LookasideMemory {
    memory: Memory,
    list: NonNull<Lookaside>,
    object_entry: PageAligned,
    buffer_entry: Option<PageAligned>,
}

// SAFETY: `#[repr(C)]`, and its first field begins with the object.
unsafe impl FrameworkObject for LookasideMemory {
    const TYPE: u16 = type_code::MEMORY;
    const KIND: &'static ObjectKind = &NONPAGED;
}

static NONPAGED: ObjectKind = ObjectKind {
    free: return_to_list,
    ..Memory::KIND
};

/// With a paged buffer, the object is disposed of at PASSIVE_LEVEL (MEM-63).
static PAGED: ObjectKind = ObjectKind {
    marks: PASSIVE_CALLBACKS,
    ..NONPAGED
};

/// WdfMemoryCreateFromLookaside: takes a memory object from a lookaside list (MEM-57).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller, and `lookaside` NULL or the handle
/// of a live object. `memory` must be NULL or writable.
pub(crate) unsafe extern "C" fn wdf_memory_create_from_lookaside(
    globals: PWDF_DRIVER_GLOBALS,
    lookaside: WDFLOOKASIDE,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    // SAFETY: `globals` is bound and `lookaside` NULL or live, as the caller guarantees.
    let lookaside: &Lookaside = unsafe { handle::resolve(globals, CALL, lookaside.cast()) };
    // SAFETY: `memory` is NULL or writable, as the caller guarantees.
    kernel::to_status(unsafe { create(lookaside, memory) })
}

/// Takes and commits a memory object, with the checks in their order (MEM-57).
///
/// # Safety
///
/// `memory` must be NULL or writable.
unsafe fn create(lookaside: &Lookaside, memory: *mut WDFMEMORY) -> Result<(), NTSTATUS> {
    let globals = lookaside.object().globals();
    // SAFETY: `memory` is NULL or writable, as the caller guarantees.
    let memory = unsafe { verifier::required_out(globals, CALL, memory) };
    memory.write(null_mut());
    let Some(layout) = &lookaside.layout else {
        stop::undefined(c"WdfMemoryCreateFromLookaside on a list that was never initialised");
    };
    let created = allocate(lookaside, layout).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let created = created.commit(lookaside.memory_attributes.get(), NewParent::Default)?;
    memory.write(created.handle().cast());
    Ok(())
}

/// Takes the entry of the object, then that of the buffer (MEM-60 to MEM-62).
fn allocate(lookaside: &Lookaside, layout: &Layout) -> Option<New<LookasideMemory>> {
    let object_entry = lookaside.objects.allocate()?;
    let bytes: NonNull<u8> = object_entry.address.cast();
    let zeroes_buffer = lookaside
        .object()
        .globals()
        .settings
        .zeroes_lookaside_buffers
        .get();
    // SAFETY: The entry is new and has the size of the layout, so the object's bytes lie inside.
    unsafe { bytes.write_bytes(0, layout.extra()) };
    if zeroes_buffer {
        let length = layout.extra_end() - layout.extra();
        // SAFETY: The extra bytes of the layout begin inside the entry.
        let buffer = unsafe { bytes.add(layout.extra()) };
        // SAFETY: `length` is the length of the layout's extra bytes.
        unsafe { buffer.write_bytes(0, length) };
    }
    // SAFETY: The entry has the size of the layout.
    let rest = unsafe { bytes.add(layout.extra_end()) };
    // SAFETY: The entry is new and reaches to the end of the layout.
    unsafe { rest.write_bytes(0, layout.total() - layout.extra_end()) };
    let (buffer, buffer_entry) = match &lookaside.buffers {
        None => {
            // SAFETY: The extra bytes of the layout lie inside the entry.
            let buffer = unsafe { bytes.add(layout.extra()) };
            (buffer.cast(), None)
        }
        Some(buffers) => {
            let Some(entry) = buffers.list.allocate() else {
                // SAFETY: Allocated from this list above, and not used.
                unsafe { lookaside.objects.free(object_entry) };
                return None;
            };
            (
                prepare_buffer(buffers, entry, lookaside.buffer_size, zeroes_buffer),
                Some(entry),
            )
        }
    };
    object::reference(lookaside.object());
    let build = |base| LookasideMemory {
        memory: Memory::new(base, buffer.as_ptr(), lookaside.buffer_size),
        list: lookaside.object().pointer().cast(),
        object_entry,
        buffer_entry,
    };
    let kind = if lookaside.paged { &PAGED } else { &NONPAGED };
    let globals = lookaside.object().globals();
    // SAFETY: The entry has the size of the layout, which was made for this type.
    Some(unsafe { object::place(globals, kind, bytes, layout, build) })
}

/// The buffer in its entry: zeroed if it is smaller than a page and the settings say so, else with the
/// contents that the pool left (MEM-60).
fn prepare_buffer(
    buffers: &Buffers,
    entry: PageAligned,
    size: usize,
    zeroes_buffer: bool,
) -> NonNull<c_void> {
    // SAFETY: The entry has `front` bytes more than the buffer.
    let buffer = unsafe { entry.address.byte_add(buffers.front) };
    if zeroes_buffer && size < kernel::PAGE_SIZE {
        // SAFETY: The entry has `size` bytes behind the front.
        unsafe { buffer.cast::<u8>().write_bytes(0, size) };
    }
    buffer
}

/// Frees the buffer's entry, then the object's, and drops the reference on the list (MEM-64).
///
/// # Safety
///
/// The object must be a [`LookasideMemory`] that is no longer in use.
unsafe fn return_to_list(object: NonNull<Object>) {
    // SAFETY: Of this type, as the caller guarantees, and freed only below.
    let memory = unsafe { object.cast::<LookasideMemory>().as_ref() };
    let list = memory.list;
    // SAFETY: The memory object's reference, dropped below, keeps the list.
    let lookaside = unsafe { list.as_ref() };
    let (object_entry, buffer_entry) = (memory.object_entry, memory.buffer_entry);
    if let (Some(buffers), Some(entry)) = (&lookaside.buffers, buffer_entry) {
        // SAFETY: An entry of this list, by the invariant, and no longer in use.
        unsafe { buffers.list.free(entry) };
    }
    // SAFETY: An entry of this list, by the invariant; the object in it is finished.
    unsafe { lookaside.objects.free(object_entry) };
    // SAFETY: `allocate` took this reference for the memory object.
    unsafe { object::release(list.cast()) };
}
