//! E4: the bytes of an entry are its list's once it is given back.

use kmdf::{Entry, Paged, Passive};

fn use_after_free(entry: Entry<Paged>, irql: &Passive) -> u8 {
    let bytes = entry.bytes(irql);
    drop(entry);
    bytes[0]
}

fn main() {}
