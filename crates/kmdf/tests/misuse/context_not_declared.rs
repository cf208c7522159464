//! Only a declared type can be found in an object's context space.

use kmdf::{Device, Result};

struct State;

fn state(device: Device<'_>) -> Result<&State> {
    device.context::<State>()
}

fn main() {}
