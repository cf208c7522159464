//! The framework calls a queue's handler at PASSIVE_LEVEL, or up to DISPATCH_LEVEL.

use kmdf::{Apc, Handled, IoHandler, Queue, Request};

struct Requests;
kmdf::context!(Requests);

impl IoHandler for Requests {
    type Level = Apc;

    fn device_control<'r>(
        &self,
        _queue: Queue<'_>,
        request: Request<'r>,
        _code: u32,
        _irql: &mut Apc,
    ) -> Handled<'r> {
        request.complete(Ok(0))
    }
}

fn main() {}
