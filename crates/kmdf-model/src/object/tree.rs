//! The object tree: linking children to parents.

use super::{DisposalState, Object};
use crate::driver::globals::Topology;
use crate::support::sync::Guard;
use core::cell::Cell;
use core::ptr::NonNull;
use kmdf_sys::{NTSTATUS, STATUS_DELETE_PENDING, STATUS_WDF_PARENT_ALREADY_ASSIGNED};

/// The children of an object, oldest first (OBJ-35).
///
/// # Invariants
///
/// The chain of siblings is consistent, as the invariants of [`Object`] say.
#[derive(Default)]
pub(crate) struct Children {
    first: Cell<Option<NonNull<Object>>>,
    last: Cell<Option<NonNull<Object>>>,
}

/// Follows a link of the tree.
fn follow<'a>(link: &Cell<Option<NonNull<Object>>>) -> Option<&'a Object> {
    let object = link.get()?;
    // SAFETY: Linked objects are live, by the invariants of `Object`.
    Some(unsafe { object.as_ref() })
}

impl Object {
    pub(super) fn parent(&self) -> Option<&Object> {
        follow(&self.parent)
    }

    pub(crate) fn first_child(&self) -> Option<&Object> {
        follow(&self.children.first)
    }

    pub(crate) fn next_sibling(&self) -> Option<&Object> {
        follow(&self.next_sibling)
    }

    /// Whether the object is part of a tree.
    pub(super) fn is_linked(&self) -> bool {
        self.parent.get().is_some() || self.children.first.get().is_some()
    }

    /// The parent, referenced; `None` if there is no parent or disposal has begun (OBJ-61).
    pub(crate) fn parent_referenced(&self) -> Option<NonNull<Object>> {
        let _topology = self.globals().topology();
        if self.state() != DisposalState::Created {
            return None;
        }
        let parent = self.parent()?;
        super::reference(parent);
        Some(parent.pointer())
    }
}

/// Makes `child` the youngest child of `parent` (OBJ-33 to OBJ-36).
pub(super) fn link(child: &Object, parent: &Object) -> Result<(), NTSTATUS> {
    let _topology = child.globals().topology();
    if child.state() != DisposalState::Created {
        return Err(STATUS_DELETE_PENDING);
    }
    if child.parent().is_some() {
        return Err(STATUS_WDF_PARENT_ALREADY_ASSIGNED);
    }
    if parent.state() != DisposalState::Created {
        return Err(STATUS_DELETE_PENDING);
    }
    if child.device.get().is_none() {
        child.device.set(parent.device.get());
    }
    let last = parent.children.last.get();
    child.parent.set(Some(parent.pointer()));
    child.previous_sibling.set(last);
    match follow(&parent.children.last) {
        Some(last) => last.next_sibling.set(Some(child.pointer())),
        None => parent.children.first.set(Some(child.pointer())),
    }
    parent.children.last.set(Some(child.pointer()));
    Ok(())
}

/// Takes `child` away from its parent, if it has one.
pub(super) fn unlink(child: &Object, _topology: &Guard<'_, Topology>) {
    let Some(parent) = child.parent() else { return };
    let (next, previous) = (child.next_sibling.get(), child.previous_sibling.get());
    match follow(&child.next_sibling) {
        Some(after) => after.previous_sibling.set(previous),
        None => parent.children.last.set(previous),
    }
    match follow(&child.previous_sibling) {
        Some(before) => before.next_sibling.set(next),
        None => parent.children.first.set(next),
    }
    child.next_sibling.set(None);
    child.previous_sibling.set(None);
    child.parent.set(None);
}
