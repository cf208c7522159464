//! C3: Driver Verifier stops the system for a tag without a letter or digit.

use kmdf::Tag;

const TAG: Tag = Tag::new(b"+-+-");

fn main() {}
