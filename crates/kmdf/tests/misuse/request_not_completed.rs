//! A handler must complete or forward: only these give the proof that it returns.

use kmdf::{Handled, Request};

fn handler(request: Request<'_>) -> Handled<'_> {
    drop(request);
}

fn main() {}
