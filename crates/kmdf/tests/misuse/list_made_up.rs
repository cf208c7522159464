//! L4: a list comes from `WdfLookasideListCreate`; there is no other way to a handle.

use kmdf::{LookasideList, Paged};

fn forge() -> LookasideList<Paged> {
    LookasideList::from_raw(core::ptr::null_mut())
}

fn main() {}
