//! A witness type from elsewhere proves nothing.

use kmdf::{Allows, AtMostApc, AtMostDispatch, AtPassive, Paged};

struct AlwaysPassive;

impl AtMostDispatch for AlwaysPassive {}
impl AtPassive for AlwaysPassive {}
impl AtMostApc for AlwaysPassive {}
impl Allows<Paged> for AlwaysPassive {}

fn main() {}
