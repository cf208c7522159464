//! C2: bytes that were borrowed at PASSIVE_LEVEL end before the level rises.

use kmdf::{Memory, Paged, Passive, Result, SpinLock};

fn read(memory: &Memory<Paged>, lock: &SpinLock<u8>, irql: &mut Passive) -> Result<()> {
    let bytes = memory.bytes(irql);
    lock.with(irql, |first, _| *first = bytes[0])
}

fn main() {}
