//! C10: what was deleted is out of reach.

use kmdf::{Memory, Paged, Passive};

fn use_after_free(memory: Memory<Paged>, irql: &Passive) -> usize {
    drop(memory);
    memory.bytes(irql).len()
}

fn main() {}
