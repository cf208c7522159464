//! A witness speaks for the thread that has it, also by reference.

use kmdf::{Memory, Paged, Passive};

fn share(memory: &Memory<Paged>, irql: &Passive) {
    std::thread::scope(|scope| {
        scope.spawn(|| memory.bytes(irql).len());
    });
}

fn main() {}
