//! `cargo kmdf`: builds, checks and packages a KMDF driver written in Rust.

use cargo_kmdf::{audit, build, inf, package};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Builds, checks and packages a KMDF driver written in Rust.
///
/// Exit code 0: all checks passed. 1: a check failed, and the last lines say which. 2: wrong usage.
#[derive(Parser)]
#[command(name = "cargo kmdf", bin_name = "cargo kmdf")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the images into target/image, without a WDK
    Build(build::Options),
    /// Check whether Windows would load a kernel image
    Audit(audit::Options),
    /// Check an INF file against the documented rules
    Inf {
        /// The file to check
        file: Option<PathBuf>,
        /// List the rules instead
        #[arg(long)]
        rules: bool,
    },
    /// Make a signed driver package in target/package, from what `build` made
    Package,
}

fn main() -> ExitCode {
    // Cargo runs `cargo-kmdf kmdf …` for `cargo kmdf …`.
    let arguments = std::env::args_os()
        .enumerate()
        .filter(|(index, argument)| (*index, argument.as_os_str()) != (1, "kmdf".as_ref()))
        .map(|(_, argument)| argument);
    let say = |said: String| eprintln!("{said}");
    let result = match Arguments::parse_from(arguments).command {
        Command::Build(options) => build::run(&options).map(say),
        Command::Audit(options) => audit::run(&options).map(say),
        Command::Inf { rules: true, .. } => inf::task::list(),
        Command::Inf { file, .. } => inf::task::run(file.as_deref()),
        Command::Package => package::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
