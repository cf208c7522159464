//! C2: pageable memory is not touched while the level is raised, from APC_LEVEL neither.

use kmdf::{Apc, Memory, Paged, Passive};

fn read(memory: &Memory<Paged>, irql: &mut Passive) -> u8 {
    irql.raise(|irql| memory.bytes(irql)[0])
}

fn read_from_apc_level(memory: &Memory<Paged>, irql: &mut Apc) -> u8 {
    irql.raise(|irql| memory.bytes(irql)[0])
}

fn main() {}
