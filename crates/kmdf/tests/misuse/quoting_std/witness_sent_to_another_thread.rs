//! A witness speaks for the thread that has it: another one may run at another level.

use kmdf::Passive;

fn send(irql: &mut Passive) {
    std::thread::scope(|scope| {
        scope.spawn(move || drop(irql));
    });
}

fn main() {}
