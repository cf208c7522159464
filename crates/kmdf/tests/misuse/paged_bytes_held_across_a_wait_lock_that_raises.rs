//! C2: bytes that were borrowed at PASSIVE_LEVEL end before a wait lock whose body may raise the level.

use kmdf::{Memory, Paged, Passive, Result, SpinLock, WaitLock};

fn read(
    memory: &Memory<Paged>,
    wait: &WaitLock<u8>,
    spin: &SpinLock<u8>,
    irql: &mut Passive,
) -> Result<Result<()>> {
    let bytes = memory.bytes(irql);
    wait.with_irql_mut(irql, |_, irql| spin.with(irql, |first, _| *first = bytes[0]))
}

fn main() {}
