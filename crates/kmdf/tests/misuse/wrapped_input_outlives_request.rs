//! P6: memory over a request's own buffer is deleted when the request is completed.

use kmdf::{Handled, Request};

fn handler(request: Request<'_>) -> Handled<'_> {
    let mut kept = None;
    request.complete_with(|mut transfer| {
        kept = Some(transfer.wrap_input()?);
        Ok(0)
    })
}

fn main() {}
