//! P10: a forwarded request belongs to the queue, and its buffer with it.

use kmdf::{Handled, Request, WaitingRequests};

fn handler<'r>(request: Request<'r>, queue: WaitingRequests<'_>) -> Handled<'r> {
    match request.forward(queue) {
        Ok(handled) => {
            let _ = request.input(1);
            handled
        }
        Err((error, request)) => request.complete(Err(error)),
    }
}

fn main() {}
