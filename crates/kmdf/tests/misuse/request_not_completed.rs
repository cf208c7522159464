//! A handler must answer: only completing or forwarding gives the proof it returns.

use kmdf::{Handled, Request};

fn handler(request: Request<'_>) -> Handled<'_> {
    drop(request);
}

fn main() {}
