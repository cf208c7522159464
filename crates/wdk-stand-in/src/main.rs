//! `wdk-stand-in`: what a person does on Windows with the WDK, as far as it goes without both.
//!
//! `cargo make` builds, packages and signs the driver with the real cargo-make, the real rust-script
//! and the makefile of wdk-build, for KMDF 1.15 and 1.33. Real are also the sources of `wdk`,
//! `wdk-macros`, `wdk-panic`, `wdk-sys` and `wdk-build`, which a few edits make compile on other hosts
//! than Windows, and with them the arguments that the linker gets. Stand-ins are
//!
//! - what bindgen makes of the WDK's headers: written from facts about it, see [`bindings`];
//! - the WDK's libraries, as far as the linker sees them, see [`kit`];
//! - its packaging tools, which check how they are called, see [`tools`];
//! - the linker: that of LLVM.
//!
//! `cargo make` is given the target, because the host has another. Nothing that is built is run.

mod bindings;
mod facts;
mod kit;
mod route;
mod structures;
mod tools;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Build and package this repository's drivers with cargo-make as on Windows, over stand-ins for the
/// WDK.
///
/// Exit code 0: both builds and their packages are right. 1: the last line says what is not.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Stand in for one of the WDK's packaging tools, which the makefile of wdk-build calls
    #[command(hide = true)]
    Tool(tools::Call),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        None => route::run().map(|summary| println!("{summary}")),
        Some(Command::Tool(call)) => tools::run(&call),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests;
