//! A context is reached by way of its object, which is there once it is initialised.

use kmdf::{DeviceInit, Result};

struct State;
kmdf::context!(State);

fn too_early<'a>(init: &'a DeviceInit<'_>) -> Result<&'a State> {
    init.context::<State>()
}

fn main() {}
