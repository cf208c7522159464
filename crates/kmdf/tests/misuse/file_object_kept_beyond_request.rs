//! The file object that a request came through may be closed once it is completed.

use kmdf::{Handled, Request};

struct State;
kmdf::context!(State);

fn handler(request: Request<'_>) -> Handled<'_> {
    let file = request.file_object();
    let handled = request.complete(Ok(0));
    let _ = file.map(|file| file.context::<State>().is_ok());
    handled
}

fn main() {}
