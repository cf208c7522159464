//! `cargo xtask`: the tasks of this repository that are more than one cargo command.

mod rules;
mod sanitize;
mod source;
mod test;
mod tree;
mod unsafe_code;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tasks of the wdfmem repository.
///
/// Exit code 0: all held. 1: something did not hold, and the last lines say what. 2: wrong usage.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// The whole test run: format, lints, tests, documentation, source rules, and the tour
    Test,
    /// Check that every rule of the four calls has a test, and that docs/rules.md says which
    Rules(rules::Options),
    /// Run the tests in the model under AddressSanitizer, ThreadSanitizer, or both in turn
    Sanitize {
        /// Just this one
        sanitizer: Option<sanitize::Sanitizer>,
    },
    /// Count unsafe code, and check that each piece says why it is sound, and docs/soundness.md
    Unsafe(unsafe_code::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Test => test::run(),
        Task::Rules(options) => rules::run(&test::root(), options).map(drop),
        Task::Sanitize { sanitizer } => sanitize::run(sanitizer),
        Task::Unsafe(options) => unsafe_code::run(&test::root(), options).map(drop),
    }
}
