//! WdfMemoryCreateFromLookaside: memory objects whose object and buffer go back to a list.

use super::Memory;
use crate::driver::globals::Globals;
use crate::memory::lookaside::{Buffers, Lookaside};
use crate::object::handle;
use crate::object::{
    self, FrameworkObject, Kind, Layout, NewParent, Object, PASSIVE_CALLBACKS, type_code,
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

/// A memory from a list.
///
/// # Invariants
///
/// Holds a reference on `list`. `object_entry` is an entry of the list's objects in which the object
/// lies, `buffer_entry` one of its buffers.
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
    const KIND: &'static Kind = &NONPAGED;
}

static NONPAGED: Kind = Kind {
    free: return_to_list,
    ..Memory::KIND
};

/// MEM-63.
static PAGED: Kind = Kind {
    marks: PASSIVE_CALLBACKS,
    ..NONPAGED
};

/// # Safety
///
/// As for WdfMemoryCreateFromLookaside, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_memory_create_from_lookaside(
    globals: PWDF_DRIVER_GLOBALS,
    lookaside: WDFLOOKASIDE,
    memory: *mut WDFMEMORY,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let globals = unsafe { Globals::from_public(globals) };
    // SAFETY: As above.
    let lookaside: &Lookaside = unsafe { handle::typed(globals, CALL, lookaside.cast()) };
    // SAFETY: As above.
    kernel::to_status(unsafe { create(lookaside, memory) })
}

/// MEM-57, in its order.
///
/// # Safety
///
/// As for WdfMemoryCreateFromLookaside.
unsafe fn create(lookaside: &Lookaside, memory: *mut WDFMEMORY) -> Result<(), NTSTATUS> {
    let globals = lookaside.object().globals();
    verifier::require(globals, CALL, memory);
    // SAFETY: Not NULL, so valid.
    unsafe { memory.write(null_mut()) };
    let Some(layout) = &lookaside.layout else {
        stop::undefined(c"WdfMemoryCreateFromLookaside on a list that was never initialised");
    };
    let created = allocate(lookaside, layout).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let attributes = lookaside.memory_attributes.as_ref();
    // SAFETY: The attributes were validated with the list, their parent is the driver's to keep
    // (MEM-58).
    let handle = unsafe { object::commit_or_delete(created, attributes, NewParent::Default) }?;
    // SAFETY: Not NULL, so valid.
    unsafe { memory.write(handle.cast()) };
    Ok(())
}

/// MEM-60 to MEM-62: first the object's entry, then the buffer's.
fn allocate(lookaside: &Lookaside, layout: &Layout) -> Option<NonNull<LookasideMemory>> {
    let object_entry = lookaside.objects.allocate()?;
    let bytes: NonNull<u8> = object_entry.address.cast();
    let zeroes_buffer = lookaside
        .object()
        .globals()
        .settings
        .zeroes_lookaside_buffers
        .get();
    // SAFETY: The extra bytes of the layout, if any, begin inside the entry, which is nobody else's.
    unsafe { bytes.write_bytes(0, layout.extra()) };
    if zeroes_buffer {
        let length = layout.extra_end() - layout.extra();
        // SAFETY: The extra bytes of the layout begin inside the entry.
        let buffer = unsafe { bytes.add(layout.extra()) };
        // SAFETY: The extra bytes of the layout are this long.
        unsafe { buffer.write_bytes(0, length) };
    }
    // SAFETY: The entry has the size of the layout.
    let rest = unsafe { bytes.add(layout.extra_end()) };
    // SAFETY: The entry goes on to the end of the layout, and is nobody else's.
    unsafe { rest.write_bytes(0, layout.total() - layout.extra_end()) };
    let (buffer, buffer_entry) = match &lookaside.buffers {
        None => {
            // SAFETY: The extra bytes of the layout lie inside the entry.
            let buffer = unsafe { bytes.add(layout.extra()) };
            (buffer.cast(), None)
        }
        Some(buffers) => {
            let Some(entry) = buffers.list.allocate() else {
                // SAFETY: Just allocated.
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

/// The buffer in its entry; as it was from a page upwards, below a page zeroed if the settings say so
/// (MEM-60).
fn prepare_buffer(
    buffers: &Buffers,
    entry: PageAligned,
    size: usize,
    zeroes_buffer: bool,
) -> NonNull<c_void> {
    // SAFETY: The entry has `front` bytes more than the buffer.
    let buffer = unsafe { entry.address.byte_add(buffers.front) };
    if zeroes_buffer && size < kernel::PAGE_SIZE {
        // SAFETY: As above.
        unsafe { buffer.cast::<u8>().write_bytes(0, size) };
    }
    buffer
}

/// MEM-64: first the buffer's entry, then the object's, then the reference on the list.
///
/// # Safety
///
/// As for [`Kind::free`]; this is in the kinds of [`LookasideMemory`] alone.
unsafe fn return_to_list(object: NonNull<Object>) {
    // SAFETY: The memory is still there, and of this type.
    let memory = unsafe { object.cast::<LookasideMemory>().as_ref() };
    let list = memory.list;
    // SAFETY: The reference held keeps the list.
    let lookaside = unsafe { list.as_ref() };
    let (object_entry, buffer_entry) = (memory.object_entry, memory.buffer_entry);
    if let (Some(buffers), Some(entry)) = (&lookaside.buffers, buffer_entry) {
        // SAFETY: By the invariant, and its last user is gone.
        unsafe { buffers.list.free(entry) };
    }
    // SAFETY: As above.
    unsafe { lookaside.objects.free(object_entry) };
    // SAFETY: Taken when the memory was created.
    unsafe { object::release(list.cast()) };
}
