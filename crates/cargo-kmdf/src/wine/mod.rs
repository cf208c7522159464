//! A driver in Wine's kernel.

pub mod kernel;
pub mod prefix;
pub mod session;
