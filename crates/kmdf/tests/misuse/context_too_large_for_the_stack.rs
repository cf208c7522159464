//! The kernel stack has 24 KiB: a context comes by value, so a large part of it is in a box.

struct State {
    _table: [u8; 1025],
}
kmdf::context!(State);

fn main() {}
