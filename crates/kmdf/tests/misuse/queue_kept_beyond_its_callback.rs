//! A queue is the framework's: it is borrowed for the time of a callback.

use kmdf::Queue;
use std::sync::Mutex;

static KEPT: Mutex<Option<Queue<'static>>> = Mutex::new(None);

fn callback(queue: Queue<'_>) {
    *KEPT.lock().unwrap() = Some(queue);
}

fn main() {}
