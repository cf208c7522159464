//! A device is the framework's: it is borrowed for the time of a callback.

use kmdf::Device;
use std::sync::Mutex;

static KEPT: Mutex<Option<Device<'static>>> = Mutex::new(None);

fn callback(device: Device<'_>) {
    *KEPT.lock().unwrap() = Some(device);
}

fn main() {}
