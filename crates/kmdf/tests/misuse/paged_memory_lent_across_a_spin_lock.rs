//! C2, P9: a memory object over pageable bytes ends before the level rises.

use kmdf::{
    BorrowedBuffer, Device, Memory, Paged, Passive, PreallocatedMemory, Result, SpinLock,
};

fn read(
    device: Device<'_>,
    memory: &mut Memory<Paged>,
    lock: &SpinLock<u8>,
    irql: &mut Passive,
) -> Result<()> {
    let bytes = BorrowedBuffer::from(memory.bytes_mut(irql));
    let over = PreallocatedMemory::new(&device, bytes)?;
    lock.with(irql, |first, irql| *first = over.bytes(irql)[0])
}

fn main() {}
