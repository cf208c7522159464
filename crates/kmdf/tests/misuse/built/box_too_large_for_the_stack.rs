//! The kernel stack has 24 KiB: a large value is made in place, and not passed by value.

use kmdf::{PoolBox, Result, Tag};

const TAG: Tag = Tag::new(b"Box1");

fn make() -> Result<PoolBox<[u8; 8192]>> {
    PoolBox::new(TAG, [0; 8192])
}

fn main() {
    let _: fn() -> _ = make;
}
