//! P2: only an unsafe impl can claim that a buffer stays where it is.

use core::ptr::NonNull;
use kmdf::{Buffer, NonPagedNx};

struct Inline([u8; 16]);

impl Buffer for Inline {
    type Pool = NonPagedNx;

    fn start(&mut self) -> NonNull<u8> {
        NonNull::from_mut(&mut self.0).cast()
    }

    fn length(&self) -> usize {
        self.0.len()
    }
}

fn main() {}
