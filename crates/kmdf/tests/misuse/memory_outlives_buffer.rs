//! P8: a memory object over a lent buffer ends before the buffer.

use kmdf::{BorrowedBuffer, Device, PreallocatedMemory, Result};

fn dangling(device: Device<'_>) -> Result<PreallocatedMemory<BorrowedBuffer<'static>>> {
    let mut bytes = [0; 16];
    PreallocatedMemory::new(&device, BorrowedBuffer::from(&mut bytes[..]))
}

fn main() {}
