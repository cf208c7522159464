//! C11, C12: no memory is aligned to more than a page.

use kmdf::{DriverParent, Memory, Paged, Passive, Result, Tag, Zeroable};

#[derive(Clone, Copy)]
#[repr(align(8192))]
struct OverAligned([u8; 8192]);

// SAFETY: An array of zeroes.
unsafe impl Zeroable for OverAligned {}

fn make(irql: &Passive) -> Result<Memory<Paged, [OverAligned]>> {
    Memory::zeroed(&DriverParent, Tag::DEFAULT, 1, irql)
}

fn main() {
    let _: fn(&Passive) -> _ = make;
}
