//! The base of every framework object: creation, place in the tree, reference count, disposal.
//!
//! # Writing an object type
//!
//! A type is a `#[repr(C)]` struct whose first field is an [`Object`]. It implements
//! [`FrameworkObject`], which names its [`ObjectKind`]: the type code, and functions for what the type
//! does differently. Then:
//!
//! 1. [`create()`] allocates and initialises it as a [`New`] (or [`Layout`] and [`place`], where the
//!    storage comes from elsewhere, as from a lookaside list). It has one reference and no parent, and
//!    no callback will run for it. A `New` that is dropped is deleted, without callbacks (OBJ-33).
//! 2. [`New::commit`] gives it its parent, its callbacks and its handle.
//! 3. [`delete`] starts disposal as WdfObjectDelete does, without the check for
//!    [`CANNOT_DELETE`]. The initial reference is dropped when disposal is over.
//!
//! Disposal of a tree is two passes (OBJ-52). In the first, each node after its children: the
//! kind's `dispose`, then EvtCleanup. In the second, children before parents: the initial reference
//! is dropped. When a count reaches 0: EvtDestroy, the kind's `destroy`, the kind's `free`.
//! A request is [`early_disposed`](early_dispose) first, has its children
//! [destroyed](destroy_children), and is [`delete`]d at the end (OBJ-62, REQ-37).
//!
//! Fields that are `Cell`s are written under the topology lock of the driver ([`Globals::topology`])
//! unless they say otherwise.

pub(crate) mod api;
pub(crate) mod attributes;
pub(crate) mod context;
mod create;
mod dispose;
pub(crate) mod dispose_list;
pub(crate) mod handle;
pub(crate) mod live;
mod reference;
mod tree;

pub(crate) use create::{Layout, New, NewParent, commit, create, place};
pub(crate) use dispose::{
    EarlyDispose, call_cleanup, delete, destroy_children, early_dispose, process_deferred,
};
pub(crate) use reference::{is_unreferenced, reference, release};
pub(crate) use tree::Children;

use crate::driver::globals::Globals;
use crate::memory::MemoryMethods;
use crate::object::context::ContextHeader;
use crate::object::dispose_list::DisposeList;
use crate::support::stop;
use crate::support::sync::CallbackLock;
use core::cell::Cell;
use core::ffi::CStr;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use kmdf_sys::WDFOBJECT;

/// Type codes, as parameter 3 of bug checks shows them (OBJ-8).
pub(crate) mod type_code {
    pub(crate) const OBJECT: u16 = 0x1000;
    pub(crate) const DRIVER: u16 = 0x1001;
    pub(crate) const DEVICE: u16 = 0x1002;
    pub(crate) const QUEUE: u16 = 0x1003;
    pub(crate) const REQUEST: u16 = 0x1008;
    pub(crate) const LOOKASIDE: u16 = 0x1009;
    pub(crate) const MEMORY: u16 = 0x100A;
    pub(crate) const USER_OBJECT: u16 = 0x100C;
    pub(crate) const FILE_OBJECT: u16 = 0x1018;
    pub(crate) const PREALLOCATED_MEMORY: u16 = 0x1022;
    pub(crate) const WAIT_LOCK: u16 = 0x1023;
    pub(crate) const SPIN_LOCK: u16 = 0x1024;
    pub(crate) const WORK_ITEM: u16 = 0x1025;
}

/// Who calls EvtCleanup when a kind's `dispose` function has returned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cleanup {
    /// The framework calls it, as for most objects.
    Now,
    /// The `dispose` function has called it, with [`call_cleanup`].
    Done,
}

/// A change of a reference count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Up,
    Down,
}

/// What the objects of one type have in common.
#[derive(Clone, Copy)]
pub(crate) struct ObjectKind {
    /// The name of the handle type, for messages: `c"WDFQUEUE"`.
    pub(crate) name: &'static CStr,
    /// The type word that is compared with the wanted type first (OBJ-5).
    pub(crate) type_code: u16,
    /// Marks that every object of the type has from its creation.
    pub(crate) marks: u32,
    /// Whether the framework verifier reports an object that is destroyed without disposal (VER-19).
    pub(crate) disposed_before_destroyed: bool,
    /// Whether the verifier allocates a record for the object's lock: one more allocation that fails.
    pub(crate) lockable: bool,
    /// Whether a handle with this offset is also of the type `wanted` (OBJ-5 d).
    pub(crate) is_also: fn(&Object, offset: u16, wanted: u16) -> bool,
    /// The memory object that the object is or, with an offset, contains.
    pub(crate) memory: fn(&Object, offset: u16) -> Option<&'static MemoryMethods>,
    /// What WdfObjectDelete calls: [`delete`], but for control devices (DEV-37).
    ///
    /// # Safety
    ///
    /// The object must be alive; the caller must not use it afterwards without a reference.
    pub(crate) delete: unsafe fn(NonNull<Object>),
    /// Internal disposal: after the children's, before EvtCleanup. No lock is held.
    pub(crate) dispose: fn(&Object) -> Cleanup,
    /// Frees what the object owns: after EvtDestroy, while its contexts still exist.
    pub(crate) destroy: fn(&Object),
    /// Frees the storage that [`place`] was given, as the last step.
    ///
    /// # Safety
    ///
    /// The object must be of this kind and no longer in use.
    pub(crate) free: unsafe fn(NonNull<Object>),
    /// Counts references taken through a handle with an offset (OBJ-48).
    pub(crate) count_embedded: Option<fn(&Object, Count)>,
    /// The lock that WdfObjectAcquireLock acquires; `None` for types without one (OBJ-63).
    pub(crate) callback_lock: Option<fn(&Object) -> Option<&CallbackLock>>,
    /// The list for deferred disposal below the object, which only devices have.
    pub(crate) dispose_list: fn(&Object) -> Option<&DisposeList>,
}

impl ObjectKind {
    /// A kind with the defaults of a type that needs nothing special.
    pub(crate) const fn new(name: &'static CStr, type_code: u16) -> Self {
        Self {
            name,
            type_code,
            marks: 0,
            lockable: false,
            is_also: |_, _, _| false,
            memory: |_, _| None,
            delete,
            dispose: |_| Cleanup::Now,
            destroy: |_| (),
            free: create::free_to_pool,
            count_embedded: None,
            callback_lock: None,
            disposed_before_destroyed: false,
            dispose_list: |_| None,
        }
    }
}

/// A type of framework object.
///
/// # Safety
///
/// The type must be `#[repr(C)]`, begin with an [`Object`] and be aligned to 16 bytes at most. Every
/// object whose kind has the type code `TYPE`, or says that it is also of that type, must begin with one.
pub(crate) unsafe trait FrameworkObject: Sized {
    /// The type code by which handles are checked; not always that of the kind (OBJ-6).
    const TYPE: u16 = Self::KIND.type_code;
    const KIND: &'static ObjectKind;

    fn object(&self) -> &Object {
        // SAFETY: `Self` begins with an `Object`, as the implementation of the trait guarantees.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }

    fn handle(&self) -> WDFOBJECT {
        self.object().handle()
    }
}

/// EvtCleanup, EvtDestroy and disposal run at PASSIVE_LEVEL only (OBJ-57). Implies [`PASSIVE_DISPOSE`].
pub(crate) const PASSIVE_CALLBACKS: u32 = 1 << 0 | PASSIVE_DISPOSE;
/// Disposal and EvtCleanup run at PASSIVE_LEVEL only (OBJ-57).
pub(crate) const PASSIVE_DISPOSE: u32 = 1 << 1;
/// The driver must not delete the object (OBJ-51).
pub(crate) const CANNOT_DELETE: u32 = 1 << 2;
/// The object has a handle that the driver knows, and gets callbacks.
const COMMITTED: u32 = 1 << 3;
/// Deletion was requested and the object has left its parent, or the parent's destroy pass has reached it.
const DELETED: u32 = 1 << 4;
/// The last reference was dropped; only destruction is left.
const DESTROYING: u32 = 1 << 5;

/// How far the disposal of an object is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DisposalState {
    Created,
    /// On a dispose list; the tree below is disposed in part or not at all.
    Deferred,
    Disposing,
    Disposed,
}

/// A live object's signature word; anything else means that a handle leads nowhere.
const LIVE: u32 = u32::from_le_bytes(*b"FxOb");
const DEAD: u32 = u32::from_le_bytes(*b"dead");

/// The common part that every framework object begins with.
///
/// # Invariants
///
/// - Lives in nonpaged memory at one address, 16-aligned, until the count is 0 and it is freed.
/// - `parent`, `children` and the sibling links are consistent: a child is in the list of its
///   parent exactly once. Linked objects are live: an object leaves its parent before it is freed,
///   or stops the run (OBJ-47), and gives up its children before.
/// - While the state is not `Created`, the list of children does not change but by
///   [`destroy_children`].
#[repr(C)]
pub(crate) struct Object {
    kind: &'static ObjectKind,
    globals: NonNull<Globals>,
    signature: Cell<u32>,
    references: AtomicI32,
    marks: AtomicU32,
    state: Cell<DisposalState>,
    parent: Cell<Option<NonNull<Object>>>,
    children: Children,
    next_sibling: Cell<Option<NonNull<Object>>>,
    previous_sibling: Cell<Option<NonNull<Object>>>,
    /// The next on the same dispose list; written under the lock of that list.
    next_deferred: Cell<Option<NonNull<Object>>>,
    /// The device whose dispose list the object uses (OBJ-36).
    device: Cell<Option<NonNull<Object>>>,
    /// The context that came with the object; others follow in its chain.
    context: NonNull<ContextHeader>,
    /// The storage that `place` was given and `free` takes back.
    storage: NonNull<u8>,
    /// The lock verifier's record of the object, if it has one.
    lock_record: Cell<Option<NonNull<u8>>>,
}

impl Object {
    pub(crate) fn kind(&self) -> &'static ObjectKind {
        self.kind
    }

    pub(crate) fn globals(&self) -> &Globals {
        // SAFETY: Globals outlive the objects of their driver.
        unsafe { self.globals.as_ref() }
    }

    /// The object's address, good for reaching all of the object that this is the base of.
    pub(crate) fn pointer(&self) -> NonNull<Object> {
        let address = core::ptr::from_ref(self).addr();
        let pointer = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: The address of a reference is not null.
        unsafe { NonNull::new_unchecked(pointer) }
    }

    /// The object that this is the base of.
    ///
    /// # Safety
    ///
    /// The object must begin with a `T`.
    pub(crate) unsafe fn downcast<T: FrameworkObject>(&self) -> &T {
        let derived = self.pointer().cast::<T>();
        // SAFETY: A `T` lies at the address of its base, as the caller guarantees.
        unsafe { derived.as_ref() }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.signature.get() == LIVE
    }

    pub(crate) fn storage(&self) -> NonNull<u8> {
        self.storage
    }

    pub(crate) fn context(&self) -> &ContextHeader {
        // SAFETY: The first context lies in the object's own storage.
        unsafe { self.context.as_ref() }
    }

    pub(crate) fn has(&self, marks: u32) -> bool {
        self.marks.load(Ordering::Relaxed) & marks == marks
    }

    pub(crate) fn mark(&self, marks: u32) {
        self.marks.fetch_or(marks, Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> DisposalState {
        self.state.get()
    }

    /// The device that the object belongs to, itself if it is one.
    pub(crate) fn device(&self) -> Option<NonNull<Object>> {
        self.device.get()
    }

    /// Sets the owning device of an object that does not get it from its parent. Before [`commit`].
    pub(crate) fn set_device(&self, device: NonNull<Object>) {
        self.device.set(Some(device));
    }

    pub(crate) fn set_next_deferred(&self, next: Option<NonNull<Object>>) {
        self.next_deferred.set(next);
    }

    pub(crate) fn take_next_deferred(&self) -> Option<NonNull<Object>> {
        self.next_deferred.take()
    }

    /// The dispose list that finishes what cannot be disposed above PASSIVE_LEVEL (OBJ-36): the
    /// device's, or for the device itself and what belongs to none the driver's.
    ///
    /// The device is a bare pointer, which need not lead to one any more (OBJ-58).
    fn dispose_list(&self) -> &DisposeList {
        let device = self.device.get().filter(|&device| device != self.pointer());
        // SAFETY: A device outlives the objects that are below it; of one that has left the tree the
        // memory is read as Windows reads it, and the next line sees what became of it.
        let device = device.map(|device| unsafe { device.as_ref() });
        if device.is_some_and(|device| !device.is_live()) {
            stop::undefined(
                c"an object was deleted above PASSIVE_LEVEL while its device was removed: delete it before the removal",
            );
        }
        device
            .and_then(|device| (device.kind.dispose_list)(device))
            .unwrap_or_else(|| self.globals().driver_dispose_list())
    }
}

/// The object as an untyped pointer, for the kernel to hand back.
pub(crate) fn as_void(object: &Object) -> *mut core::ffi::c_void {
    object.pointer().as_ptr().cast()
}
