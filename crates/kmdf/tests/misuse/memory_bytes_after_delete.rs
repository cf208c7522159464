//! C10: the bytes of a memory object go with it.

use kmdf::{Memory, Paged, Passive};

fn use_after_free(memory: Memory<Paged>, irql: &Passive) -> u8 {
    let bytes = memory.bytes(irql);
    drop(memory);
    bytes[0]
}

fn main() {}
