//! What a device is to become is said at PASSIVE_LEVEL.

use kmdf::{DeviceInit, DriverParent, Passive, Result, SpinLock, wide};

fn add_device(mut init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
    let lock = SpinLock::new(&DriverParent, ())?;
    lock.with(irql, |(), irql| init.set_name(wide!("\\Device\\Name"), irql))?
}

fn main() {}
