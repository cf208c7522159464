//! P10: a forwarded request is completed by who takes it from the queue.

use kmdf::{Handled, Request, WaitingRequests};

fn handler<'r>(request: Request<'r>, queue: WaitingRequests<'_>) -> Handled<'r> {
    let _ = request.forward(queue);
    request.complete(Ok(0))
}

fn main() {}
