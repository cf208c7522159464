//! C2, E5: a reference into pageable memory cannot wait in a spin lock, or anywhere else, for the
//! IRQL to be raised: its lifetime is that of the borrowed witness.

use kmdf::{DriverParent, Memory, Paged, Passive, Result, SpinLock};

fn hidden_in_the_lock(memory: &Memory<Paged>, irql: &mut Passive) -> Result<u8> {
    let lock = SpinLock::new(&DriverParent, memory.bytes(irql))?;
    lock.with(irql, |bytes, _| bytes[0])
}

fn main() {}
