//! C10: deleting a memory object frees its buffer, and drops nothing that is in it.

use kmdf::{DriverParent, Memory, Paged, Passive, PoolBox, Result, Tag};

fn make(value: PoolBox<u8>, irql: &Passive) -> Result<Memory<Paged, PoolBox<u8>>> {
    Memory::with_value(&DriverParent, Tag::DEFAULT, value, irql)
}

fn main() {
    let _: fn(_, &Passive) -> _ = make;
}
