//! P10: what belongs to one request cannot take the place of the same thing of another, which is
//! completed first.

use kmdf::{Dispatch, Handled, Request, WaitingRequests};
use std::mem::swap;

fn handler<'r>(
    request: Request<'r>,
    waiting: WaitingRequests<'_>,
    irql: &mut Dispatch,
) -> Handled<'r> {
    request.complete_with(|transfer| {
        let mut output = transfer.into_output()?;
        waiting.take_next(irql, |other| {
            other.complete_with(|transfer| {
                swap(&mut output, &mut transfer.into_output()?);
                Ok(0)
            })
        })?;
        output.write(b"to freed memory")
    })
}

fn main() {}
