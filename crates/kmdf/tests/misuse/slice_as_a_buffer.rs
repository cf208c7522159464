//! P2, P8: a slice is lent to a memory object, for as long as that exists.

use kmdf::{Device, PreallocatedMemory, Result};

fn wrap(device: Device<'_>, bytes: &mut [u8]) -> Result<()> {
    let _memory = PreallocatedMemory::new(&device, bytes)?;
    Ok(())
}

fn main() {}
