//! A context is shared by all callbacks: it is changed through locks and atomics only.

use kmdf::{Device, Result};

struct State(u32);
kmdf::context!(State);

fn change(device: Device<'_>) -> Result<()> {
    device.context::<State>()?.0 += 1;
    Ok(())
}

fn main() {}
