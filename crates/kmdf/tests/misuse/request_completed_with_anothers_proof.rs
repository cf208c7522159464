//! The proof that one request was completed does not stand for another.

use kmdf::{Error, Handled, Request, WaitingRequests};

fn handler<'r>(
    request: Request<'r>,
    waiting: WaitingRequests<'_>,
    irql: &mut kmdf::Dispatch,
) -> Handled<'r> {
    let mut stolen = None;
    let _ = waiting.take_next(irql, |other| {
        stolen = Some(other.complete(Ok(0)));
        request.complete(Err(Error::CANCELLED))
    });
    stolen.unwrap()
}

fn main() {}
