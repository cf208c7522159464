//! E1: a list is initialised at PASSIVE_LEVEL, which the witness proves.

use kmdf::{Dispatch, NonPagedLookaside, Result, Tag};

fn make(irql: &Dispatch) -> Result<NonPagedLookaside> {
    NonPagedLookaside::new(const { Tag::new(b"List") }, 64, irql)
}

fn main() {}
