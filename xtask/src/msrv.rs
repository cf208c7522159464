//! Checks the workspace with the oldest compiler that its manifest promises.

use crate::project;
use anyhow::{Context, Result, ensure};
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
        let status = Command::new("rustup")
            .args(arguments)
            .current_dir(&root)
            .status()
            .context("rustup could not be started")?;
        let line = arguments.join(" ");
        ensure!(status.success(), "`rustup {line}` ended with {status}");
        Ok(())
    };
    rustup(&["toolchain", "install", version, "--profile", "minimal"])?;
    let target = project::target(&root).join("msrv");
    let target = target.to_str().context("the target folder is not UTF-8")?;
    let check = ["cargo", "check", "--workspace", "--target-dir", target];
    rustup(&[&["run", version], &check[..]].concat())?;
    Ok(format!("Rust {version} builds the workspace"))
}
