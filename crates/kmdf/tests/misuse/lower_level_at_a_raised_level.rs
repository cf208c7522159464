//! C13 (KmdfIrql): the witness of the lower level is out of reach while the level is raised.

use kmdf::{Memory, Paged, Passive};

fn read(memory: &Memory<Paged>, irql: &mut Passive) -> u8 {
    irql.raise(|_| memory.bytes(irql)[0])
}

fn main() {}
