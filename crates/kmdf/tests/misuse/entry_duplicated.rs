//! E4: an entry has one owner, who gives it back.

use kmdf::{Entry, Paged};

fn duplicate(entry: &Entry<Paged>) -> Entry<Paged> {
    entry.clone()
}

fn main() {}
