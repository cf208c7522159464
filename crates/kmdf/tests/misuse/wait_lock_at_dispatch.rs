//! A wait lock is acquired at PASSIVE_LEVEL only: waiting at DISPATCH_LEVEL would never end.

use kmdf::{Passive, Result, SpinLock, WaitLock};

fn wait_while_spinning(
    spin: &SpinLock<u8>,
    wait: &WaitLock<u8>,
    irql: &mut Passive,
) -> Result<Result<()>> {
    spin.with(irql, |_, irql| wait.with(irql, |_, _| ()))
}

fn main() {}
