//! C11: memory below PAGE_SIZE is aligned to 16 bytes.

use kmdf::{DriverParent, Memory, Paged, Passive, Result, Tag};

#[repr(align(32))]
struct OverAligned(u8);

fn make(irql: &Passive) -> Result<Memory<Paged, OverAligned>> {
    Memory::with_value(&DriverParent, Tag::DEFAULT, OverAligned(1), irql)
}

fn main() {
    let _: fn(&Passive) -> _ = make;
}
