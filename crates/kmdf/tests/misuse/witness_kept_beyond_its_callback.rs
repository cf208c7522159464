//! C13 (KmdfIrql): a witness is lent for the time of a callback.

use core::cell::Cell;
use kmdf::Passive;

thread_local! {
    static KEPT: Cell<Option<&'static Passive>> = const { Cell::new(None) };
}

fn callback(irql: &Passive) {
    KEPT.set(Some(irql));
}

fn main() {}
