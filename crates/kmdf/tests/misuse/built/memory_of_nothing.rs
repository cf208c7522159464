//! C5: memory of no bytes is refused; a value without a size has none.

use kmdf::{DriverParent, Memory, Paged, Passive, Result, Tag};

struct Nothing;

fn make(irql: &Passive) -> Result<Memory<Paged, Nothing>> {
    Memory::with_value(&DriverParent, Tag::DEFAULT, Nothing, irql)
}

fn main() {
    let _: fn(&Passive) -> _ = make;
}
