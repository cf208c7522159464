//! C2: pageable memory is allocated at IRQL <= APC_LEVEL only.

use kmdf::{Device, Dispatch, Memory, Paged, Result, Tag};

fn create(device: Device<'_>, irql: &mut Dispatch) -> Result<Memory<Paged>> {
    Memory::<Paged>::new(&device, Tag::DEFAULT, 16, irql)
}

fn main() {}
