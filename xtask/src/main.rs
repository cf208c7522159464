//! `cargo xtask`: the tasks of this repository that are more than one cargo command.

mod folding;
mod interleavings;
mod msrv;
mod packages;
mod project;
mod report;
mod rules;
mod sanitize;
mod sources;
mod stranger;
mod test;
mod unsafe_code;
mod wdk_route;
mod wine;
mod wine_tests;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Chores of the wdfmem repository. What any driver needs is in `cargo kmdf`.
///
/// Exit code 0: all checks passed. 1: a check failed, and the last lines say which. 2: wrong usage.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask test                   everything, about an hour on two cores
  cargo xtask test format lints      two steps of it; --list names them all
  cargo xtask rules --write          after a test was renamed, or a rule added
  cargo xtask unsafe --write         after unsafe code was added or removed";

#[derive(Subcommand)]
enum Task {
    /// The whole test run: everything below and the tests of the model, with one summary
    Test(test::Options),
    /// Run wdfmem.sys in Wine's kernel, driven by every part of its client
    Wine(wine::Options),
    /// Install cargo kmdf, and take a new driver and the README's through every command of it
    Stranger,
    /// Run the tests in the model as Windows programs in Wine
    WineTests,
    /// Build and package the driver with cargo-make as on Windows, over stand-ins for the WDK
    WdkRoute,
    /// Link a driver with /OPT:ICF, and check that no two context types get one address
    Folding,
    /// Check that every rule of the four calls has a test, and that docs/rules.md says which
    Rules(rules::Options),
    /// Count unsafe code, and check the table in docs/soundness.md
    Unsafe(unsafe_code::Options),
    /// Try the orders in which the threads of kmdf's tests may run, with loom
    ///
    /// The tests drop, allocate and delete on two or three threads, over a small kernel and framework of their own that
    /// stop at a double free, a use after the end, a leak, or memory that ends before its last use. Loom runs each test
    /// once for each order of the threads' steps, with atomics that may return any value their memory ordering permits.
    ///
    /// A failure ends the process. Run its test alone then: LOOM_LOCATION=1 adds the lines to what loom prints,
    /// LOOM_LOG=trace prints every step of every order.
    Interleavings(interleavings::Options),
    /// Check the workspace with the oldest Rust that Cargo.toml promises
    Msrv,
    /// Run the tests in the model under AddressSanitizer, ThreadSanitizer, or both in turn
    Sanitize {
        /// The one to run; both in turn if none is named
        sanitizer: Option<sanitize::Sanitizer>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = packages::with_tools(|| run(&arguments.task));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    // What a task prints for programs stays alone on standard output.
    let say = |said: String| eprintln!("{said}");
    match task {
        Task::Test(options) => test::run(options),
        Task::Wine(options) => wine::run(options).map(say),
        Task::Stranger => stranger::run().map(say),
        Task::WineTests => wine_tests::run().map(say),
        Task::WdkRoute => wdk_route::run().map(say),
        Task::Folding => folding::run().map(say),
        Task::Rules(options) => rules::run(&project::root(), *options).map(drop),
        Task::Unsafe(options) => unsafe_code::run(&project::root(), *options).map(drop),
        Task::Interleavings(options) => interleavings::run(options).map(drop),
        Task::Msrv => msrv::run().map(say),
        Task::Sanitize { sanitizer } => sanitize::run(*sanitizer).map(say),
    }
}
