//! Lookaside lists: the framework's, and the kernel's own.

mod executive;
mod framework;
mod routines;

pub use executive::{Counters, Entry, ExLookaside, ExPool, NonPagedLookaside, PagedLookaside};
pub use framework::LookasideList;
pub use routines::Supply;
