//! `cargo xtask inf`: the checker, for a person at work on an INF file.

use super::{TEMPLATE, check, expectations, rules, stamped};
use crate::project;
use crate::release::Release;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Checks a file, or this repository's template as it would be stamped, and prints what is found.
pub fn run(file: Option<&Path>) -> Result<()> {
    let root = project::root();
    let release = Release::read(&root)?;
    let template = root.join(TEMPLATE);
    let (path, bytes) = match file {
        Some(path) => {
            let bytes = fs::read(path);
            (
                path,
                bytes.with_context(|| format!("{} cannot be read", path.display()))?,
            )
        }
        None => (template.as_path(), stamped(&root)?.into_bytes()),
    };
    let findings = check(&bytes, &expectations(&release));
    for finding in &findings {
        println!("{}, {finding}", path.display());
        println!("    {}", finding.rule.explanation);
    }
    match findings.len() {
        0 => println!("{} breaks none of {} rules", path.display(), rules().len()),
        count => bail!("{} has {count} findings, listed above", path.display()),
    }
    Ok(())
}

/// Prints every rule, with the title of the page that states it.
pub fn list() -> Result<()> {
    let mut output = io::stdout().lock();
    for rule in rules() {
        writeln!(output, "{:<24} \"{}\"", rule.id, rule.page)?;
        writeln!(output, "    {}", rule.explanation)?;
    }
    Ok(())
}
