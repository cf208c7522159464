//! C8: a byte that may be uninitialised is no `u8`.

use kmdf::{DriverParent, Memory, Paged, Passive, Result, Tag};

fn stale_byte(irql: &Passive) -> Result<u8> {
    let mut memory = Memory::<Paged>::new_uninit(&DriverParent, Tag::DEFAULT, 16, irql)?;
    let first: u8 = memory.bytes_mut(irql)[0];
    Ok(first)
}

fn main() {}
