//! E4: an entry is given back once.

use kmdf::{Entry, Paged};

fn free(entry: Entry<Paged>) {
    drop(entry);
    drop(entry);
}

fn main() {}
