//! The kernel stack has 24 KiB: a large value is made in place, and not passed by value.

use kmdf::{LookasideList, Memory, Paged, Passive, Result};

fn make(list: &LookasideList<Paged>, irql: &Passive) -> Result<Memory<Paged, [u8; 1025]>> {
    list.allocate_value([0; 1025], irql)
}

fn main() {
    let _: fn(&_, &Passive) -> _ = make;
}
