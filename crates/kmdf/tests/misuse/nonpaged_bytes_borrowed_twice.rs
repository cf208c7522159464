//! Nonpaged bytes borrow no witness, but still their memory: they cannot be had twice for writing.

use kmdf::{Memory, NonPagedNx, Passive, Result, SpinLock};

fn twice(memory: &mut Memory<NonPagedNx>, lock: &SpinLock<()>, irql: &mut Passive) -> Result<()> {
    let bytes = memory.bytes_mut(irql);
    lock.with(irql, |(), irql| memory.bytes_mut(irql).swap_with_slice(bytes))
}

fn main() {}
