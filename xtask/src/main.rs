//! `cargo xtask`: the tasks of this repository that are more than one cargo command.

mod sanitize;
mod source;
mod test;

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
    /// The whole test run: format, lints, tests, documentation, source rules, and the tour.
    Test,
    /// The tests in the model under AddressSanitizer, ThreadSanitizer, or both in turn.
    Sanitize {
        /// Just this one.
        sanitizer: Option<sanitize::Sanitizer>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test => test::run(),
        Task::Sanitize { sanitizer } => sanitize::run(sanitizer),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
