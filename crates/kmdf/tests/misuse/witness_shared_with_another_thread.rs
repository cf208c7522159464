//! C13 (KmdfIrql): a witness speaks for the thread that has it, also by reference.

use kmdf::{Memory, Paged, Passive};

fn on_another_thread(_work: impl FnOnce() + Send) {}

fn share(memory: &Memory<Paged>, irql: &Passive) {
    on_another_thread(|| drop(memory.bytes(irql).len()));
}

fn main() {}
