//! Commands of other programs: found, run, and reported on in sentences.

use anyhow::{Context, Result, bail};
use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program called `name` in the folders of `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path)
        .map(|folder| folder.join(&file))
        .find(|file| is_program(file))
}

/// Whether `file` is there to be run.
pub fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// Whether this program was built on another system than it runs on, as tests in Wine are: the cargo and the compiler
/// that built it are not here.
pub fn is_built_elsewhere() -> bool {
    cfg!(windows) && env!("CARGO").starts_with('/')
}

/// Runs `command` with its output on this program's standard error, and fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let said = said(command);
    // Standard output is for what this program prints for others.
    let status = command
        .stdout(io::stderr())
        .status()
        .with_context(|| format!("`{said}` could not be started"))?;
    if !status.success() {
        bail!("`{said}` ended with {status}; its output is above");
    }
    Ok(())
}

/// Runs `command` quietly and returns what it printed; on failure the error has what it wrote to standard error.
pub fn output(command: &mut Command) -> Result<String> {
    captured(command).map(|output| text(&output.stdout))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn captured(command: &mut Command) -> Result<Output> {
    let said = said(command);
    let output = command
        .output()
        .with_context(|| format!("`{said}` could not be started"))?;
    if !output.status.success() {
        bail!(
            "`{said}` ended with {}: {}",
            output.status,
            text(&output.stderr).trim()
        );
    }
    Ok(output)
}

/// The command as a person would type it, without its environment.
fn said(command: &Command) -> String {
    let mut said = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        said.push(' ');
        said.push_str(&argument.to_string_lossy());
    }
    said
}
