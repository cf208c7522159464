//! C9: memory parented to a request is deleted when the request is completed.

use kmdf::{Handled, NonPagedNx, Request, Tag};

fn handler(request: Request<'_>) -> Handled<'_> {
    let mut kept = None;
    request.complete_with(|transfer| {
        kept = Some(transfer.create_memory::<NonPagedNx>(Tag::DEFAULT, 8)?);
        Ok(0)
    })
}

fn main() {}
