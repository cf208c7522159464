//! P10: a request's buffer is out of reach once the request is completed.

use kmdf::{Handled, Request};

fn handler(request: Request<'_>) -> Handled<'_> {
    let handled = request.complete(Ok(0));
    let _ = request.input(1);
    handled
}

fn main() {}
