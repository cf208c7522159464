//! C9, C13 (ParentObjectCheck): a queue is no parent, as it deletes its children before its callbacks end.

use kmdf::{Memory, Paged, Passive, Queue, Result, Tag};

fn make(queue: Queue<'_>, irql: &Passive) -> Result<Memory<Paged>> {
    Memory::new(&queue, Tag::DEFAULT, 16, irql)
}

fn main() {}
