//! One device is made of what the framework lends for one.

use kmdf::{DeviceInit, Passive, Result};

struct State;
kmdf::context!(State);

fn add(init: DeviceInit<'_>, irql: &mut Passive) -> Result<()> {
    init.create(State, irql)?;
    init.create(State, irql)?;
    Ok(())
}

fn main() {}
