//! Checks the workspace with the oldest compiler that its manifest promises.

use crate::project;
use anyhow::{Context, Result};
use cargo_kmdf::process;
use std::process::Command;

/// Runs `cargo check` with the toolchain named by `rust-version`, which rustup installs if it is missing.
pub fn run() -> Result<String> {
    let root = project::root();
    let version = env!("CARGO_PKG_RUST_VERSION");
    if Command::new("rustup").arg("--version").output().is_err() {
        return Ok(format!(
            "skipped: without rustup, Rust {version} cannot be had beside the installed one"
        ));
    }
    let rustup = |arguments: &[&str]| {
        let mut rustup = Command::new("rustup");
        process::run(rustup.args(arguments).current_dir(&root))
    };
    rustup(&["toolchain", "install", version, "--profile", "minimal"])?;
    let target = project::target(&root).join("msrv");
    let target = target.to_str().context("the target folder is not UTF-8")?;
    let check = ["cargo", "check", "--workspace", "--target-dir", target];
    rustup(&[&["run", version], &check[..]].concat())?;
    Ok(format!("Rust {version} builds the workspace"))
}
