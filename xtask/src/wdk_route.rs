//! `cargo xtask wdk-route`: the program `wdk-stand-in`, built and run.

use anyhow::{Context, Result};
use cargo_kmdf::process;
use std::process::Command;

/// Builds and packages the drivers with cargo-make as on Windows.
pub fn run() -> Result<String> {
    let mut program = Command::new(env!("CARGO"));
    program.args(["run", "--quiet", "--package", "wdk-stand-in"]);
    process::run(&mut program).context("the way of a person with the WDK fails")?;
    Ok("cargo-make packaged the driver over stand-ins for the WDK".to_owned())
}
