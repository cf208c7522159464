//! `cargo kmdf package`: a signed driver package, ready to be copied to a virtual machine.
//!
//! All is made in a folder of its own and takes its place only when every check has held, so that
//! a failure leaves the last package as it was and no half-made one beside it.

pub mod catalog;
mod certificate;
pub mod date;
mod input;
#[doc(hidden)]
pub mod sample;
mod sign;
mod tools;
mod verify;

use input::Subsystem;

use crate::driver::{Driver, Selection};
use crate::inf::{self, Contents};
use crate::terminal;
use anyhow::{Context, Result};
use catalog::Member;
use clap::Args;
use date::Date;
use serde_json::json;
use sign::Signer;
use std::fs;
use std::path::Path;
use tools::Tools;
use verify::{Signed, verify};

const INSTRUCTIONS: &str = "VM.txt";
/// What stands in a page for the serial number of the certificate.
const SERIAL: &str = "<serial>";
/// The page for drivers that have none of their own.
const PAGE: &str = include_str!("instructions.md");

/// Which driver to package, and how to print what was made.
#[derive(Args)]
pub struct Options {
    #[expect(missing_docs, reason = "clap would show the text")]
    #[command(flatten)]
    pub selection: Selection,
    /// Print what was made and checked as JSON
    #[arg(long)]
    pub json: bool,
}

/// Makes the driver's package, and prints what was checked.
pub fn run(options: &Options) -> Result<String> {
    let driver = Driver::find(&options.selection)?;
    driver.warn_if_changed();
    let checked = make(&Tools::require, &driver)?;
    let folder = driver.driver_package();
    if options.json {
        let mut files: Vec<String> = fs::read_dir(&folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        files.sort();
        let made = json!({ "folder": folder, "files": files, "checked": checked });
        println!("{made:#}");
    } else {
        for line in checked {
            println!("checked: {line}");
        }
    }
    Ok(format!(
        "{} is ready; {INSTRUCTIONS} says what to do with it",
        folder.display()
    ))
}

/// Makes the package in [`Driver::driver_package`], and returns what it checked, a line for each.
///
/// The tools are asked for when all that needs none of them has passed.
pub fn make(tools: &dyn Fn() -> Result<Tools>, driver: &Driver) -> Result<Vec<String>> {
    let (image_name, inf_name, catalog_name) = (driver.image(), driver.inf(), driver.catalog());
    let certificate_name = format!("{}.cer", driver.name);
    let image = input::read(&driver.images(), &image_name, Subsystem::Native)?;
    let client = driver
        .program()
        .map(|name| {
            Ok::<_, anyhow::Error>((
                input::read(&driver.images(), &name, Subsystem::Console)?,
                name,
            ))
        })
        .transpose()?;
    let (inf, contents) = inf::task::checked(driver)?;
    let page = match &driver.instructions {
        Some(page) => fs::read_to_string(page)
            .with_context(|| format!("{} cannot be read", page.display()))?,
        None => PAGE.to_owned(),
    };
    let tools = tools()?;
    terminal::status("Signing", &image_name);
    let signer = Signer::new(&tools, &driver.name)?;
    let package = driver.driver_package();
    let parent = package.parent().unwrap_or(Path::new("."));
    let made = tempfile::Builder::new()
        .prefix(".package-")
        .tempdir_in(parent)
        .with_context(|| format!("nothing can be written to {}", parent.display()))?;
    let path = |name: &str| made.path().join(name);
    write(&path(&image_name), &image)?;
    if let Some((client, name)) = &client {
        write(&path(name), client)?;
    }
    write(&path(&inf_name), inf.as_bytes())?;
    write(&path(&certificate_name), &signer.certificate()?)?;
    signer.sign_image(&path(&image_name))?;
    let members = [&image_name, &inf_name]
        .map(|name| Member::new(name, &fs::read(path(name))?))
        .into_iter()
        .collect::<Result<Vec<Member>>>()?;
    let unsigned = catalog::unsigned(&members, &contents.hardware_ids, driver.release.committed)?;
    write(&path(&catalog_name), &unsigned)?;
    signer.sign_catalog(&path(&catalog_name))?;
    let instructions = instructions(driver, &contents, &page, &signer.serial());
    write(&path(INSTRUCTIONS), instructions.as_bytes())?;
    let signed = Signed {
        folder: made.path(),
        image: &image_name,
        inf: &inf_name,
        catalog: &catalog_name,
        authority: signer.authority(),
    };
    let mut checked = verify(&tools, &signed)?;
    checked.insert(
        0,
        format!("{inf_name} breaks none of {} rules", inf::rules().len()),
    );
    replace(made, &package)?;
    Ok(checked)
}

/// The page with what only this package knows.
fn instructions(driver: &Driver, contents: &Contents, page: &str, serial: &str) -> String {
    let [major, minor, patch, _] = driver.release.version;
    let Date { year, month, day } = Date::of(driver.release.committed);
    let hardware_id = contents.hardware_ids.first().map_or("", String::as_str);
    let page = page
        .replace(SERIAL, serial)
        .replace("<name>", &driver.name)
        .replace("<hardware-id>", hardware_id);
    let text = format!(
        "The driver package {} {major}.{minor}.{patch} of {year:04}-{month:02}-{day:02}, and what to do with it.\n\n{page}",
        driver.name
    );
    text.replace('\n', "\r\n")
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}

/// Puts the finished folder in the place of the last one.
fn replace(made: tempfile::TempDir, package: &Path) -> Result<()> {
    let parent = package.parent().unwrap_or(Path::new("."));
    let last = tempfile::Builder::new()
        .prefix(".package-")
        .tempdir_in(parent)?;
    let aside = last.path().join("last");
    let had_one = package.exists();
    let cannot = || format!("{} cannot be replaced", package.display());
    if had_one {
        fs::rename(package, &aside).with_context(cannot)?;
    }
    if let Err(error) = fs::rename(made.path(), package) {
        if had_one {
            fs::rename(&aside, package).with_context(cannot)?;
        }
        return Err(error).with_context(cannot);
    }
    // The folder has moved, so there is nothing left for its guard to remove.
    let _ = made.keep();
    allow_reading(package)
}

/// Lets everybody read the package: temporary folders are for one user.
#[cfg(unix)]
fn allow_reading(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(not(unix))]
fn allow_reading(_folder: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
