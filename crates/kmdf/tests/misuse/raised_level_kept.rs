//! The witness that raising the level lends ends when the level is lowered.

use kmdf::{Dispatch, Passive};

fn keep(irql: &mut Passive) -> &mut Dispatch {
    irql.raise(|irql| irql)
}

fn main() {}
