//! E4: an entry goes back to its own list by itself; no list takes one.

use kmdf::{Entry, Paged, PagedLookaside};

fn free_to_another(entry: Entry<Paged>, other: &PagedLookaside) {
    other.free(entry);
}

fn main() {}
