//! What a witness allows is this crate's to say.

use kmdf::{Allows, Dispatch, Paged};

impl Allows<Paged> for Dispatch {}

fn main() {}
