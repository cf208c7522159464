//! E5: pageable entries are never touched at DISPATCH_LEVEL.

use kmdf::{Dispatch, Entry, Paged};

fn touch(entry: &mut Entry<Paged>, irql: &Dispatch) {
    entry.bytes_mut(irql).fill(0);
}

fn main() {}
