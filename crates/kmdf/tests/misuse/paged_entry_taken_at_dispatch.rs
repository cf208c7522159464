//! E6: an entry of a pageable list is taken at IRQL <= APC_LEVEL only.

use kmdf::{Dispatch, Entry, Paged, PagedLookaside, Result};

fn take(list: &PagedLookaside, irql: &Dispatch) -> Result<Entry<Paged>> {
    list.allocate(irql)
}

fn main() {}
