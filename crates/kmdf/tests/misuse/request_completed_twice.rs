//! A request is completed once.

use kmdf::{Handled, Request};

fn handler(request: Request<'_>) -> Handled<'_> {
    let _ = request.complete_with(|transfer| transfer.into_output()?.write(b"first"));
    request.complete_with(|transfer| transfer.into_output()?.write(b"second"))
}

fn main() {}
