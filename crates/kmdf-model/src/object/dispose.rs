//! Deletion: the disposal pass, its deferral, and the destroy pass.

use super::tree;
use super::{Cleanup, DELETED, DESTROYING, DisposalState, Object, PASSIVE_DISPOSE, reference};
use crate::support::kernel;
use crate::support::stop;
use crate::support::window::{self, Window};
use core::ptr::NonNull;

/// What happens to passive objects that are deleted above PASSIVE_LEVEL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deferral {
    /// Leave the rest to the dispose list (OBJ-58).
    ToList,
    /// Report it to the caller of [`early_dispose`].
    Refused,
    /// Cannot happen: the dispose list's worker runs at PASSIVE_LEVEL.
    Unneeded,
}

/// How far a disposal pass came.
enum Disposal {
    /// All callbacks of the pass ran; `deleted` if the object was deleted meanwhile.
    Done { deleted: bool },
    /// The dispose list does the rest.
    Deferred,
}

/// What [`early_dispose`] has done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarlyDispose {
    Done,
    /// The object or a direct child needs PASSIVE_LEVEL; part of the tree below may already be
    /// disposed. Windows goes on and corrupts memory (REQ-39), so the caller stops the run.
    Impossible,
}

/// Deletes an object: unlinks it, disposes the tree below it, drops the initial reference.
///
/// A second deletion, and that of a child whose parent is going, change nothing (OBJ-56).
///
/// # Safety
///
/// The object must be alive. The caller must not use it afterwards unless it holds a reference.
pub(crate) unsafe fn delete(pointer: NonNull<Object>) {
    // SAFETY: The object is alive, as the caller guarantees.
    let object = unsafe { pointer.as_ref() };
    let topology = object.globals().topology();
    let parent_is_going = object
        .parent()
        .is_some_and(|parent| parent.state() != DisposalState::Created);
    if object.has(DELETED) || parent_is_going {
        return;
    }
    tree::unlink(object, &topology);
    object.mark(DELETED);
    match object.state() {
        DisposalState::Created => {
            object.state.set(DisposalState::Disposing);
            drop(topology);
            if let Disposal::Done { .. } = dispose(object, Deferral::ToList) {
                // SAFETY: Marked as deleted above, so this is the one call; disposed just now.
                unsafe { finish(pointer) };
            }
        }
        DisposalState::Disposed => {
            drop(topology);
            // SAFETY: Marked as deleted above, so this is the one call; disposed before.
            unsafe { finish(pointer) };
        }
        // The thread that disposes it sees the mark and finishes.
        DisposalState::Disposing | DisposalState::Deferred => {}
    }
}

/// Runs the disposal pass of an object that lives on for a while (OBJ-62).
///
/// # Safety
///
/// The caller must hold a reference.
pub(crate) unsafe fn early_dispose(pointer: NonNull<Object>) -> EarlyDispose {
    // SAFETY: The caller's reference keeps the object.
    let object = unsafe { pointer.as_ref() };
    if !begin(object) {
        return EarlyDispose::Done;
    }
    match dispose(object, Deferral::Refused) {
        Disposal::Done { deleted } => {
            if deleted {
                // SAFETY: `delete` only marked it, and it is disposed now.
                unsafe { finish(pointer) };
            }
            EarlyDispose::Done
        }
        Disposal::Deferred => EarlyDispose::Impossible,
    }
}

/// Starts the disposal of an object in the state `Created`; false if it is already disposed.
fn begin(object: &Object) -> bool {
    let _topology = object.globals().topology();
    match object.state() {
        DisposalState::Created => {
            object.state.set(DisposalState::Disposing);
            true
        }
        DisposalState::Disposed => false,
        DisposalState::Deferred | DisposalState::Disposing => {
            stop::undefined(c"an object is being disposed in two places at once")
        }
    }
}

/// The disposal pass below and including `object`, whose state is `Disposing` (OBJ-52).
fn dispose(object: &Object, deferral: Deferral) -> Disposal {
    if deferral != Deferral::Unneeded && !kernel::at_passive_level() && needs_passive(object) {
        return defer(object, deferral);
    }
    let mut next = object.first_child();
    while let Some(child) = next {
        if begin(child)
            && let Disposal::Deferred = dispose(child, deferral)
        {
            return defer(object, deferral);
        }
        next = child.next_sibling();
    }
    if (object.kind.dispose)(object) == Cleanup::Now {
        call_cleanup(object);
    }
    let _topology = object.globals().topology();
    object.state.set(DisposalState::Disposed);
    Disposal::Done {
        deleted: object.has(DELETED),
    }
}

fn needs_passive(object: &Object) -> bool {
    let children = core::iter::successors(object.first_child(), |child| child.next_sibling());
    core::iter::once(object)
        .chain(children)
        .any(|object| object.state() != DisposalState::Disposed && object.has(PASSIVE_DISPOSE))
}

fn defer(object: &Object, deferral: Deferral) -> Disposal {
    if deferral == Deferral::ToList {
        let topology = object.globals().topology();
        object.state.set(DisposalState::Deferred);
        drop(topology);
        window::open(Window::DeferredDisposal);
        object.dispose_list().add(object.pointer());
    }
    Disposal::Deferred
}

/// Runs the cleanup callbacks of all contexts that have not run.
pub(crate) fn call_cleanup(object: &Object) {
    if object.has(super::COMMITTED) {
        for context in object.context().chain() {
            context.call_cleanup(object);
        }
    }
}

/// What the dispose list's worker does with each entry, at PASSIVE_LEVEL.
///
/// # Safety
///
/// The object must have been taken from the list, which alone kept it.
pub(crate) unsafe fn process_deferred(pointer: NonNull<Object>) {
    // SAFETY: Objects on a dispose list are alive, and the caller took this one from it.
    let object = unsafe { pointer.as_ref() };
    if object.has(DESTROYING) {
        // SAFETY: The mark says that the last reference was dropped.
        unsafe { reference::destroy(pointer) };
        return;
    }
    let topology = object.globals().topology();
    object.state.set(DisposalState::Disposing);
    drop(topology);
    if let Disposal::Done { deleted: true } = dispose(object, Deferral::Unneeded) {
        // SAFETY: It was deleted, which left the rest to this worker, and is disposed now.
        unsafe { finish(pointer) };
    }
}

/// The destroy pass: children first, then the initial reference (OBJ-52).
///
/// # Safety
///
/// The object must be deleted and disposed. For each object this may be called once.
unsafe fn finish(pointer: NonNull<Object>) {
    // SAFETY: The initial reference, dropped below, keeps the object alive.
    let object = unsafe { pointer.as_ref() };
    destroy_children(object);
    // SAFETY: The initial reference is this function's to drop, which is called once.
    unsafe { reference::release(pointer) };
}

/// Takes all children from a disposed object and finishes them, oldest first.
pub(crate) fn destroy_children(object: &Object) {
    loop {
        let topology = object.globals().topology();
        let Some(child) = object.first_child() else {
            return;
        };
        if child.state() != DisposalState::Disposed {
            stop::undefined(c"an object loses its parent before it is disposed, and leaks");
        }
        let child_pointer = child.pointer();
        tree::unlink(child, &topology);
        child.mark(DELETED);
        drop(topology);
        // SAFETY: Disposed in its parent's disposal pass, and unlinked, so that this is the one call.
        unsafe { finish(child_pointer) };
    }
}
