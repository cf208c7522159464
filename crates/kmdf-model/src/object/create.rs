//! Creation of an object: its storage, its base, its place in the tree.

use super::tree;
use super::{
    COMMITTED, Children, DisposalState, FrameworkObject, LIVE, Object, ObjectKind,
    PASSIVE_CALLBACKS,
};
use crate::driver::globals::Globals;
use crate::object::attributes::Attributes;
use crate::object::context::ContextHeader;
use crate::object::handle;
use crate::object::live::Live;
use crate::support::pool;
use crate::support::verifier;
use core::cell::Cell;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI32, AtomicU32};
use kmdf_sys::{
    _WDF_EXECUTION_LEVEL, MEMORY_ALLOCATION_ALIGNMENT, NTSTATUS, PCWDF_OBJECT_CONTEXT_TYPE_INFO,
    STATUS_INSUFFICIENT_RESOURCES, WDFOBJECT,
};

/// Bytes that the verifier puts in front of each object (VER-8).
const DEBUG_EXTENSION: usize = 64;

/// Where the parts of an object lie in its storage (OBJ-9, OBJ-10).
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// Offset of the object in the storage.
    object: usize,
    /// Offset of the context header; the extra bytes lie between the object and here.
    context_header: usize,
    /// Offset of the extra bytes.
    extra: usize,
    context_size: usize,
    total: usize,
    type_info: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
}

impl Layout {
    /// The layout for an object of `size` bytes with `extra` bytes for a buffer and the context
    /// that the attributes ask for; `None` if the sum overflows.
    pub(crate) fn new(
        globals: &Globals,
        size: usize,
        extra: usize,
        attributes: Attributes<'_>,
    ) -> Option<Self> {
        let context_size = attributes.context_size();
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
            type_info: attributes.type_info(),
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

/// A new object that only its creator knows. Dropped before [`New::commit`], it is deleted, which runs
/// no callbacks (OBJ-33).
///
/// # Invariants
///
/// The object is alive, and nothing but this value leads to it.
pub(crate) struct New<T: FrameworkObject>(Live<T>);

impl<T: FrameworkObject> New<T> {
    /// Gives the object its parent, its callbacks and its handle (OBJ-32).
    ///
    /// # Errors
    ///
    /// STATUS_DELETE_PENDING if the parent is being disposed. The object is deleted then.
    pub(crate) fn commit(
        self,
        attributes: Attributes<'_>,
        parent: NewParent<'_>,
    ) -> Result<Live<T>, NTSTATUS> {
        commit(self.object(), attributes, parent)?;
        Ok(self.keep())
    }

    /// The object, which from now on is the caller's to delete.
    pub(crate) fn keep(self) -> Live<T> {
        core::mem::ManuallyDrop::new(self).0
    }
}

impl<T: FrameworkObject> Deref for New<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: FrameworkObject> Drop for New<T> {
    fn drop(&mut self) {
        // SAFETY: The object is alive and nothing else leads to it, by the invariant.
        unsafe { super::delete(self.object().pointer()) };
    }
}

/// Allocates an object with its context and builds it from its base.
///
/// # Errors
///
/// STATUS_INSUFFICIENT_RESOURCES, also if the size overflows (OBJ-15).
pub(crate) fn create<T: FrameworkObject>(
    globals: &Globals,
    attributes: Attributes<'_>,
    build: impl FnOnce(Object) -> T,
) -> Result<New<T>, NTSTATUS> {
    let layout =
        Layout::new(globals, size_of::<T>(), 0, attributes).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let storage = pool::allocate(globals, layout.total()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    // SAFETY: The storage has the size of the layout and belongs to nobody else.
    Ok(unsafe { place(globals, T::KIND, storage, &layout, build) })
}

/// Builds an object of `kind` in the given storage. The context is zeroed (OBJ-12), the extra bytes
/// are left as they are.
///
/// # Safety
///
/// `storage` must have `layout.total()` bytes, be 16-aligned, nonpaged and unused, and stay until the
/// kind's `free` takes it back. `layout` must have been made for a `T`, and `kind` be a kind of `T`.
pub(crate) unsafe fn place<T: FrameworkObject>(
    globals: &Globals,
    kind: &'static ObjectKind,
    storage: NonNull<u8>,
    layout: &Layout,
    build: impl FnOnce(Object) -> T,
) -> New<T> {
    // SAFETY: The layout puts the object inside the storage.
    let object = unsafe { storage.add(layout.object) }.cast::<T>();
    // SAFETY: The layout puts the context header inside the storage.
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
        state: Cell::new(DisposalState::Created),
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
    // SAFETY: The layout has room for a `T`, and its offset is a multiple of 16 as the storage is.
    unsafe { object.write(build(base)) };
    // SAFETY: Just written; it stays until its last reference is dropped.
    New(unsafe { Live::new(object) })
}

/// The `free` of objects that [`create`] made.
///
/// # Safety
///
/// The object must no longer be in use, and its storage be a block of the framework's allocator.
pub(super) unsafe fn free_to_pool(object: NonNull<Object>) {
    // SAFETY: The storage, in which the object lies, is freed below.
    let storage = unsafe { object.as_ref() }.storage;
    // SAFETY: The caller guarantees that the allocator gave it and that the object is out of use.
    unsafe { pool::free(storage) };
}

/// The parent that a new object gets.
#[derive(Clone, Copy)]
pub(crate) enum NewParent<'a> {
    /// The parent in the attributes, else the driver.
    Default,
    /// This object, whatever the attributes say.
    Object(&'a Object),
    /// No parent, as for the driver and for requests from the I/O manager (REQ-2).
    None,
}

/// Gives an object that its creator deletes on failure its parent, its callbacks and its handle (OBJ-32).
///
/// # Errors
///
/// STATUS_DELETE_PENDING if the parent is being disposed.
pub(crate) fn commit(
    object: &Object,
    attributes: Attributes<'_>,
    parent: NewParent<'_>,
) -> Result<WDFOBJECT, NTSTATUS> {
    let given = attributes.get();
    let passive = _WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
    if given.is_some_and(|given| given.ExecutionLevel == passive) {
        object.mark(PASSIVE_CALLBACKS);
    }
    if let Some(parent) = choose_parent(object, attributes, parent) {
        tree::link(object, parent)?;
    }
    if let Some(given) = given {
        object
            .context()
            .set_callbacks(given.EvtCleanupCallback, given.EvtDestroyCallback);
    }
    object.mark(COMMITTED);
    Ok(object.handle())
}

fn choose_parent<'a>(
    object: &'a Object,
    attributes: Attributes<'a>,
    parent: NewParent<'a>,
) -> Option<&'a Object> {
    match parent {
        NewParent::Object(parent) => return Some(parent),
        NewParent::None => return None,
        NewParent::Default => {}
    }
    let globals = object.globals();
    attributes.parent(globals).or_else(|| {
        // SAFETY: The driver object lives as long as the globals name it.
        globals
            .driver
            .get()
            .map(|driver| unsafe { driver.as_ref() })
    })
}

impl Object {
    /// The handle by which drivers know the object (OBJ-1).
    pub(crate) fn handle(&self) -> WDFOBJECT {
        handle::encode(self)
    }
}
