//! C2: the kinds of memory and their levels are this crate's to say.

use kmdf::PoolKind;

enum Mine {}

impl PoolKind for Mine {
    const POOL_TYPE: i32 = 1;
    const PAGEABLE: bool = false;
}

fn main() {}
