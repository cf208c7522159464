//! A boxed value may be dropped later than its box, after that of the box around it.

use kmdf::{PoolBox, Result, Tag};

const TAG: Tag = Tag::new(b"Box1");

fn make(value: &u8) -> Result<()> {
    let boxed = PoolBox::new(TAG, value)?;
    drop(boxed);
    Ok(())
}

fn main() {
    let _: fn(&u8) -> _ = make;
}
