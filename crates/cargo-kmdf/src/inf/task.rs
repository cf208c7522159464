//! `cargo kmdf inf`: the checker, for a person at work on an INF file.

use super::{Contents, Expectations, Finding, check, contents, rules};
use crate::driver::{Driver, Selection};
use crate::failure::usage;
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Which file to check, and how to print the findings.
#[derive(Args)]
pub struct Options {
    /// An INF file of any driver; the driver's INX, as it would be stamped, if none is named
    pub file: Option<PathBuf>,
    /// List the rules instead
    #[arg(long, conflicts_with = "json")]
    pub rules: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
    #[expect(missing_docs, reason = "clap would show the text")]
    #[command(flatten)]
    pub selection: Selection,
}

/// Checks a file, or the driver's template as it would be stamped, and prints what is found.
pub fn run(options: &Options) -> Result<String> {
    if options.rules {
        list()?;
        return Ok(format!("{} rules", rules().len()));
    }
    let driver = Driver::find(&options.selection);
    let (path, findings) = match &options.file {
        Some(path) => {
            let bytes = fs::read(path)
                .map_err(|error| usage(format!("{} cannot be read: {error}", path.display())))?;
            (
                path.clone(),
                check(&bytes, &expectations(&bytes, driver.ok().as_ref())),
            )
        }
        None => {
            let driver = driver?;
            let findings = findings(&driver)?;
            if findings.is_empty() {
                driver.installs()?;
            }
            (driver.template()?.to_owned(), findings)
        }
    };
    if options.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&as_json(&path, &findings))?
        );
    } else {
        for finding in &findings {
            println!("{}, {finding}", path.display());
            println!("    {}", finding.rule.explanation);
        }
    }
    match findings.len() {
        0 => Ok(format!(
            "{} breaks none of {} rules",
            path.display(),
            rules().len()
        )),
        1 => bail!("{} has one finding", path.display()),
        count => bail!("{} has {count} findings", path.display()),
    }
}

/// What is found in a driver's INF as it would be stamped.
pub fn findings(driver: &Driver) -> Result<Vec<Finding>> {
    let inf = driver.stamped_inf()?;
    Ok(check(inf.as_bytes(), &Expectations::of(driver)))
}

/// Stamps the template, and returns it with what it installs if it breaks no rule and installs this driver.
pub fn checked(driver: &Driver) -> Result<(String, Contents)> {
    let inf = driver.stamped_inf()?;
    if let [first, others @ ..] = &check(inf.as_bytes(), &Expectations::of(driver))[..] {
        let others = match others.len() {
            0 => String::new(),
            count => format!(" (and {count} more: `cargo kmdf inf` lists them)"),
        };
        bail!("correct {}, {first}{others}", driver.template()?.display());
    }
    Ok((inf, driver.installs()?))
}

/// An INF of this driver must be for its versions of Windows and KMDF; any other INF for those of `kmdf`.
fn expectations(inf: &[u8], driver: Option<&Driver>) -> Expectations {
    let binary = contents(inf).binary;
    match driver.filter(|driver| driver.image().eq_ignore_ascii_case(&binary)) {
        Some(driver) => Expectations::of(driver),
        None => Expectations::default(),
    }
}

fn as_json(file: &Path, findings: &[Finding]) -> Vec<serde_json::Value> {
    findings
        .iter()
        .map(|finding| {
            json!({
                "file": file,
                "line": finding.line,
                "rule": finding.rule.id,
                "page": finding.rule.page,
                "message": finding.message,
            })
        })
        .collect()
}

/// Prints every rule, with the title of the page that states it.
fn list() -> Result<()> {
    let mut output = io::stdout().lock();
    for rule in rules() {
        writeln!(output, "{:<24} \"{}\"", rule.id, rule.page)?;
        writeln!(output, "    {}", rule.explanation)?;
    }
    Ok(())
}
