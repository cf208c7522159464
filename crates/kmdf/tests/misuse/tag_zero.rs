//! C3: tag 0 means the framework's default and has a name of its own.

use kmdf::Tag;

const TAG: Tag = Tag::new(b"\0\0\0\0");

fn main() {}
