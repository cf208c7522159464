//! `cargo kmdf test`: a driver's tests in the model.

use crate::driver::{Driver, Selection};
use crate::failure::usage;
use crate::terminal;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::env;
use std::process::Command;

/// Which driver to test, and what to pass on.
#[derive(Args)]
pub struct Options {
    #[expect(missing_docs, reason = "clap would show the text")]
    #[command(flatten)]
    pub selection: Selection,
    /// Arguments of `cargo test`, such as a part of a test's name or --release
    #[arg(allow_hyphen_values = true)]
    pub arguments: Vec<String>,
    /// Arguments of the test programs, such as --nocapture
    #[arg(last = true)]
    pub programs: Vec<String>,
}

/// Runs `cargo test` for the driver.
pub fn run(options: &Options) -> Result<String> {
    let driver = Driver::find(&options.selection)?;
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        let flags = env::var(variable).unwrap_or_default();
        let words: Vec<&str> = flags.split([' ', '\x1f', '=']).collect();
        if words.contains(&"image") || words.contains(&"wdk") {
            return Err(usage(format!(
                "{variable} has `--cfg image` or `--cfg wdk`, with which there is no model to test in: unset it"
            )));
        }
    }
    let name = &driver.package;
    terminal::status(
        "Testing",
        format!(
            "{name} in this process, over models of the kernel and of the framework: nothing is installed"
        ),
    );
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(&driver.folder)
        .args(["test", "--package", name])
        .args(&options.arguments)
        .arg("--")
        .args(&options.programs);
    let status = command.status().context("cargo could not be started")?;
    if !status.success() {
        bail!(
            "the tests of {name} failed, or could not be built: the lines above say what to correct"
        );
    }
    Ok(format!(
        "{name} passed its tests in the model; `cargo kmdf build` makes its image"
    ))
}
