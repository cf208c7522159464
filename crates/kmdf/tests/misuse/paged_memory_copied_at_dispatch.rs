//! C2: copying touches the bytes, so that it needs their level.

use kmdf::{Dispatch, Memory, Paged, Result};

fn copy(memory: &Memory<Paged>, target: &mut [u8], irql: &Dispatch) -> Result<()> {
    memory.copy_to(0, target, irql)
}

fn main() {}
