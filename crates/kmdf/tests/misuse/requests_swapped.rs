//! Two requests are of different types, by their lifetimes: neither is completed in place of the other.

use kmdf::{Dispatch, Handled, Request, WaitingRequests};
use std::mem::swap;

fn handler<'r>(
    mut request: Request<'r>,
    waiting: WaitingRequests<'_>,
    irql: &mut Dispatch,
) -> Handled<'r> {
    let _ = waiting.take_next(irql, |mut other| {
        swap(&mut request, &mut other);
        other.complete(Ok(0))
    });
    request.complete(Ok(0))
}

fn main() {}
