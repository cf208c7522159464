//! Framework objects: parents, attributes, and the value that owns one.

use core::marker::PhantomData;
use core::ptr::{null, null_mut};
use kmdf_sys::{
    _WDF_EXECUTION_LEVEL, _WDF_SYNCHRONIZATION_SCOPE, ULONG, WDF_OBJECT_ATTRIBUTES, WDFOBJECT,
    call_unsafe_wdf_function_binding,
};

pub(crate) mod sealed {
    use kmdf_sys::WDFOBJECT;

    /// Names the framework object that a parent stands for.
    pub trait ParentHandle {
        /// The handle, or NULL for the framework's own choice. It is live while `self` is borrowed.
        fn parent_handle(&self) -> WDFOBJECT;
    }
}

/// What an object may be parented to: a [`Device`](crate::Device), a [`Queue`](crate::Queue), a
/// [`FileObject`](crate::FileObject), or the driver by way of [`DriverParent`].
///
/// When the framework deletes the parent it disposes of the object as well, buffer included. A Rust
/// value that owns the object stays valid all the same: see [Ownership](crate#ownership).
pub trait Parent: sealed::ParentHandle {}

/// The parent of an object that names none: the driver object, whose children live until unload
/// (rules C1, C9). Passes `WDF_NO_OBJECT_ATTRIBUTES`.
#[derive(Clone, Copy, Debug)]
pub struct DriverParent;

impl sealed::ParentHandle for DriverParent {
    fn parent_handle(&self) -> WDFOBJECT {
        null_mut()
    }
}

impl Parent for DriverParent {}

/// `WDF_OBJECT_ATTRIBUTES_INIT`, with a parent.
pub(crate) fn attributes(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size_of::<WDF_OBJECT_ATTRIBUTES>() as ULONG,
        EvtCleanupCallback: None,
        EvtDestroyCallback: None,
        ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ParentObject: parent,
        ContextSizeOverride: 0,
        ContextTypeInfo: null(),
    }
}

/// Calls `create` with a pointer to attributes that name the parent, or with NULL for none.
pub(crate) fn with_parent<R>(
    parent: &impl Parent,
    create: impl FnOnce(*mut WDF_OBJECT_ATTRIBUTES) -> R,
) -> R {
    let handle = parent.parent_handle();
    if handle.is_null() {
        create(null_mut())
    } else {
        create(&mut attributes(handle))
    }
}

/// One reference on a framework object: `WdfObjectReference`, given back by `Drop`.
///
/// # Invariants
///
/// `handle` is a live framework object, and one reference on it belongs to this value.
#[derive(Debug)]
pub(crate) struct Reference {
    handle: WDFOBJECT,
}

// SAFETY: Reference counting of framework objects is thread-safe, and the handle is only a number.
unsafe impl Send for Reference {}
// SAFETY: As above.
unsafe impl Sync for Reference {}

impl Reference {
    /// # Safety
    ///
    /// `handle` is a live framework object, not a buffer of a request.
    pub(crate) unsafe fn new(handle: WDFOBJECT) -> Self {
        // SAFETY: By the contract of this function; tag, line and file are for debugging only.
        unsafe {
            call_unsafe_wdf_function_binding!(
                WdfObjectReferenceActual,
                handle,
                null_mut(),
                0,
                null()
            )
        };
        // INVARIANT: The reference taken above.
        Self { handle }
    }

    pub(crate) const fn handle(&self) -> WDFOBJECT {
        self.handle
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this reference is ours to give back.
        unsafe {
            call_unsafe_wdf_function_binding!(
                WdfObjectDereferenceActual,
                self.handle,
                null_mut(),
                0,
                null()
            )
        };
    }
}

/// A framework object that a Rust value owns: `Drop` is `WdfObjectDelete`, then
/// `WdfObjectDereference`.
///
/// The reference makes the order of deletion irrelevant. If the value goes first, the delete
/// disposes of the object and the dereference destroys it. If the parent goes first, it disposes of
/// the object but cannot destroy it (OBJ-46, OBJ-53), so handle and buffer stay valid; the later
/// delete of a disposed object is dropped silently (OBJ-56), and the dereference destroys it.
/// Either way the last reference falls on a deleted object, as OBJ-47 asks, and an object with
/// pageable parts is disposed of at PASSIVE_LEVEL by the framework, whatever the IRQL of the drop
/// (OBJ-58, OBJ-59).
///
/// A forgotten value keeps its reference: the object is disposed of with its parent but its memory
/// is leaked, which the framework's verifier reports at unload.
///
/// # Invariants
///
/// The object was made for this value, which alone deletes it; `reference` keeps it alive.
#[derive(Debug)]
pub(crate) struct Owned<H> {
    reference: Reference,
    handle: PhantomData<H>,
}

// SAFETY: Framework objects belong to no thread; `H` only tells handle types apart.
unsafe impl<H> Send for Owned<H> {}
// SAFETY: As above.
unsafe impl<H> Sync for Owned<H> {}

impl<H> Owned<*mut H> {
    /// # Safety
    ///
    /// `handle` was just created, may be deleted by the driver, and belongs to nobody else.
    pub(crate) unsafe fn new(handle: *mut H) -> Self {
        // INVARIANT: By the contract of this function.
        Self {
            // SAFETY: By the contract of this function.
            reference: unsafe { Reference::new(handle.cast()) },
            handle: PhantomData,
        }
    }

    /// The handle, valid while `self` is borrowed.
    pub(crate) const fn handle(&self) -> *mut H {
        self.reference.handle().cast()
    }
}

impl<H> Drop for Owned<H> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the object is alive and this value alone deletes it; the
        // reference is given back by the field's own drop, after this.
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectDelete, self.reference.handle()) };
    }
}
