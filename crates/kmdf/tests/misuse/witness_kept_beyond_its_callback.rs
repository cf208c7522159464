//! A witness is lent for the time of a callback.

use kmdf::Passive;

struct Kept<'a> {
    irql: Option<&'a Passive>,
}

fn keep<'a>(kept: &mut Kept<'a>, irql: &Passive) {
    kept.irql = Some(irql);
}

fn main() {}
