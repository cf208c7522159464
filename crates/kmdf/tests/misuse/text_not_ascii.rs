//! A wide text is made of ASCII, one unit for each character.

use kmdf::{WideText, wide};

const NAME: WideText = wide!("\\DosDevices\\Café");

fn main() {}
