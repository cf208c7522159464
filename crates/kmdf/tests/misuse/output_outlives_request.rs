//! P10: the output buffer of a request is the I/O manager's once the request is completed.

use kmdf::{Handled, Request};

fn handler(request: Request<'_>) -> Handled<'_> {
    let mut kept = None;
    request.complete_with(|transfer| {
        kept = Some(transfer.into_output()?);
        Ok(0)
    })
}

fn main() {}
