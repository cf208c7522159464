//! Framework objects: parents, attributes, and the value that owns one.

use crate::context::Identity;
use crate::deferred::{self, Link};
use crate::pool::{NonPagedNx, PoolKind};
use crate::status::{Error, Result, check};
use crate::sync::{AtomicPtr, AtomicU8, AtomicUsize};
use crate::unload_list::{self, Node};
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, offset_of};
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::Ordering;
use kmdf_sys::{
    _WDF_EXECUTION_LEVEL, _WDF_SYNCHRONIZATION_SCOPE, LoadId, ULONG, WDF_OBJECT_ATTRIBUTES,
    WDFOBJECT, call_unsafe_wdf_function_binding,
};

pub(crate) mod sealed {
    use kmdf_sys::WDFOBJECT;

    /// Names the framework object that a parent stands for.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is no parent of framework objects: only `Device`, `FileObject` and \
                   `DriverParent` are",
        note = "a parent is a framework object that is there while its children are made (rules C9, \
                C13: ParentObjectCheck)"
    )]
    pub trait ParentHandle {
        /// The handle, or NULL for the framework's own choice. It is live while `self` is borrowed.
        fn parent_handle(&self) -> WDFOBJECT;
    }
}

/// What an object may be parented to: a [`Device`](crate::Device), a
/// [`FileObject`](crate::FileObject), or the driver by way of [`DriverParent`].
///
/// Not a queue: it disposes of its children before it waits for its own callbacks (OBJ-52, QUE-60),
/// which may be creating one.
///
/// When the framework deletes the parent it disposes of the object as well, buffer included. A Rust
/// value that owns the object stays valid all the same: see [Ownership](crate#ownership).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no parent of framework objects: only `Device`, `FileObject` and \
               `DriverParent` are",
    note = "memory with a queue or a request as its parent could go while it is used: take the \
            queue's device, or `Transfer::create_memory` (rules C9, QUE-60)"
)]
pub trait Parent: sealed::ParentHandle {}

/// The parent of an object that names none: the driver object, whose children live until unload
/// (rules C1, C9).
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

/// What this crate keeps in an object that a Rust value owns: the object's first context, which the
/// framework zeroes.
///
/// # Invariants
///
/// `node` is in the registry while `state` is `ORPHANED`. `gate` is NULL or a gate that this object
/// owns.
#[repr(C)]
pub struct Control {
    /// First, so that its address is the context's. In the list of releases that wait once the value
    /// was dropped above PASSIVE_LEVEL, if the object is disposed of at PASSIVE_LEVEL.
    link: Link,
    node: Node,
    state: AtomicU8,
    gate: AtomicPtr<c_void>,
    /// Of a gate: twice the number of those inside, and whether it is closed.
    inside: AtomicUsize,
}

/// For the tests in loom, whose framework puts this there: its atomics cannot be zeroes.
#[cfg(loom)]
impl Default for Control {
    fn default() -> Self {
        Self {
            link: Link::new(),
            node: Node::new(),
            state: AtomicU8::new(HELD),
            gate: AtomicPtr::new(null_mut()),
            inside: AtomicUsize::new(0),
        }
    }
}

/// The value exists or its release waits, and no parent has disposed of the object.
const HELD: u8 = 0;
/// A parent has disposed of the object; a reference on it belongs to the value.
const ORPHANED: u8 = 1;
/// The same for a gate, which cannot be forgotten: no registry knows it.
const ORPHANED_GATE: u8 = 2;
/// The value was dropped.
const GIVEN_UP: u8 = 3;

impl Control {
    /// Leaves `HELD`, unless the value was dropped.
    fn becomes(&self, orphaned: u8) -> bool {
        let left = self
            .state
            .compare_exchange(HELD, orphaned, Ordering::AcqRel, Ordering::Acquire);
        left.is_ok()
    }
}

/// The lowest bit of `Control::inside`.
const CLOSED: usize = 1;
/// One who is inside.
const ONE: usize = 2;

static CONTROL_TYPE: Identity = Identity::new(
    (&raw const CONTROL_TYPE).cast(),
    c"kmdf owned object",
    size_of::<Control>(),
);

/// Attributes of an object that an [`Owned`] will own.
pub(crate) fn owned_attributes(parent: &impl Parent) -> WDF_OBJECT_ATTRIBUTES {
    owned_by_handle(parent.parent_handle())
}

/// As [`owned_attributes`], with a bare handle or NULL.
pub(crate) fn owned_by_handle(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(cleanup),
        EvtDestroyCallback: Some(destroy),
        ContextTypeInfo: CONTROL_TYPE.unique(),
        ..attributes(parent)
    }
}

/// # Safety
///
/// `object` is a live object made with `owned_attributes`, and stays one for `'a`.
unsafe fn control<'a>(object: WDFOBJECT) -> &'a Control {
    let info = CONTROL_TYPE.unique();
    // SAFETY: By the contract of this function.
    let space =
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectGetTypedContextWorker, object, info) };
    // SAFETY: By the contract of this function the object has this context, which started as
    // zeroes, of which all fields may consist.
    unsafe { &*space.cast::<Control>() }
}

/// `WdfObjectContextGetObject`.
///
/// # Safety
///
/// `control` is the context of a live object made with `owned_attributes`.
unsafe fn object_of(control: NonNull<Control>) -> WDFOBJECT {
    let context = control.as_ptr().cast();
    // SAFETY: The caller passes the context of a live object, which is what the call takes.
    unsafe { call_unsafe_wdf_function_binding!(WdfObjectContextGetObject, context) }
}

/// `WdfObjectReference`.
///
/// # Safety
///
/// `object` is a live framework object, not a buffer of a request.
unsafe fn reference(object: WDFOBJECT) {
    // SAFETY: By the contract of this function; tag, line and file are for debugging only.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfObjectReferenceActual,
            object,
            null_mut(),
            0,
            null_mut()
        )
    };
}

/// `WdfObjectDereference`.
///
/// # Safety
///
/// A reference on the object belongs to the caller.
unsafe fn dereference(object: WDFOBJECT) {
    // SAFETY: By the contract of this function.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfObjectDereferenceActual,
            object,
            null_mut(),
            0,
            null_mut()
        )
    };
}

/// `EvtCleanupCallback`: the object is being disposed of, by its value or by a parent. In the second
/// case the value gets a reference: the parent will give up its own next.
///
/// # Safety
///
/// Called by the framework, once, for an object made with `owned_attributes`.
unsafe extern "C" fn cleanup(object: WDFOBJECT) {
    /// # Safety
    ///
    /// `node` is that of a `Control` taken out of the registry, and its value is gone.
    unsafe fn release(node: NonNull<Node>) {
        // SAFETY: The node is inside its control, at this offset.
        let control = unsafe { node.byte_sub(offset_of!(Control, node)) }.cast();
        // SAFETY: The control is the context of an object that the reference below keeps.
        let object = unsafe { object_of(control) };
        // SAFETY: The reference taken below, which belongs to no value any more.
        unsafe { dereference(object) };
    }

    // SAFETY: By the contract of this function.
    let control = unsafe { control(object) };
    if control.state.load(Ordering::Acquire) != HELD {
        return;
    }
    // SAFETY: The object is alive in its own cleanup callback: its first reference is only given up
    // after this (OBJ-45, OBJ-52).
    unsafe { reference(object) };
    // SAFETY: Nobody else enters the node, which stays in the object's context; the reference keeps
    // that alive until the node is removed or released.
    let orphaned = unsafe {
        unload_list::enter_if(NonNull::from_ref(&control.node), release, || {
            control.becomes(ORPHANED)
        })
    };
    if !orphaned {
        // SAFETY: Taken above; the value was dropped meanwhile.
        unsafe { dereference(object) };
    }
}

/// `EvtCleanupCallback` of a gate: as `cleanup`, without the registry; and nobody is inside when it
/// returns, nor will be.
///
/// # Safety
///
/// As for `cleanup`.
unsafe extern "C" fn close_gate(object: WDFOBJECT) {
    // SAFETY: By the contract of this function.
    let control = unsafe { control(object) };
    // SAFETY: As in `cleanup`.
    unsafe { reference(object) };
    if !control.becomes(ORPHANED_GATE) {
        // SAFETY: Taken above; the list was destroyed, so nobody can be inside.
        unsafe { dereference(object) };
        return;
    }
    // Devices, queues and file objects are disposed of at PASSIVE_LEVEL, where one may wait.
    control.inside.fetch_or(CLOSED, Ordering::AcqRel);
    while control.inside.load(Ordering::Acquire) != CLOSED {
        // SAFETY: At PASSIVE_LEVEL, as above.
        unsafe { deferred::pause() };
    }
}

/// `EvtDestroyCallback`: the last reference is gone, and with it the need for a gate.
///
/// # Safety
///
/// Called by the framework, once, for an object made with `owned_attributes`.
unsafe extern "C" fn destroy(object: WDFOBJECT) {
    // SAFETY: By the contract of this function; a lookup is allowed in this callback (OBJ-39).
    let control = unsafe { control(object) };
    let gate = control.gate.swap(null_mut(), Ordering::Acquire);
    if !gate.is_null() {
        // SAFETY: By the invariant of `Control` the gate belongs to this object.
        drop(unsafe { Owned::<WDFOBJECT>::from_handle(gate) });
    }
}

/// A framework object that a Rust value owns: `Drop` is `WdfObjectDelete`.
///
/// While the object's parent lives, the value has no reference on it: the object is the parent's,
/// as in C. A parent that is deleted disposes of the object, which calls `cleanup` before anything
/// is freed (OBJ-52); if the value still exists, `cleanup` takes a reference for it, so that handle
/// and buffer stay valid until the value is dropped (OBJ-46, OBJ-53). There is no moment without
/// either: not even between the object's creation and the call that answers with its handle.
///
/// A forgotten value cannot be told from one that exists. The reference that its object gets when the
/// parent goes is in the [`registry`], and is given up when the driver is unloaded.
///
/// The framework disposes of an object with pageable parts at PASSIVE_LEVEL only (OBJ-57), and a
/// deletion above it races with the removal of the device that the object belongs to (OBJ-58). So such
/// a value does not delete its object there: the object goes on the list of [`deferred`] as it is, and
/// a work item does what `Drop` would have done. `P` says which objects these are: it is the kind of
/// the memory that goes with the object.
///
/// # Invariants
///
/// `handle` was made with `owned_attributes` for this value, which alone deletes it. Its state is
/// `HELD` or an orphan's, hence it is alive. Unless `P` is pageable, it can be disposed of at
/// DISPATCH_LEVEL.
#[derive(Debug)]
pub(crate) struct Owned<H, P: PoolKind = NonPagedNx> {
    handle: WDFOBJECT,
    load: LoadId,
    kind: PhantomData<fn() -> (H, P)>,
}

// SAFETY: Framework objects belong to no thread; `H` only tells handle types apart.
unsafe impl<H, P: PoolKind> Send for Owned<H, P> {}
// SAFETY: As above.
unsafe impl<H, P: PoolKind> Sync for Owned<H, P> {}

impl<H, P: PoolKind> Owned<*mut H, P> {
    /// # Safety
    ///
    /// `handle` was created with `owned_attributes`, may be deleted by the driver, and belongs to
    /// nobody else. It is disposed of at PASSIVE_LEVEL only if `P` is pageable.
    pub(crate) unsafe fn new(handle: *mut H) -> Self {
        // SAFETY: By the contract of this function.
        unsafe { Self::from_handle(handle.cast()) }
    }

    /// # Safety
    ///
    /// As for `new`.
    unsafe fn from_handle(handle: WDFOBJECT) -> Self {
        // INVARIANT: By the contract of this function. A parent may have disposed of the object
        // since, which made it an orphan.
        Self {
            handle,
            load: LoadId::current(),
            kind: PhantomData,
        }
    }

    /// In the model, stops the run if the value's driver was unloaded.
    pub(crate) fn check_load(&self) {
        self.load.check();
    }

    /// The handle, valid while `self` is borrowed.
    pub(crate) fn handle(&self) -> *mut H {
        self.load.check();
        self.handle.cast()
    }

    /// Lets this object own `gate`, until it is destroyed itself.
    pub(crate) fn keep_gate(&self, gate: Owned<WDFOBJECT>) {
        // SAFETY: By the type invariant.
        let control = unsafe { control(self.handle) };
        let gate = ManuallyDrop::new(gate);
        // INVARIANT: It was a value's, which is forgotten.
        control.gate.store(gate.handle, Ordering::Release);
    }

    /// Runs `body` while the gate of this object, if it has one, cannot be closed.
    ///
    /// # Errors
    ///
    /// [`Error::DELETE_PENDING`] if the gate is closed.
    pub(crate) fn inside_gate<R>(&self, body: impl FnOnce() -> Result<R>) -> Result<R> {
        // SAFETY: By the type invariant.
        let gate = unsafe { control(self.handle) }.gate.load(Ordering::Acquire);
        if gate.is_null() {
            return body();
        }
        // SAFETY: By the invariant of `Control` the gate is this object's, so alive.
        let inside = unsafe { &control(gate).inside };
        if inside.fetch_add(ONE, Ordering::AcqRel) & CLOSED != 0 {
            inside.fetch_sub(ONE, Ordering::AcqRel);
            return Err(Error::DELETE_PENDING);
        }
        let result = body();
        inside.fetch_sub(ONE, Ordering::AcqRel);
        result
    }
}

impl<H, P: PoolKind> Drop for Owned<H, P> {
    fn drop(&mut self) {
        self.load.check();
        if P::PAGEABLE && !deferred::is_at_passive() {
            // SAFETY: By the type invariant the object is alive, its context with it.
            let link = NonNull::from_ref(&unsafe { control(self.handle) }.link);
            // SAFETY: Only this value puts the link into the list, which owns the object from now on:
            // its state stays what it is, so that it is alive until `release_later` is called.
            unsafe { deferred::put_off(link, release_later) };
        } else {
            // SAFETY: By the type invariant, and this is the end of the value. The level allows it.
            unsafe { give_up(self.handle) };
        }
    }
}

/// What a drop above PASSIVE_LEVEL has put off.
///
/// # Safety
///
/// The link is that of an object whose value was dropped. At PASSIVE_LEVEL.
unsafe fn release_later(link: NonNull<Link>) {
    // SAFETY: The link is the start of a control; the object is alive until it is given up below.
    let object = unsafe { object_of(link.cast()) };
    // SAFETY: The list owned what the value did.
    unsafe { give_up(object) };
}

/// `WdfObjectDelete`, or the end of an orphan.
///
/// # Safety
///
/// The object was a value's, which is gone, and its state is `HELD` or an orphan's. It can be disposed
/// of at the current level.
unsafe fn give_up(object: WDFOBJECT) {
    // SAFETY: The object is alive, by the state that it is in. The reference keeps it so when the
    // state stops doing that.
    unsafe { reference(object) };
    // SAFETY: Referenced above.
    let control = unsafe { control(object) };
    let before = control.state.swap(GIVEN_UP, Ordering::AcqRel);
    if before == ORPHANED {
        // SAFETY: An orphan's node is in the registry: `cleanup` enters it before it lets go of
        // the lock under which it changed the state.
        unsafe { unload_list::remove(NonNull::from_ref(&control.node)) };
    }
    if before == HELD {
        // SAFETY: The object is alive and nobody else deletes it. If a parent disposes of it at this
        // moment, the delete has no effect (OBJ-56).
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectDelete, object) };
    } else {
        // SAFETY: The reference that the cleanup callback took for the value.
        unsafe { dereference(object) };
    }
    // SAFETY: Taken above.
    unsafe { dereference(object) };
}

/// `WdfObjectCreate`: a gate in front of `parent`, a child that the parent disposes of before any
/// child created later (OBJ-35, OBJ-52).
///
/// The framework remembers the parent of a lookaside list's memory by its bare handle, and completes
/// a child after it has linked it to its parent (OBJ-32): a parent that is deleted on another thread
/// at that moment would take the child away half made. Who is inside of the gate is safe from that:
/// the parent's deletion waits in the gate's cleanup callback until all have left, and lets nobody
/// in any more.
///
/// # Safety
///
/// The parent is alive during the call. It is disposed of at PASSIVE_LEVEL.
pub(crate) unsafe fn gate(parent: WDFOBJECT) -> Result<Owned<WDFOBJECT>> {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(close_gate),
        ..owned_by_handle(parent)
    };
    let mut handle = null_mut();
    // SAFETY: By the contract of this function; the attributes are set up as their `INIT` function
    // does.
    check(unsafe {
        call_unsafe_wdf_function_binding!(WdfObjectCreate, &mut attributes, &mut handle)
    })?;
    // SAFETY: Just created; general objects may be deleted by the driver.
    Ok(unsafe { Owned::new(handle) })
}
