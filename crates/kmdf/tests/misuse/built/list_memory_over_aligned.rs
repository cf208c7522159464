//! C11, L2: memory from a list is aligned to 16 bytes below PAGE_SIZE.

use kmdf::{LookasideList, Memory, Paged, Passive, Result};

#[repr(align(32))]
struct OverAligned(u8);

fn make(list: &LookasideList<Paged>, irql: &Passive) -> Result<Memory<Paged, OverAligned>> {
    list.allocate_value(OverAligned(1), irql)
}

fn main() {
    let _: fn(&_, &Passive) -> _ = make;
}
