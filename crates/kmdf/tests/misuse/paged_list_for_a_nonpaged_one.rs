//! L6, E6: a list over one kind of memory is not one over the other.

use kmdf::{NonPagedLookaside, Paged, PagedLookaside, ExLookaside};

fn confuse(list: NonPagedLookaside) -> PagedLookaside {
    let list: ExLookaside<Paged> = list;
    list
}

fn main() {}
