//! How threads may interleave in the wrappers: loom tries the orders, over a kernel and a framework
//! that are small enough for it.
//!
//! `cargo xtask interleavings` runs these tests; without `--cfg loom` there are none. A mistake ends
//! the process, because it is found inside of functions that C declares: the message above the
//! last line says what it was.

#![allow(missing_docs, reason = "tests are named after what they show")]

#[cfg(loom)]
mod driver;
#[cfg(loom)]
mod framework;
#[cfg(loom)]
mod kernel;
#[cfg(loom)]
mod lists;
#[cfg(loom)]
mod objects;
#[cfg(loom)]
mod releases;
#[cfg(loom)]
mod requests;
