//! The witness that a spin lock lends ends when the lock is released.

use kmdf::{Dispatch, Passive, Result, SpinLock};

fn keep<'a>(lock: &'a SpinLock<u8>, irql: &'a mut Passive) -> Result<&'a mut Dispatch> {
    lock.with(irql, |_, irql| irql)
}

fn main() {}
