//! Pool memory is aligned to 16 bytes, not more.

use kmdf::{PoolBox, Result, Tag};

#[repr(align(32))]
struct OverAligned(u8);

const TAG: Tag = Tag::new(b"Box1");

fn make() -> Result<PoolBox<OverAligned>> {
    PoolBox::new(TAG, OverAligned(1))
}

fn main() {
    let _: fn() -> _ = make;
}
