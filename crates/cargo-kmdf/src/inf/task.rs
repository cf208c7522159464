//! `cargo kmdf inf`: the checker, for a person at work on an INF file.

use super::{Driver, Finding, check, drivers, expectations, rules, stamp_template};
use crate::project;
use crate::release::{FLOOR, Release};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Checks a file, or the templates of this repository as they would be stamped, and prints what is
/// found.
pub fn run(file: Option<&Path>) -> Result<()> {
    let root = project::root();
    let release = Release::read(&root)?;
    let checked: Vec<(PathBuf, Vec<Finding>)> = match file {
        Some(path) => {
            let bytes =
                fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let findings = check(&bytes, &expectations(&release, FLOOR));
            vec![(path.to_owned(), findings)]
        }
        None => drivers(&root)?
            .into_iter()
            .map(|driver| Ok((driver.template.clone(), findings(&release, &driver)?)))
            .collect::<Result<_>>()?,
    };
    let mut count = 0;
    for (path, findings) in checked {
        for finding in &findings {
            println!("{}, {finding}", path.display());
            println!("    {}", finding.rule.explanation);
        }
        if findings.is_empty() {
            println!("{} breaks none of {} rules", path.display(), rules().len());
        }
        count += findings.len();
    }
    if count > 0 {
        bail!("{count} findings, listed above");
    }
    Ok(())
}

/// What is found in a driver's INF as it would be stamped.
fn findings(release: &Release, driver: &Driver) -> Result<Vec<Finding>> {
    let inf = stamp_template(release, &driver.template, &driver.catalog)?;
    Ok(check(inf.as_bytes(), &expectations(release, driver.floor)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release {
            version: [0, 1, 0, 0],
            kmdf: (1, 15),
            committed: 1_795_219_200,
        }
    }

    fn messages(driver: &Driver) -> Vec<String> {
        let findings = findings(&release(), driver).unwrap();
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_inf_of_every_driver_of_the_repository_breaks_no_rule() {
        let drivers = drivers(&project::root()).unwrap();
        assert!(drivers.len() >= 2);
        for driver in drivers {
            assert_eq!(messages(&driver), [""; 0], "{}", driver.template.display());
        }
    }

    /// `ExAllocatePool2` is exported since Windows 10 2004, build 19041.
    #[test]
    fn a_driver_with_wdk_alloc_is_not_for_windows_before_2004() {
        let root = project::root();
        let floors = drivers(&root).unwrap();
        let floor = |name: &str| {
            let found = floors.iter().find(|driver| driver.template.ends_with(name));
            found.map(|driver| driver.floor)
        };
        assert_eq!(floor("driver.inx"), Some(17763));
        assert_eq!(floor("mailbox.inx"), Some(19041));
        // An INF for Windows 10 1809 does not do for it.
        let too_old = Driver {
            template: root.join("driver.inx"),
            catalog: "mailbox.cat".to_owned(),
            floor: 19041,
        };
        let found = messages(&too_old).join("\n");
        assert!(found.contains("reaches below 10.0...19041"), "{found}");
    }
}
