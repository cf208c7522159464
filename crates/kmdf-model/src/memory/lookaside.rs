//! WDFLOOKASIDE: lists from which memory objects with buffers of one size are taken.

use crate::driver::globals::Globals;
use crate::memory::LookasideMemory;
use crate::memory::entry_list::EntryList;
use crate::object::attributes::{self, Attributes, Rules, StoredAttributes};
use crate::object::{
    self, FrameworkObject, Layout, New, NewParent, Object, ObjectKind, PASSIVE_CALLBACKS, type_code,
};
use crate::support::kernel::{self, PAGE_SIZE};
use crate::support::pool;
use crate::support::verifier;
use core::ffi::CStr;
use core::ptr::null_mut;
use kmdf_sys::{
    MEMORY_ALLOCATION_ALIGNMENT, NTSTATUS, PASSIVE_LEVEL, POOL_TYPE, PWDF_DRIVER_GLOBALS,
    PWDF_OBJECT_ATTRIBUTES, STATUS_INTEGER_OVERFLOW, STATUS_INVALID_PARAMETER, ULONG, WDFLOOKASIDE,
};

const CALL: &CStr = c"WdfLookasideListCreate";

/// Bytes in front of a paged buffer of less than a page (MEM-61).
pub(crate) const PAGED_BUFFER_HEADER: usize = MEMORY_ALLOCATION_ALIGNMENT as usize;

/// The buffers of a list whose entries do not hold them (MEM-53).
pub(crate) struct Buffers {
    pub(crate) list: EntryList,
    /// How many bytes of an entry lie in front of the buffer.
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
    /// The attributes of every memory object, with the parent that the driver gave (MEM-54).
    pub(crate) memory_attributes: StoredAttributes,
    /// The layout of the entries that hold the memory objects; `None` if its size overflows.
    pub(crate) layout: Option<Layout>,
    pub(crate) objects: EntryList,
    pub(crate) buffers: Option<Buffers>,
}

// SAFETY: `#[repr(C)]` with the object first.
unsafe impl FrameworkObject for Lookaside {
    const KIND: &'static ObjectKind = &ObjectKind {
        destroy: delete_lists,
        ..ObjectKind::new(c"WDFLOOKASIDE", type_code::LOOKASIDE)
    };
}

fn delete_lists(object: &Object) {
    // SAFETY: Only the kind of `Lookaside` has this function.
    let lookaside: &Lookaside = unsafe { object.downcast() };
    if lookaside.layout.is_none() {
        return;
    }
    if let Some(buffers) = &lookaside.buffers {
        buffers.list.delete();
    }
    lookaside.objects.delete();
}

/// WdfLookasideListCreate: a list of memory objects with buffers of one size (MEM-41 to MEM-51).
///
/// # Safety
///
/// `globals` must be those that WdfVersionBind gave the caller. `lookaside` must be NULL or
/// writable. `attributes` must be NULL or attributes that stay unchanged for the call, with
/// readable type information and a live parent. `memory_attributes` must be NULL or attributes that
/// stay unchanged for the call, with readable type information and a live parent.
pub(crate) unsafe extern "C" fn wdf_lookaside_list_create(
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    buffer_size: usize,
    pool_type: POOL_TYPE,
    memory_attributes: PWDF_OBJECT_ATTRIBUTES,
    tag: ULONG,
    lookaside: *mut WDFLOOKASIDE,
) -> NTSTATUS {
    // SAFETY: `globals` came from WdfVersionBind, as the caller guarantees.
    let own = unsafe { Globals::from_public(globals) };
    let wanted = Entries {
        buffer_size,
        pool_type,
        tag,
    };
    // SAFETY: The caller's attributes and out pointer are as `create` asks.
    kernel::to_status(unsafe { create(own, attributes, memory_attributes, wanted, lookaside) })
}

/// The buffers that the driver asks for.
#[derive(Clone, Copy)]
struct Entries {
    buffer_size: usize,
    pool_type: POOL_TYPE,
    tag: ULONG,
}

/// Creates and commits the list, with the checks in their order (MEM-41 to MEM-51).
///
/// # Safety
///
/// `attributes` and `memory_attributes` must each be NULL or as [`attributes::validate`] asks,
/// `lookaside` NULL or writable.
unsafe fn create(
    own: &Globals,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    memory_attributes: PWDF_OBJECT_ATTRIBUTES,
    mut wanted: Entries,
    lookaside: *mut WDFLOOKASIDE,
) -> Result<(), NTSTATUS> {
    // SAFETY: The list's attributes are NULL or readable and their parent is live.
    let of_list = unsafe { attributes::globals_of_parent(own, attributes) };
    // SAFETY: The memory objects' attributes are NULL or readable and their parent is live.
    let of_memories = || unsafe { attributes::globals_of_parent(own, memory_attributes) };
    let globals = of_list.or_else(of_memories).unwrap_or(own);
    // SAFETY: `lookaside` is NULL or writable, as the caller guarantees.
    let lookaside = unsafe { verifier::required_out(globals, CALL, lookaside) };
    lookaside.write(null_mut());
    if wanted.buffer_size == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: The list's attributes stay unchanged for the call, as the caller guarantees.
    let attributes = unsafe { attributes::validate(attributes, Rules::PLAIN) }?;
    // SAFETY: The memory objects' attributes do so too.
    let memory_attributes = unsafe { attributes::validate(memory_attributes, Rules::PLAIN) }?;
    wanted.tag = globals.tag_or_default(wanted.tag);
    verifier::check_pool_type(globals, CALL, wanted.pool_type, wanted.tag);
    if pool::is_paged(wanted.pool_type) {
        verifier::check_irql(globals, CALL, PASSIVE_LEVEL)?;
        reject_two_devices(globals, attributes, memory_attributes)?;
    }
    let created = create_object(globals, attributes, memory_attributes, wanted)?;
    let created = created.commit(attributes, NewParent::Default)?;
    lookaside.write(created.handle().cast());
    Ok(())
}

/// Rejects a paged list whose own parent and whose memory objects' parent belong to different devices
/// (MEM-48).
fn reject_two_devices(
    globals: &Globals,
    attributes: Attributes<'_>,
    memory_attributes: Attributes<'_>,
) -> Result<(), NTSTATUS> {
    let device = |attributes: Attributes<'_>| attributes.parent(globals)?.device();
    match (device(attributes), device(memory_attributes)) {
        (Some(one), Some(other)) if one != other => Err(STATUS_INVALID_PARAMETER),
        _ => Ok(()),
    }
}

/// Creates the object and initialises the kernel's lists (MEM-49, MEM-50, MEM-53).
fn create_object(
    globals: &Globals,
    attributes: Attributes<'_>,
    memory_attributes: Attributes<'_>,
    wanted: Entries,
) -> Result<New<Lookaside>, NTSTATUS> {
    let paged = pool::is_paged(wanted.pool_type);
    let large = wanted.buffer_size >= PAGE_SIZE;
    let embedded = if paged || large {
        0
    } else {
        wanted.buffer_size
    };
    let size = size_of::<LookasideMemory>();
    let layout = Layout::new(globals, size, embedded, memory_attributes);
    let front = if large { 0 } else { PAGED_BUFFER_HEADER };
    let buffers = (paged || large).then(|| Buffers {
        list: EntryList::new(paged, wanted.buffer_size.saturating_add(front)),
        front,
    });
    let build = |base| Lookaside {
        object: base,
        buffer_size: wanted.buffer_size,
        paged,
        memory_attributes: memory_attributes.to_stored(),
        layout,
        objects: EntryList::new(false, layout.map_or(0, |layout| layout.total())),
        buffers,
    };
    let created = object::create(globals, attributes, build)?;
    if layout.is_none() {
        return Err(STATUS_INTEGER_OVERFLOW);
    }
    if paged {
        created.object.mark(PASSIVE_CALLBACKS);
    }
    created.objects.initialize(wanted.tag);
    if let Some(buffers) = &created.buffers {
        buffers.list.initialize(wanted.tag);
    }
    Ok(created)
}
