//! A locked value is out of reach once the lock is released.

use kmdf::{Passive, Result, SpinLock};

fn keep<'a>(lock: &'a SpinLock<u8>, irql: &'a mut Passive) -> Result<&'a mut u8> {
    lock.with(irql, |value, _| value)
}

fn main() {}
