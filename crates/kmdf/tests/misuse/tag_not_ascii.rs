//! C3: each character of a tag is at most 127.

use kmdf::Tag;

const TAG: Tag = Tag::new(b"caf\xE9");

fn main() {}
