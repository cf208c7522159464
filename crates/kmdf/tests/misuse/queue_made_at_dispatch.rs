//! C13 (KmdfIrql): a queue is made at PASSIVE_LEVEL.

use kmdf::{Device, Dispatch, ManualQueue, Result};

struct State;
kmdf::context!(State);

fn make(device: Device<'_>, irql: &mut Dispatch) -> Result<ManualQueue<State>> {
    device.create_manual_queue(irql)
}

fn main() {}
