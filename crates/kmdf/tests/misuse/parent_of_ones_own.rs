//! C9, C13 (ParentObjectCheck): a parent is a framework object, named by its wrapper.

use kmdf::Parent;

struct Mine;

impl Parent for Mine {}

fn main() {}
