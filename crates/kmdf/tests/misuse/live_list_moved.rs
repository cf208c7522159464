//! E1: a list lies in storage of its own that safe code cannot reach, so that it cannot move.

use kmdf::PagedLookaside;

fn steal(list: &mut PagedLookaside, other: &mut PagedLookaside) {
    core::mem::swap(&mut *list.storage, &mut *other.storage);
}

fn main() {}
