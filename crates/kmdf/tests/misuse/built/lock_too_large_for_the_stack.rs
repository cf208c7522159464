//! The kernel stack has 24 KiB: what a lock guards comes by value, so a large part of it is in a box.

use kmdf::{DriverParent, Result, SpinLock};

fn make() -> Result<SpinLock<[u8; 1025]>> {
    SpinLock::new(&DriverParent, [0; 1025])
}

fn main() {
    let _: fn() -> _ = make;
}
