//! Making, building, testing, checking and packaging KMDF drivers written in Rust: the parts of `cargo kmdf`.
//!
//! The crate's README describes the commands and `[package.metadata.kmdf]`, which [`driver::Driver`] reads.

#![expect(
    clippy::missing_errors_doc,
    reason = "every error is a sentence for the person at the terminal"
)]

pub mod audit;
pub mod build;
pub mod driver;
pub mod failure;
pub mod inf;
pub mod model;
pub mod new;
pub mod package;
pub mod pe;
pub mod process;
pub mod release;
mod terminal;
pub mod toolchain;
pub mod wine;
