//! A file object is the framework's: it is borrowed for the time of a callback.

use kmdf::FileObject;
use std::sync::Mutex;

static KEPT: Mutex<Option<FileObject<'static>>> = Mutex::new(None);

fn callback(file_object: FileObject<'_>) {
    *KEPT.lock().unwrap() = Some(file_object);
}

fn main() {}
