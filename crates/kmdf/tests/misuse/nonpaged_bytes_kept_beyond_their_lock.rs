//! Nonpaged bytes borrow the memory that they lie in, which a lock lends for the time that it is held.

use kmdf::{Memory, NonPagedNx, Passive, Result, SpinLock};

fn keep<'a>(lock: &'a SpinLock<Memory<NonPagedNx>>, irql: &mut Passive) -> Result<&'a [u8]> {
    lock.with(irql, |memory, irql| memory.bytes(irql))
}

fn main() {}
