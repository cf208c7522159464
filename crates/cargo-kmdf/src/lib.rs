//! Building, checking and packaging KMDF drivers written in Rust: the parts of `cargo kmdf`.

#![expect(
    clippy::missing_errors_doc,
    reason = "every error is a sentence for the person at the terminal"
)]

pub mod audit;
pub mod build;
pub mod inf;
pub mod package;
pub mod pe;
pub mod process;
pub mod project;
pub mod release;
pub mod toolchain;
pub mod wine;
