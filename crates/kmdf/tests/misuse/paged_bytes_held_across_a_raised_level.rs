//! C2: bytes that were borrowed at PASSIVE_LEVEL end before the level rises.

use kmdf::{Memory, Paged, Passive};

fn read(memory: &Memory<Paged>, irql: &mut Passive) -> u8 {
    let bytes = memory.bytes(irql);
    irql.raise(|_| bytes[0])
}

fn main() {}
