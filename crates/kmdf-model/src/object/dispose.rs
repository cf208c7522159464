//! Deletion: the disposal pass, its deferral, and the destroy pass.

use super::tree;
use super::{Cleanup, DELETED, DESTROYING, Object, PASSIVE_DISPOSE, State, reference};
use crate::support::kernel;
use crate::support::stop;
use crate::support::window::{self, Window};
use core::ptr::NonNull;

/// What to do about passive objects above PASSIVE_LEVEL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deferral {
    /// Leave the rest to the dispose list (OBJ-58).
    ToList,
    /// Give up; the caller of [`early_dispose`] deals with it.
    Refused,
    /// Does not arise: this is the dispose list's worker.
    Unneeded,
}

enum Disposal {
    /// All callbacks of the pass ran. Tells whether the object was deleted meanwhile.
    Done { deleted: bool },
    /// The dispose list does the rest.
    Deferred,
}

/// How [`early_dispose`] ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarlyDispose {
    Done,
    /// The object or a direct child needs PASSIVE_LEVEL; part of the tree below may be disposed
    /// already. Windows goes on and corrupts memory (REQ-39): the caller stops the run.
    Impossible,
}

/// Deletes an object: unlinks it, disposes the tree below it, drops the initial reference.
///
/// A second deletion, and that of a child whose parent is going, change nothing (OBJ-56).
///
/// # Safety
///
/// The object is alive. The caller does not use it afterwards unless it holds a reference.
pub(crate) unsafe fn delete(pointer: NonNull<Object>) {
    // SAFETY: By the contract of this function.
    let object = unsafe { pointer.as_ref() };
    let held = object.globals().topology();
    let parent_is_going = object
        .parent()
        .is_some_and(|parent| parent.state() != State::Created);
    if object.has(DELETED) || parent_is_going {
        return;
    }
    tree::unlink(object, &held);
    object.mark(DELETED);
    match object.state() {
        State::Created => {
            object.state.set(State::Disposing);
            drop(held);
            if let Disposal::Done { .. } = dispose(object, Deferral::ToList) {
                // SAFETY: Deleted and disposed, and nobody else finishes it.
                unsafe { finish(pointer) };
            }
        }
        State::Disposed => {
            drop(held);
            // SAFETY: Deleted and disposed, and nobody else finishes it.
            unsafe { finish(pointer) };
        }
        // Whoever is disposing it sees the mark.
        State::Disposing | State::Deferred => {}
    }
}

/// Runs the disposal pass of an object that lives on for a while (OBJ-62).
///
/// # Safety
///
/// The caller holds a reference.
pub(crate) unsafe fn early_dispose(pointer: NonNull<Object>) -> EarlyDispose {
    // SAFETY: By the contract of this function.
    let object = unsafe { pointer.as_ref() };
    if !begin(object) {
        return EarlyDispose::Done;
    }
    match dispose(object, Deferral::Refused) {
        Disposal::Done { deleted } => {
            if deleted {
                // SAFETY: Deleted meanwhile and now disposed.
                unsafe { finish(pointer) };
            }
            EarlyDispose::Done
        }
        Disposal::Deferred => EarlyDispose::Impossible,
    }
}

/// Starts the disposal of an object in the state `Created`; false if it is done already.
fn begin(object: &Object) -> bool {
    let _held = object.globals().topology();
    match object.state() {
        State::Created => {
            object.state.set(State::Disposing);
            true
        }
        State::Disposed => false,
        State::Deferred | State::Disposing => {
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
    let _held = object.globals().topology();
    object.state.set(State::Disposed);
    Disposal::Done {
        deleted: object.has(DELETED),
    }
}

fn needs_passive(object: &Object) -> bool {
    let children = core::iter::successors(object.first_child(), |child| child.next_sibling());
    core::iter::once(object)
        .chain(children)
        .any(|object| object.state() != State::Disposed && object.has(PASSIVE_DISPOSE))
}

fn defer(object: &Object, deferral: Deferral) -> Disposal {
    if deferral == Deferral::ToList {
        let held = object.globals().topology();
        object.state.set(State::Deferred);
        drop(held);
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
/// The object was on the list, which alone keeps it.
pub(crate) unsafe fn process_deferred(pointer: NonNull<Object>) {
    // SAFETY: By the contract of this function.
    let object = unsafe { pointer.as_ref() };
    if object.has(DESTROYING) {
        // SAFETY: Only objects whose last reference is gone bear this mark.
        unsafe { reference::destroy(pointer) };
        return;
    }
    let held = object.globals().topology();
    object.state.set(State::Disposing);
    drop(held);
    if let Disposal::Done { deleted: true } = dispose(object, Deferral::Unneeded) {
        // SAFETY: Deleted and disposed.
        unsafe { finish(pointer) };
    }
}

/// The destroy pass: children first, then the initial reference (OBJ-52).
///
/// # Safety
///
/// The object is deleted and disposed, and this is called once.
unsafe fn finish(pointer: NonNull<Object>) {
    // SAFETY: The initial reference, dropped below, keeps the object alive.
    let object = unsafe { pointer.as_ref() };
    destroy_children(object);
    // SAFETY: The initial reference is the delete machinery's to drop.
    unsafe { reference::release(pointer) };
}

/// Takes all children from a disposed object and finishes them, oldest first.
pub(crate) fn destroy_children(object: &Object) {
    loop {
        let held = object.globals().topology();
        let Some(child) = object.first_child() else {
            return;
        };
        if child.state() != State::Disposed {
            stop::undefined(c"an object loses its parent before it is disposed, and leaks");
        }
        let child_pointer = child.pointer();
        tree::unlink(child, &held);
        child.mark(DELETED);
        drop(held);
        // SAFETY: Disposed in its parent's pass, which leaves the rest to this one.
        unsafe { finish(child_pointer) };
    }
}
