//! C3: bytes that are not known before the driver runs are checked by `Tag::try_from_bytes`.

use kmdf::Tag;

fn tag(input: &[u8; 4]) -> Tag {
    Tag::new(input)
}

fn main() {}
