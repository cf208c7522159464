//! Callbacks run on any thread at the same time: a context is `Send + Sync`.

use core::cell::Cell;

struct Counter(Cell<u32>);

kmdf::context!(Counter);

fn main() {}
