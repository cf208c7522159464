//! The kernel stack has 24 KiB: a large value is made in place, and not passed by value.

use kmdf::{Entry, PagedLookaside, Passive, Result};

fn make(list: &PagedLookaside, irql: &Passive) -> Result<Entry<kmdf::Paged, [u8; 1025]>> {
    list.allocate_value([0; 1025], irql)
}

fn main() {
    let _: fn(&_, &Passive) -> _ = make;
}
