//! A context outlives every callback, so that it borrows from none.

use kmdf::Device;

struct State<'a>(Device<'a>);

kmdf::context!(State<'_>);

fn main() {}
