//! C2, E5: the caller's witness is out of reach while a spin lock is held.

use kmdf::{Memory, Paged, Passive, Result, SpinLock};

fn read(memory: &Memory<Paged>, lock: &SpinLock<u8>, irql: &mut Passive) -> Result<()> {
    lock.with(irql, |first, _| *first = memory.bytes(irql)[0])
}

fn main() {}
