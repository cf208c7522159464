//! Birth of an object: its storage, its base, its place in the tree.

use super::tree;
use super::{COMMITTED, Children, FrameworkObject, Kind, LIVE, Object, PASSIVE_CALLBACKS, State};
use crate::driver::globals::Globals;
use crate::object::attributes;
use crate::object::context::ContextHeader;
use crate::object::handle;
use crate::support::pool;
use crate::support::verifier;
use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI32, AtomicU32};
use kmdf_sys::{
    _WDF_EXECUTION_LEVEL, MEMORY_ALLOCATION_ALIGNMENT, NTSTATUS, PCWDF_OBJECT_CONTEXT_TYPE_INFO,
    STATUS_INSUFFICIENT_RESOURCES, WDF_OBJECT_ATTRIBUTES, WDFOBJECT,
};

/// Bytes that the verifier puts in front of each object (VER-8).
const DEBUG_EXTENSION: usize = 64;

/// Where the parts of an object lie in its storage (OBJ-9, OBJ-10).
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// From the start of the storage.
    object: usize,
    /// From the start of the storage; the extra bytes lie between the object and here.
    context_header: usize,
    extra: usize,
    context_size: usize,
    total: usize,
    type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
}

impl Layout {
    /// The layout for an object of `size` bytes with `extra` bytes for a buffer and the context
    /// that the attributes ask for; `None` if the sum overflows.
    ///
    /// # Safety
    ///
    /// `attributes` passed [`attributes::validate`] and are unchanged.
    pub(crate) unsafe fn new(
        globals: &Globals,
        size: usize,
        extra: usize,
        attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    ) -> Option<Self> {
        // SAFETY: By the contract of this function.
        let context_size = unsafe { attributes::context_size(attributes) };
        let context_size = context_size.checked_next_multiple_of(size_of::<usize>())?;
        let object = if globals.verifier_on() {
            DEBUG_EXTENSION
        } else {
            0
        };
        let extra_offset = object.checked_add(round_up(size)?)?;
        let context_header = extra_offset.checked_add(round_up(extra)?)?;
        let total = context_header
            .checked_add(size_of::<ContextHeader>())?
            .checked_add(context_size)?;
        Some(Self {
            object,
            context_header,
            extra: extra_offset,
            context_size,
            total,
            type_info: attributes.map_or(core::ptr::null(), |given| given.ContextTypeInfo),
        })
    }

    /// Bytes of storage that the object needs.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Where the extra bytes begin, from the start of the storage.
    pub(crate) fn extra(&self) -> usize {
        self.extra
    }

    /// Where the extra bytes end, from the start of the storage.
    pub(crate) fn extra_end(&self) -> usize {
        self.context_header
    }
}

fn round_up(size: usize) -> Option<usize> {
    size.checked_next_multiple_of(MEMORY_ALLOCATION_ALIGNMENT as usize)
}

/// Allocates an object with its context and builds it from its base.
///
/// # Errors
///
/// STATUS_INSUFFICIENT_RESOURCES, also if the size overflows (OBJ-15).
///
/// # Safety
///
/// `attributes` passed [`attributes::validate`] and are unchanged.
pub(crate) unsafe fn create<T: FrameworkObject>(
    globals: &Globals,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    build: impl FnOnce(Object) -> T,
) -> Result<NonNull<T>, NTSTATUS> {
    // SAFETY: By the contract of this function.
    let layout = unsafe { Layout::new(globals, size_of::<T>(), 0, attributes) }
        .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let storage = pool::allocate(globals, layout.total()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    // SAFETY: The storage has the size of the layout and belongs to nobody else.
    Ok(unsafe { place(globals, T::KIND, storage, &layout, build) })
}

/// Builds an object of `kind` in the given storage. The context is zeroed (OBJ-12), the extra bytes
/// are left as they are.
///
/// # Safety
///
/// `storage` has `layout.total()` bytes, is 16-aligned, nonpaged, unused, and stays until `kind`'s
/// `free` gets it back. `layout` was made for a `T`, whose kind this is a variant of.
pub(crate) unsafe fn place<T: FrameworkObject>(
    globals: &Globals,
    kind: &'static Kind,
    storage: NonNull<u8>,
    layout: &Layout,
    build: impl FnOnce(Object) -> T,
) -> NonNull<T> {
    // SAFETY: Inside the storage, by the contract of this function.
    let object = unsafe { storage.add(layout.object) }.cast::<T>();
    // SAFETY: As above.
    let context = unsafe { storage.add(layout.context_header) }.cast::<ContextHeader>();
    object.expose_provenance();
    // SAFETY: The storage ends `context_size` bytes behind the header and nobody else uses it.
    unsafe {
        ContextHeader::place(
            context,
            object.cast(),
            layout.type_info,
            layout.context_size,
        )
    };
    let lock_record = kind
        .lockable
        .then(|| verifier::lock_record(globals))
        .flatten();
    let base = Object {
        kind,
        globals: NonNull::from(globals),
        signature: Cell::new(LIVE),
        references: AtomicI32::new(1),
        marks: AtomicU32::new(kind.marks),
        state: Cell::new(State::Created),
        parent: Cell::new(None),
        children: Children::default(),
        next_sibling: Cell::new(None),
        previous_sibling: Cell::new(None),
        next_deferred: Cell::new(None),
        device: Cell::new(None),
        context,
        storage,
        lock_record: Cell::new(lock_record),
    };
    // SAFETY: Room for a `T` at the right alignment, by the contract of this function.
    unsafe { object.write(build(base)) };
    object
}

/// The `free` of objects that [`create`] made.
///
/// # Safety
///
/// Nobody uses the object any more, and its storage is a block of the framework's allocator.
pub(super) unsafe fn free_to_pool(object: NonNull<Object>) {
    // SAFETY: The memory is still there.
    let storage = unsafe { object.as_ref() }.storage;
    // SAFETY: By the contract of this function.
    unsafe { pool::free(storage) };
}

/// The parent that a new object gets.
#[derive(Clone, Copy)]
pub(crate) enum NewParent<'a> {
    /// The one in the attributes, else the driver.
    Default,
    /// This one, whatever the attributes say.
    Object(&'a Object),
    /// None, as for the driver and for requests from the I/O manager (REQ-2).
    Nobody,
}

/// Gives a new object its parent, its callbacks and its handle (OBJ-32).
///
/// # Errors
///
/// STATUS_DELETE_PENDING if the parent is being disposed. The object then has to be deleted, which
/// runs no callbacks (OBJ-33).
///
/// # Safety
///
/// `attributes` passed [`attributes::validate`]; the parent named there is live if not NULL.
pub(crate) unsafe fn commit(
    object: &Object,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    parent: NewParent<'_>,
) -> Result<WDFOBJECT, NTSTATUS> {
    let passive = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
    if attributes.is_some_and(|given| given.ExecutionLevel == passive) {
        object.mark(PASSIVE_CALLBACKS);
    }
    // SAFETY: By the contract of this function.
    if let Some(parent) = unsafe { choose_parent(object, attributes, parent) } {
        tree::link(object, parent)?;
    }
    if let Some(given) = attributes {
        object
            .context()
            .set_callbacks(given.EvtCleanupCallback, given.EvtDestroyCallback);
    }
    object.mark(COMMITTED);
    Ok(object.handle())
}

/// [`commit`], after whose failure the object is gone.
///
/// # Errors
///
/// As for [`commit`].
///
/// # Safety
///
/// As for [`commit`]; the object is new and nobody else knows it.
pub(crate) unsafe fn commit_or_delete<T: FrameworkObject>(
    created: NonNull<T>,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    parent: NewParent<'_>,
) -> Result<WDFOBJECT, NTSTATUS> {
    // SAFETY: By the contract of this function it is alive.
    let object = unsafe { created.as_ref() }.object();
    // SAFETY: By the contract of this function.
    let committed = unsafe { commit(object, attributes, parent) };
    if committed.is_err() {
        // SAFETY: By the contract of this function nobody else uses it.
        unsafe { super::delete(created.cast()) };
    }
    committed
}

/// # Safety
///
/// The parent named in the attributes is live if not NULL.
unsafe fn choose_parent<'a>(
    object: &'a Object,
    attributes: Option<&WDF_OBJECT_ATTRIBUTES>,
    parent: NewParent<'a>,
) -> Option<&'a Object> {
    match parent {
        NewParent::Object(parent) => return Some(parent),
        NewParent::Nobody => return None,
        NewParent::Default => {}
    }
    let given = attributes.map_or(core::ptr::null_mut(), |given| given.ParentObject);
    if !given.is_null() {
        // SAFETY: By the contract of this function.
        return Some(unsafe { handle::object(object.globals(), c"parent", given) });
    }
    let driver = object.globals().driver.get()?;
    // SAFETY: The driver object lives as long as the globals name it.
    Some(unsafe { driver.as_ref() })
}

impl Object {
    /// The handle by which drivers know the object (OBJ-1).
    pub(crate) fn handle(&self) -> WDFOBJECT {
        handle::encode(self)
    }
}
