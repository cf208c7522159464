//! C3: the kernel keeps `BIG` for itself, and stops the system for who uses it.

use kmdf::Tag;

const TAG: Tag = Tag::new(b"BIG");

fn main() {}
