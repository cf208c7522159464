//! WDFLOOKASIDE: lists from which memory objects with buffers of one size are taken.

use crate::driver::globals::Globals;
use crate::memory::LookasideMemory;
use crate::memory::entry_list::EntryList;
use crate::object::attributes::{self, Rules};
use crate::object::handle;
use crate::object::{
    self, FrameworkObject, Kind, Layout, NewParent, Object, PASSIVE_CALLBACKS, type_code,
};
use crate::support::kernel::{self, PAGE_SIZE};
use crate::support::pool;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::{NonNull, null_mut};
use kmdf_sys::{
    MEMORY_ALLOCATION_ALIGNMENT, NTSTATUS, PASSIVE_LEVEL, POOL_TYPE, PWDF_DRIVER_GLOBALS,
    PWDF_OBJECT_ATTRIBUTES, STATUS_INTEGER_OVERFLOW, STATUS_INVALID_PARAMETER, ULONG,
    WDF_OBJECT_ATTRIBUTES, WDFLOOKASIDE,
};

const CALL: &CStr = c"WdfLookasideListCreate";

/// Bytes in front of a paged buffer of less than a page (MEM-61).
pub(crate) const PAGED_BUFFER_HEADER: usize = MEMORY_ALLOCATION_ALIGNMENT as usize;

/// The buffers of a list whose entries do not hold them (MEM-53).
pub(crate) struct Buffers {
    pub(crate) list: EntryList,
    /// Bytes of an entry in front of the buffer.
    pub(crate) front: usize,
}

/// A list of memory objects.
///
/// # Invariants
///
/// The kernel's lists are initialised from the end of [`create`] until the object is destroyed.
/// `layout` was made for a [`LookasideMemory`].
#[repr(C)]
pub(crate) struct Lookaside {
    object: Object,
    pub(crate) buffer_size: usize,
    pub(crate) paged: bool,
    /// A copy; the parent in it is the handle that the driver gave (MEM-54).
    pub(crate) memory_attributes: Option<WDF_OBJECT_ATTRIBUTES>,
    /// Of the entries with the memory objects.
    pub(crate) layout: Option<Layout>,
    pub(crate) objects: EntryList,
    pub(crate) buffers: Option<Buffers>,
}

// SAFETY: `#[repr(C)]` with the object first.
unsafe impl FrameworkObject for Lookaside {
    const KIND: &'static Kind = &Kind {
        destroy: delete_lists,
        ..Kind::new(c"WDFLOOKASIDE", type_code::LOOKASIDE)
    };
}

fn delete_lists(object: &Object) {
    // SAFETY: This function is in the kind of `Lookaside` alone.
    let lookaside: &Lookaside = unsafe { object.downcast() };
    if lookaside.layout.is_none() {
        return;
    }
    if let Some(buffers) = &lookaside.buffers {
        buffers.list.delete();
    }
    lookaside.objects.delete();
}

/// # Safety
///
/// As for WdfLookasideListCreate, with bound driver globals.
pub(crate) unsafe extern "C" fn wdf_lookaside_list_create(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    buffer_size: usize,
    pool_type: POOL_TYPE,
    memory_attributes: PWDF_OBJECT_ATTRIBUTES,
    tag: ULONG,
    lookaside: *mut WDFLOOKASIDE,
) -> NTSTATUS {
    // SAFETY: By the contract of this function.
    let own = unsafe { Globals::from_public(globals) };
    let wanted = Wanted {
        buffer_size,
        pool_type,
        tag,
    };
    // SAFETY: As above.
    kernel::to_status(unsafe { create(own, attributes, memory_attributes, wanted, lookaside) })
}

/// What the entries are to be.
#[derive(Clone, Copy)]
struct Wanted {
    buffer_size: usize,
    pool_type: POOL_TYPE,
    tag: ULONG,
}

/// MEM-41 to MEM-51.
///
/// # Safety
///
/// As for WdfLookasideListCreate.
unsafe fn create(
    own: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    memory_attributes: PWDF_OBJECT_ATTRIBUTES,
    mut wanted: Wanted,
    lookaside: *mut WDFLOOKASIDE,
) -> Result<(), NTSTATUS> {
    // SAFETY: By the contract of this function.
    let of_list = unsafe { attributes::globals_of_parent(own, attributes) };
    // SAFETY: As above.
    let of_memories = || unsafe { attributes::globals_of_parent(own, memory_attributes) };
    let globals = of_list.or_else(of_memories).unwrap_or(own);
    verifier::require(globals, CALL, lookaside);
    // SAFETY: Not NULL, so valid.
    unsafe { lookaside.write(null_mut()) };
    if wanted.buffer_size == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: By the contract of this function.
    let attributes = unsafe { attributes::validate(attributes, Rules::PLAIN) }?;
    // SAFETY: As above.
    let memory_attributes = unsafe { attributes::validate(memory_attributes, Rules::PLAIN) }?;
    wanted.tag = globals.tag_or_default(wanted.tag);
    verifier::check_pool_type(globals, CALL, wanted.pool_type, wanted.tag);
    if pool::is_paged(wanted.pool_type) {
        verifier::check_irql(globals, CALL, PASSIVE_LEVEL)?;
        // SAFETY: Validated above.
        unsafe { refuse_two_devices(globals, attributes, memory_attributes) }?;
    }
    // SAFETY: Validated above.
    let created = unsafe { create_object(globals, attributes, memory_attributes, wanted) }?;
    // SAFETY: Just created.
    let handle = unsafe { object::commit_or_delete(created, attributes, NewParent::Default) }?;
    // SAFETY: Not NULL, so valid.
    unsafe { lookaside.write(handle.cast()) };
    Ok(())
}

/// MEM-48.
///
/// # Safety
///
/// The parents in the attributes are live.
unsafe fn refuse_two_devices(
    globals: &Globals,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    memory_attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
) -> Result<(), NTSTATUS> {
    let device = |attributes: Option<&WDF_OBJECT_ATTRIBUTES>| {
        let parent = attributes?.ParentObject;
        if parent.is_null() {
            return None;
        }
        // SAFETY: By the contract of this function.
        unsafe { handle::object(globals, CALL, parent) }.device()
    };
    match (device(attributes), device(memory_attributes)) {
        (Some(one), Some(other)) if one != other => Err(STATUS_INVALID_PARAMETER),
        _ => Ok(()),
    }
}

/// MEM-49, MEM-50, MEM-53.
///
/// # Safety
///
/// Both attributes are validated.
unsafe fn create_object(
    globals: &Globals,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    memory_attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    wanted: Wanted,
) -> Result<NonNull<Lookaside>, NTSTATUS> {
    let paged = pool::is_paged(wanted.pool_type);
    let large = wanted.buffer_size >= PAGE_SIZE;
    let embedded = if paged || large {
        0
    } else {
        wanted.buffer_size
    };
    let size = size_of::<LookasideMemory>();
    // SAFETY: By the contract of this function.
    let layout = unsafe { Layout::new(globals, size, embedded, memory_attributes) };
    let front = if large { 0 } else { PAGED_BUFFER_HEADER };
    let buffers = (paged || large).then(|| Buffers {
        list: EntryList::new(paged, wanted.buffer_size.saturating_add(front)),
        front,
    });
    let build = |base| Lookaside {
        object: base,
        buffer_size: wanted.buffer_size,
        paged,
        memory_attributes: memory_attributes.copied(),
        layout,
        objects: EntryList::new(false, layout.map_or(0, |layout| layout.total())),
        buffers,
    };
    // SAFETY: By the contract of this function.
    let created = unsafe { object::create(globals, attributes, build) }?;
    // SAFETY: Just created.
    let lookaside = unsafe { created.as_ref() };
    if layout.is_none() {
        // SAFETY: Just created, and known to nobody.
        unsafe { object::delete(created.cast()) };
        return Err(STATUS_INTEGER_OVERFLOW);
    }
    if paged {
        lookaside.object.mark(PASSIVE_CALLBACKS);
    }
    lookaside.objects.initialize(wanted.tag);
    if let Some(buffers) = &lookaside.buffers {
        buffers.list.initialize(wanted.tag);
    }
    Ok(created)
}
