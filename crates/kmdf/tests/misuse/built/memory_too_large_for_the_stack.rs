//! The kernel stack has 24 KiB: a large value is made in place, and not passed by value.

use kmdf::{DriverParent, Memory, PAGE_SIZE, Page, Paged, Passive, Result, Tag};

fn make(irql: &Passive) -> Result<Memory<Paged, Page>> {
    Memory::with_value(&DriverParent, Tag::DEFAULT, Page([0; PAGE_SIZE]), irql)
}

fn main() {
    let _: fn(&Passive) -> _ = make;
}
