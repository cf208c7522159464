//! C2, E5: nonpaged memory that holds a reference into pageable memory borrows the witness as well.

use kmdf::{DriverParent, Memory, NonPagedNx, Paged, Passive, Result, SpinLock, Tag};

fn hidden_in_memory(
    memory: &Memory<Paged>,
    lock: &SpinLock<()>,
    irql: &mut Passive,
) -> Result<u8> {
    let bytes = memory.bytes(irql);
    let hidden =
        Memory::<NonPagedNx, &[u8]>::with_value(&DriverParent, Tag::DEFAULT, bytes, irql)?;
    lock.with(irql, |(), irql| hidden.get(irql)[0])
}

fn main() {}
