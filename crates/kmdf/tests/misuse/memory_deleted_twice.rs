//! C10: deleting consumes the value, so that there is no second time.

use kmdf::{Memory, Paged};

fn delete(memory: Memory<Paged>) {
    drop(memory);
    drop(memory);
}

fn main() {}
