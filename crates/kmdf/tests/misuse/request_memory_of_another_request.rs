//! C9, P6: memory of one request cannot take the place of memory of another, which is completed
//! first.

use kmdf::{Dispatch, Handled, NonPagedNx, Request, Tag, WaitingRequests};
use std::mem::swap;

fn handler<'r>(
    request: Request<'r>,
    waiting: WaitingRequests<'_>,
    irql: &mut Dispatch,
) -> Handled<'r> {
    request.complete_with(|transfer| {
        let mut memory = transfer.create_memory::<NonPagedNx>(Tag::DEFAULT, 8)?;
        waiting.take_next(irql, |other| {
            other.complete_with(|transfer| {
                swap(&mut memory, &mut transfer.create_memory(Tag::DEFAULT, 8)?);
                Ok(0)
            })
        })?;
        memory.bytes_mut().fill(0);
        Ok(0)
    })
}

fn main() {}
