//! C2, REQ-39: a request may be completed at DISPATCH_LEVEL, and its memory with it.

use kmdf::{Paged, Result, Tag, Transfer};

fn scratch(transfer: Transfer<'_>) -> Result<()> {
    transfer.create_memory::<Paged>(Tag::DEFAULT, 8)?;
    Ok(())
}

fn main() {}
