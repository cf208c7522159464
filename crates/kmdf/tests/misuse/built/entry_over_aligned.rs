//! E1: an entry of a list is pool memory, which is aligned to 16 bytes below PAGE_SIZE.

use kmdf::{Entry, Paged, PagedLookaside, Passive, Result};

#[repr(align(32))]
struct OverAligned(u8);

fn make(list: &PagedLookaside, irql: &Passive) -> Result<Entry<Paged, OverAligned>> {
    list.allocate_value(OverAligned(1), irql)
}

fn main() {
    let _: fn(&_, &Passive) -> _ = make;
}
