//! A context may not be there yet, or be of another type: the lookup is a `Result`.

use kmdf::Device;

struct State;
kmdf::context!(State);

fn unchecked(device: Device<'_>) -> &State {
    device.context::<State>()
}

fn main() {}
