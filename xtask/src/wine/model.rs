//! `cargo xtask wine-tests`: the tests in the model as Windows programs, in Wine.

use super::prefix::{Prefix, Wine};
use crate::toolchain::{Choice, Target, Toolchain};
use crate::{process, project};
use anyhow::{Context, Result};
use std::fs;

/// What is tested: the models, the wrappers and the driver, without what needs a compiler at hand.
const TESTS: [&[&str]; 2] = [
    &[
        "--package=nt-model",
        "--package=kmdf-model",
        "--package=wdfmem",
        "--tests",
    ],
    &["--package=kmdf", "--test=wrappers"],
];

/// Runs the tests in a prefix of their own.
pub fn run() -> Result<String> {
    let root = project::root();
    let wine = Wine::find()?;
    let version = wine.version.clone();
    let toolchain = Toolchain::find(Choice::Auto)?;
    let folder = project::target(&root).join("wine-tests");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let prefix = Prefix::make(wine, &folder.join("prefix"), false)?;
    prefix.add_random_library()?;
    for tests in TESTS {
        let mut command = toolchain.cargo("test", Target::Program);
        command
            .current_dir(&root)
            .args(tests)
            .arg("--target-dir")
            .arg(&folder)
            .env(RUNNER, prefix.program())
            .env("WINEDEBUG", "-all");
        prefix.enter(&mut command);
        process::run(&mut command)?;
    }
    Ok(format!("they hold as Windows programs in {version}"))
}

/// Where cargo looks for what runs programs of the target.
const RUNNER: &str = "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER";
