//! C8: memory that is not initialised cannot be read.

use kmdf::{DriverParent, Memory, Paged, Passive, Result, Tag};

fn stale_byte(irql: &Passive) -> Result<u8> {
    let memory = Memory::<Paged>::new_uninit(&DriverParent, Tag::DEFAULT, 16, irql)?;
    Ok(memory.bytes(irql)[0])
}

fn main() {}
