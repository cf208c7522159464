//! P8: a buffer is the memory object's alone for as long as it is lent.

use kmdf::{BorrowedBuffer, Device, Passive, PreallocatedMemory, Result};

fn two_users(device: Device<'_>, irql: &Passive) -> Result<u8> {
    let mut bytes = [0; 16];
    let memory = PreallocatedMemory::new(&device, BorrowedBuffer::from(&mut bytes[..]))?;
    bytes.fill(1);
    Ok(memory.bytes(irql)[0])
}

fn main() {}
