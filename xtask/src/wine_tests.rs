//! `cargo xtask wine-tests`: all tests and the self-test as Windows programs, in Wine.

use crate::project;
use anyhow::{Context, Result};
use cargo_kmdf::process;
use cargo_kmdf::toolchain::{Choice, Target, Toolchain};
use cargo_kmdf::wine::prefix::{Prefix, Wine};
use std::fs;

/// What the README promises with nothing but a Rust toolchain, without any compiler flags.
const COMMANDS: [(&str, &[&str]); 2] = [
    ("test", &["--workspace", "--no-fail-fast"]),
    ("run", &["--release"]),
];

/// Runs the tests in a prefix of their own.
pub fn run() -> Result<String> {
    let root = project::root();
    let wine = Wine::find()?;
    let version = wine.version.clone();
    let toolchain = Toolchain::find(Choice::Auto, &[Target::Program])?;
    let folder = project::target(&root).join("wine-tests");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let prefix = Prefix::make(wine, &folder.join("prefix"), false)?;
    prefix.add_random_library()?;
    for (subcommand, arguments) in COMMANDS {
        let mut command = toolchain.cargo(subcommand, Target::Program);
        command
            .current_dir(&root)
            .args(arguments)
            .arg("--target-dir")
            .arg(&folder)
            .env(RUNNER, prefix.program())
            .env("WINEDEBUG", "-all");
        prefix.enter(&mut command);
        process::run(&mut command)?;
    }
    Ok(format!("they pass as Windows programs in {version}"))
}

/// Where cargo looks for what runs programs of the target.
const RUNNER: &str = "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER";
