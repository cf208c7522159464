//! A witness cannot be copied: the copy would outlive the level.

use kmdf::Passive;

fn copy(irql: &mut Passive) -> Passive {
    irql.clone()
}

fn main() {}
