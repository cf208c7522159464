//! C2: pageable bytes are touched at IRQL <= APC_LEVEL only.

use kmdf::{Memory, Paged, Passive, Result, SpinLock};

fn read(memory: &Memory<Paged>, lock: &SpinLock<u8>, irql: &mut Passive) -> Result<()> {
    lock.with(irql, |first, irql| *first = memory.bytes(irql)[0])
}

fn main() {}
