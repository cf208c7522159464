//! Framework objects: parents, attributes, and the value that owns one.

use crate::context::{self, Context, Identity};
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

/// The parent of an object that names none: the driver object, whose children live until the driver is
/// unloaded (rules C1, C9).
#[derive(Clone, Copy, Debug)]
pub struct DriverParent;

impl sealed::ParentHandle for DriverParent {
    fn parent_handle(&self) -> WDFOBJECT {
        null_mut()
    }
}

impl Parent for DriverParent {}

/// A borrowed framework object, which the framework or another value owns.
///
/// # Invariants
///
/// `handle` is a framework object that is not destroyed for `'a`. It is neither a request nor a buffer
/// of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectRef<'a> {
    handle: WDFOBJECT,
    borrow: PhantomData<&'a ()>,
}

// SAFETY: Framework objects belong to no thread, and the framework's calls on them are thread-safe.
unsafe impl Send for ObjectRef<'_> {}
// SAFETY: The framework's calls on objects may be made on several threads at once.
unsafe impl Sync for ObjectRef<'_> {}

impl<'a> ObjectRef<'a> {
    /// Borrows an object.
    ///
    /// # Safety
    ///
    /// `handle` is a framework object, neither a request nor a buffer of one, that is not destroyed
    /// for `'a`.
    pub(crate) const unsafe fn new(handle: WDFOBJECT) -> Self {
        // INVARIANT: The caller guarantees exactly what the type requires.
        Self {
            handle,
            borrow: PhantomData,
        }
    }

    /// The handle, valid for `'a`.
    pub(crate) const fn handle(self) -> WDFOBJECT {
        self.handle
    }

    /// The space for a context of type `T`, if the object was made with one.
    pub(crate) fn slot<T: Context>(self) -> Option<&'a context::Slot<T>> {
        // SAFETY: The object is alive for `'a` by the type invariant.
        unsafe { context::slot(self.handle) }
    }

    /// The object's context of type `T`.
    pub(crate) fn context<T: Context>(self) -> Result<&'a T> {
        // SAFETY: The object is not destroyed for `'a` by the type invariant.
        unsafe { context::get(self.handle) }
    }

    /// Fills the space that the object was made with for its context of type `T`.
    pub(crate) fn fill<T: Context>(self, value: T) -> Result<&'a T> {
        self.slot().ok_or(Error::INTERNAL_ERROR)?.fill(value)
    }

    /// Gives the object one more context, of type `T`.
    pub(crate) fn attach<T: Context>(self, value: T) -> Result<&'a T> {
        // SAFETY: The object is not destroyed for `'a` and no request by the type invariant.
        unsafe { context::attach(self.handle, value) }
    }
}

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
/// `node` is in the unload list while `state` is `ORPHANED`. `rundown` is NULL or a rundown object (see
/// [`rundown`]) that this object owns.
#[repr(C)]
pub struct Control {
    /// First, so that its address is the context's. In the list of deferred releases once the value
    /// was dropped above PASSIVE_LEVEL, if the object is disposed of at PASSIVE_LEVEL.
    link: Link,
    node: Node,
    state: AtomicU8,
    rundown: AtomicPtr<c_void>,
    /// Of a rundown object: twice the number of users, plus 1 once it is run down.
    users: AtomicUsize,
}

/// For the tests in loom, whose framework puts this there: its atomics cannot be zeroes.
#[cfg(loom)]
impl Default for Control {
    fn default() -> Self {
        Self {
            link: Link::new(),
            node: Node::new(),
            state: AtomicU8::new(OWNED),
            rundown: AtomicPtr::new(null_mut()),
            users: AtomicUsize::new(0),
        }
    }
}

/// The value exists or its release is deferred, and no parent has disposed of the object.
const OWNED: u8 = 0;
/// A parent has disposed of the object; a reference on it belongs to the value.
const ORPHANED: u8 = 1;
/// A parent has disposed of a rundown object, which is not in the unload list: it cannot be forgotten.
const ORPHANED_RUNDOWN: u8 = 2;
/// The value was dropped and its release is done.
const RELEASED: u8 = 3;

impl Control {
    /// Changes the state from `OWNED`, unless the value was dropped; returns whether it did.
    fn orphan(&self, state: u8) -> bool {
        let left = self
            .state
            .compare_exchange(OWNED, state, Ordering::AcqRel, Ordering::Acquire);
        left.is_ok()
    }
}

/// The lowest bit of `Control::users`: the protection is run down, and no user gets it any more.
const RUN_DOWN: usize = 1;
/// What one user adds to `Control::users`.
const ONE_USER: usize = 2;

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

/// The control of an object that a value owns.
///
/// # Safety
///
/// `object` is a live object made with `owned_attributes`, and stays one for `'a`.
unsafe fn control<'a>(object: WDFOBJECT) -> &'a Control {
    let info = CONTROL_TYPE.unique();
    // SAFETY: The caller guarantees a live object; the type's description is a static.
    let space =
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectGetTypedContextWorker, object, info) };
    // SAFETY: The attributes of the object gave it this context, which lives as long as the object and
    // started as zeroes, of which all fields may consist.
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
    // SAFETY: The caller guarantees a live object; tag, line and file are for debugging only.
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
    // SAFETY: The caller's reference keeps the object alive until this call takes it.
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
    /// Ends an orphan whose value was forgotten.
    ///
    /// # Safety
    ///
    /// `node` is that of a `Control` taken out of the unload list, and no code can reach its value.
    unsafe fn release(node: NonNull<Node>) {
        // SAFETY: The node is inside its control, at this offset.
        let control = unsafe { node.byte_sub(offset_of!(Control, node)) }.cast();
        // SAFETY: The control is the context of an object that the reference taken below keeps alive.
        let object = unsafe { object_of(control) };
        // SAFETY: The reference taken below belongs to no value any more, so it is given up here.
        unsafe { dereference(object) };
    }

    // SAFETY: The framework passes a live object, which was made with `owned_attributes`.
    let control = unsafe { control(object) };
    if control.state.load(Ordering::Acquire) != OWNED {
        return;
    }
    // SAFETY: The object is alive in its own cleanup callback: its first reference is only given up
    // after this (OBJ-45, OBJ-52).
    unsafe { reference(object) };
    // SAFETY: Only this callback inserts the node, which stays in the object's context; the reference
    // keeps that alive until the node is removed or released.
    let orphaned = unsafe {
        unload_list::insert_if(NonNull::from_ref(&control.node), release, || {
            control.orphan(ORPHANED)
        })
    };
    if !orphaned {
        // SAFETY: The reference was taken above, and no value needs it: it was dropped meanwhile.
        unsafe { dereference(object) };
    }
}

/// `EvtCleanupCallback` of a rundown object: as `cleanup`, without the unload list. When it returns no
/// user has the protection, nor will get it: this is `ExWaitForRundownProtectionRelease`.
///
/// # Safety
///
/// Called by the framework, once, for an object made by `rundown`, at PASSIVE_LEVEL.
unsafe extern "C" fn run_down(object: WDFOBJECT) {
    // SAFETY: The framework passes a live object, which `rundown` made with the attributes of one that
    // a value owns.
    let control = unsafe { control(object) };
    // SAFETY: The object is alive in its own cleanup callback: its first reference is only given up
    // after this (OBJ-45, OBJ-52).
    unsafe { reference(object) };
    if !control.orphan(ORPHANED_RUNDOWN) {
        // SAFETY: The reference was taken above. The list that owned this object was destroyed, so
        // no user can have its protection.
        unsafe { dereference(object) };
        return;
    }
    control.users.fetch_or(RUN_DOWN, Ordering::AcqRel);
    while control.users.load(Ordering::Acquire) != RUN_DOWN {
        // SAFETY: The framework disposes of the parents that have a rundown object (devices and file
        // objects) at PASSIVE_LEVEL, where a thread may wait.
        unsafe { deferred::pause() };
    }
}

/// `EvtDestroyCallback`: the last reference is gone, and with it the need for rundown protection.
///
/// # Safety
///
/// Called by the framework, once, for an object made with `owned_attributes`.
unsafe extern "C" fn destroy(object: WDFOBJECT) {
    // SAFETY: The framework passes an object made with `owned_attributes`, whose contexts may still be
    // looked up in this callback (OBJ-39).
    let control = unsafe { control(object) };
    let rundown = control.rundown.swap(null_mut(), Ordering::Acquire);
    if !rundown.is_null() {
        // SAFETY: By the invariant of `Control` the rundown object belongs to this object.
        drop(unsafe { Owned::<WDFOBJECT>::from_handle(rundown) });
    }
}

/// A framework object that a Rust value owns: `Drop` is `WdfObjectDelete`.
///
/// While the object's parent lives, the value has no reference on it: the object is the parent's,
/// as in C. A parent that is deleted disposes of the object, which calls `cleanup` before anything
/// is freed (OBJ-52); if the value still exists, `cleanup` takes a reference for it, so that handle
/// and buffer stay valid until the value is dropped (OBJ-46, OBJ-53). There is no moment without
/// either: not even between the object's creation and the return of the call that creates it.
///
/// A forgotten value looks the same as one that exists. The reference that its object gets when the
/// parent goes is in the [`unload_list`], and is given up when the driver is unloaded.
///
/// The framework disposes of an object with pageable parts at PASSIVE_LEVEL only (OBJ-57), and a
/// deletion above it races with the removal of the device that the object belongs to (OBJ-58). So such
/// a value does not delete its object there: the object goes on the list of [`deferred`] releases as it
/// is, and a work item does what `Drop` would have done. `P` says which objects these are: it is the
/// kind of the memory that goes with the object.
///
/// # Invariants
///
/// `handle` was made with `owned_attributes` for this value, which alone deletes it. Its state is
/// `OWNED` or an orphan's, hence it is alive. Unless `P` is pageable, it can be disposed of at
/// DISPATCH_LEVEL.
#[derive(Debug)]
pub(crate) struct Owned<H, P: PoolKind = NonPagedNx> {
    handle: WDFOBJECT,
    load: LoadId,
    kind: PhantomData<fn() -> (H, P)>,
}

// SAFETY: Framework objects belong to no thread; `H` only names the handle type.
unsafe impl<H, P: PoolKind> Send for Owned<H, P> {}
// SAFETY: The framework's calls on objects may be made on several threads at once.
unsafe impl<H, P: PoolKind> Sync for Owned<H, P> {}

impl<H, P: PoolKind> Owned<*mut H, P> {
    /// Takes an object that was just created.
    ///
    /// # Safety
    ///
    /// `handle` was created with `owned_attributes`, may be deleted by the driver, and belongs to
    /// no other value. It is disposed of at PASSIVE_LEVEL only if `P` is pageable.
    pub(crate) unsafe fn new(handle: *mut H) -> Self {
        // SAFETY: The two functions ask the caller for the same, the handle's type aside.
        unsafe { Self::from_handle(handle.cast()) }
    }

    /// Takes an object by its generic handle.
    ///
    /// # Safety
    ///
    /// `handle` was created with `owned_attributes`, may be deleted by the driver, and belongs to
    /// no other value. It is disposed of at PASSIVE_LEVEL only if `P` is pageable.
    unsafe fn from_handle(handle: WDFOBJECT) -> Self {
        // INVARIANT: The caller guarantees all but the state. If a parent has disposed of the object
        // since it was created, that made it an orphan.
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

    /// Lets this object own `rundown`, until it is destroyed itself.
    pub(crate) fn keep_rundown(&self, rundown: Owned<WDFOBJECT>) {
        let rundown = ManuallyDrop::new(rundown);
        // INVARIANT: The rundown object was a value's, which is forgotten.
        let owner = &self.control().rundown;
        owner.store(rundown.handle, Ordering::Release);
    }

    /// Runs `body` with the protection of this object's rundown object, if it has one: the parent that
    /// it protects is not deleted before `body` has returned.
    ///
    /// # Errors
    ///
    /// [`Error::DELETE_PENDING`] if the parent is being deleted; `body` does not run then.
    pub(crate) fn with_rundown_protection<R>(&self, body: impl FnOnce() -> Result<R>) -> Result<R> {
        let rundown = self.control().rundown.load(Ordering::Acquire);
        if rundown.is_null() {
            return body();
        }
        // SAFETY: By the invariant of `Control` the rundown object is this object's, so it is alive.
        let users = unsafe { &control(rundown).users };
        if users.fetch_add(ONE_USER, Ordering::AcqRel) & RUN_DOWN != 0 {
            users.fetch_sub(ONE_USER, Ordering::AcqRel);
            return Err(Error::DELETE_PENDING);
        }
        let result = body();
        users.fetch_sub(ONE_USER, Ordering::AcqRel);
        result
    }
}

impl<H, P: PoolKind> Owned<H, P> {
    fn control(&self) -> &Control {
        // SAFETY: The object was made with `owned_attributes` and is alive, by the type invariant.
        unsafe { control(self.handle) }
    }
}

impl<H, P: PoolKind> Drop for Owned<H, P> {
    fn drop(&mut self) {
        self.load.check();
        if P::PAGEABLE && !deferred::is_at_passive() {
            let link = NonNull::from_ref(&self.control().link);
            // SAFETY: Only this value puts the link into the list, which owns the object from now on:
            // its state stays what it is, so that it is alive until `release_link` is called.
            unsafe { deferred::defer(link, release_link) };
        } else {
            // SAFETY: The object and its state are as the type invariant says, this is the end of the
            // value, and the level was checked above.
            unsafe { release(self.handle) };
        }
    }
}

/// What a drop above PASSIVE_LEVEL has deferred.
///
/// # Safety
///
/// The link is that of an object whose value was dropped. The processor runs at PASSIVE_LEVEL.
unsafe fn release_link(link: NonNull<Link>) {
    // SAFETY: The link is the start of a control; the object is alive until it is released below.
    let object = unsafe { object_of(link.cast()) };
    // SAFETY: The list of deferred releases owned what the value did, and gave it up to this call.
    unsafe { release(object) };
}

/// `WdfObjectDelete`, or the end of an orphan.
///
/// # Safety
///
/// The object was a value's, which is gone, and its state is `OWNED` or an orphan's. It can be disposed
/// of at the current level.
unsafe fn release(object: WDFOBJECT) {
    // SAFETY: The object is alive, by the state that it is in. The reference keeps it so when the
    // state stops doing that.
    unsafe { reference(object) };
    // SAFETY: The reference taken above keeps the object alive, which was made with `owned_attributes`.
    let control = unsafe { control(object) };
    let before = control.state.swap(RELEASED, Ordering::AcqRel);
    if before == ORPHANED {
        // SAFETY: An orphan's node is in the unload list: `cleanup` inserts it before it lets go of
        // the lock under which it changed the state.
        unsafe { unload_list::remove(NonNull::from_ref(&control.node)) };
    }
    if before == OWNED {
        // SAFETY: The object is alive and no other code deletes it. If a parent disposes of it at this
        // moment, the delete has no effect (OBJ-56).
        unsafe { call_unsafe_wdf_function_binding!(WdfObjectDelete, object) };
    } else {
        // SAFETY: The cleanup callback took this reference for the value, which is gone.
        unsafe { dereference(object) };
    }
    // SAFETY: This is the reference that was taken at the start.
    unsafe { dereference(object) };
}

/// `WdfObjectCreate`: rundown protection for `parent`. The rundown object is a child that the parent
/// disposes of before any child created later (OBJ-35, OBJ-52).
///
/// The framework remembers the parent of a lookaside list's memory by its bare handle, and completes
/// a child after it has linked it to its parent (OBJ-32): a parent that is deleted on another thread
/// at that moment would take the child away half made. A user of the protection is safe from that: the
/// parent's deletion waits in the cleanup callback of the rundown object until all users have left,
/// and no more are let in.
///
/// # Safety
///
/// The parent is alive during the call. It is disposed of at PASSIVE_LEVEL.
pub(crate) unsafe fn rundown(parent: WDFOBJECT) -> Result<Owned<WDFOBJECT>> {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: Some(run_down),
        ..owned_by_handle(parent)
    };
    let mut handle = null_mut();
    // SAFETY: The caller guarantees a live parent; the attributes are set up as their `INIT` function
    // does.
    check(unsafe {
        call_unsafe_wdf_function_binding!(WdfObjectCreate, &mut attributes, &mut handle)
    })?;
    // SAFETY: The object was created above with the attributes of an owned one, and general objects may
    // be deleted by the driver.
    Ok(unsafe { Owned::new(handle) })
}
