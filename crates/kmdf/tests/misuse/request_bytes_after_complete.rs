//! P10: bytes borrowed from a request end before it is completed.

use kmdf::{Handled, Request, Result};

fn handler(request: Request<'_>) -> Result<(u8, Handled<'_>)> {
    let bytes = request.input(1)?;
    let handled = request.complete(Ok(0));
    Ok((bytes[0], handled))
}

fn main() {}
