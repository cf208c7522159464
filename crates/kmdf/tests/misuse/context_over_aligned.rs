//! The framework aligns contexts to 16 bytes, not more.

#[repr(align(32))]
struct TooAligned(u8);

kmdf::context!(TooAligned);

fn main() {}
