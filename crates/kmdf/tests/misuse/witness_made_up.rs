//! A witness comes from a callback or a lock; there is no other way to one.

use core::marker::PhantomData;
use kmdf::Passive;

fn construct() -> Passive {
    Passive(PhantomData)
}

fn default() -> Passive {
    Passive::default()
}

fn assume() -> Passive {
    Passive::assume()
}

fn main() {}
