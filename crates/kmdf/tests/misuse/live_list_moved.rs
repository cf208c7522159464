//! E1: a list lies in storage of its own that safe code cannot reach, so that it cannot move.

use kmdf::PagedLookaside;

fn take_the_list_out(list: &PagedLookaside) {
    let _moved = list.storage;
}

fn main() {}
