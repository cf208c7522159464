//! C2: where pageable bytes may be held, the level cannot be raised.

use kmdf::{Memory, Paged, Passive, Result, SpinLock, WaitLock};

fn read(
    memory: &Memory<Paged>,
    wait: &WaitLock<u8>,
    spin: &SpinLock<u8>,
    irql: &Passive,
) -> Result<Result<()>> {
    let bytes = memory.bytes(irql);
    wait.with(irql, |_, irql| spin.with(irql, |first, _| *first = bytes[0]))
}

fn main() {}
