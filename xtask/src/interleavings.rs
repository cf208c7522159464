//! The tests of `kmdf` that try the orders in which threads may run, in loom.

use crate::project;
use anyhow::{Context, Result};
use cargo_kmdf::process;
use std::path::Path;
use std::process::Command;

/// Which tests to run, and how far to go.
#[derive(clap::Args, Debug, Default)]
pub struct Options {
    /// Just the tests with this in their names
    filter: Option<String>,
    /// How often a thread that could go on may be stopped for another, in one order
    ///
    /// Two show most mistakes. The time grows tenfold with each one more. Without this option, what
    /// the tests themselves say.
    #[arg(long)]
    preemptions: Option<u8>,
}

/// Runs the tests; their number of orders is part of what they print.
pub fn run(options: &Options) -> Result<String> {
    let root = project::root();
    process::run(&mut command(&root, options))
        .context("a test failed in one order; the cause is above, before the last panic")?;
    Ok("every order passed".to_owned())
}

fn command(root: &Path, options: &Options) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(root)
        .args(["test", "--release", "--package", "kmdf"])
        .args(["--test", "interleavings"])
        // Builds of other flags beside the usual ones would replace each other.
        .arg("--target-dir")
        .arg(project::target(root).join("interleavings"))
        .env("RUSTFLAGS", "--cfg loom")
        .arg("--")
        // One after the other, as the wrappers have state in statics; and what a test that ends the
        // process has said must be seen.
        .args(["--test-threads", "1", "--nocapture"])
        .args(&options.filter);
    if let Some(preemptions) = options.preemptions {
        command.env("LOOM_MAX_PREEMPTIONS", preemptions.to_string());
    }
    command
}
