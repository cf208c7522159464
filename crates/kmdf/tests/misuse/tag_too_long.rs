//! C3: a tag has up to four characters.

use kmdf::Tag;

const TAG: Tag = Tag::new(b"Memory");

fn main() {}
