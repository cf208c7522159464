//! The file object that a request came through may be closed once it is completed.

use kmdf::{FileObject, Handled, Request, Result};

fn handler(request: Request<'_>) -> Result<(FileObject<'_>, Handled<'_>)> {
    let file = request.file_object()?;
    let handled = request.complete(Ok(()));
    Ok((file, handled))
}

fn main() {}
