//! C8: to claim that all bytes were written is an unsafe promise.

use kmdf::{DriverParent, Memory, Paged, Passive, Result, Tag};

fn stale_bytes(irql: &Passive) -> Result<Memory<Paged>> {
    let memory = Memory::new_uninit(&DriverParent, Tag::DEFAULT, 16, irql)?;
    Ok(memory.assume_init())
}

fn main() {}
