//! A queue that was put by is used only while its device is proved to be there.

use kmdf::{Handled, ManualQueue, Request};

struct State;
kmdf::context!(State);

fn park<'r>(request: Request<'r>, queue: &ManualQueue<State>) -> Handled<'r> {
    request.forward(queue).ok().unwrap()
}

fn main() {}
