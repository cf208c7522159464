//! C2: where the kind of the memory is not known, it counts as pageable.

use kmdf::{Memory, Passive, PoolKind, Result, SpinLock};

fn read<P: PoolKind>(memory: &Memory<P>, lock: &SpinLock<u8>, irql: &mut Passive) -> Result<()> {
    let bytes = memory.bytes(irql);
    lock.with(irql, |first, _| *first = bytes[0])
}

fn main() {}
