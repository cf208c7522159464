//! C2: memory is of a kind, which says where it may be touched.

use kmdf::Memory;

fn sum(_memory: &Memory<u64>) {}

fn main() {}
