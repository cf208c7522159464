//! L6: memory from a list over pageable memory is made at IRQL <= APC_LEVEL only.

use kmdf::{Dispatch, LookasideList, Memory, Paged, Result};

fn take(list: &LookasideList<Paged>, irql: &Dispatch) -> Result<Memory<Paged>> {
    list.allocate(irql)
}

fn main() {}
