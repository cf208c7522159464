//! C13 (KmdfIrql): a witness speaks for the thread that has it: another one may run at another level.

use kmdf::Passive;

fn on_another_thread(_work: impl FnOnce() + Send) {}

fn send(irql: &mut Passive) {
    on_another_thread(move || drop(irql));
}

fn main() {}
