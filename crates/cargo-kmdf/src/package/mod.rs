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

use crate::inf::{self, CATALOG, INF, TEMPLATE};
use crate::project;
use crate::release::{FLOOR, Release};
use anyhow::{Context, Result, bail};
use catalog::Member;
use date::Date;
use sign::Signer;
use std::fs;
use std::path::{Path, PathBuf};
use tools::Tools;
use verify::{Signed, verify};

const IMAGE: &str = "wdfmem.sys";
const CLIENT: &str = "wdfmem.exe";
const CERTIFICATE: &str = "wdfmem.cer";
const INSTRUCTIONS: &str = "VM.txt";
/// What stands in the page for the serial number of the certificate.
const SERIAL: &str = "<serial>";

/// Where a package is made from and to.
pub struct Places {
    /// The INF's template.
    pub template: PathBuf,
    /// The folder of the image and the client, made by `cargo kmdf build`.
    pub images: PathBuf,
    /// The folder that becomes the package.
    pub package: PathBuf,
}

impl Places {
    /// The places of a repository that builds into a folder.
    pub fn of(root: &Path, target: &Path) -> Self {
        Self {
            template: root.join(TEMPLATE),
            images: target.join("image"),
            package: target.join("package"),
        }
    }
}

/// Makes the package of this project, and prints what was checked.
pub fn run() -> Result<()> {
    let root = project::root();
    let places = Places::of(&root, &project::target(&root));
    let held = make(&Tools::require, &Release::read(&root)?, &places)?;
    for line in held {
        println!("held: {line}");
    }
    println!(
        "{} is ready; {INSTRUCTIONS} says what to do with it",
        places.package.display()
    );
    Ok(())
}

/// Makes the package, and answers what it checked, a line for each.
///
/// The tools are asked for when all that needs none of them has held.
pub fn make(
    tools: &dyn Fn() -> Result<Tools>,
    release: &Release,
    places: &Places,
) -> Result<Vec<String>> {
    let image = input::read(&places.images, IMAGE, Subsystem::Native)?;
    let client = input::read(&places.images, CLIENT, Subsystem::Console)?;
    let inf = checked_inf(release, &places.template)?;
    let tools = tools()?;
    let signer = Signer::new(&tools, "wdfmem test certificate")?;
    let parent = places.package.parent().unwrap_or(Path::new("."));
    let made = tempfile::Builder::new()
        .prefix(".package-")
        .tempdir_in(parent)
        .with_context(|| format!("nothing can be written to {}", parent.display()))?;
    let path = |name: &str| made.path().join(name);
    write(&path(IMAGE), &image)?;
    write(&path(CLIENT), &client)?;
    write(&path(INF), inf.as_bytes())?;
    write(&path(CERTIFICATE), &signer.certificate()?)?;
    signer.sign_image(&path(IMAGE))?;
    let members = [IMAGE, INF]
        .map(|name| Member::new(name, &fs::read(path(name))?))
        .into_iter()
        .collect::<Result<Vec<Member>>>()?;
    let hardware = inf::hardware_identifiers(inf.as_bytes());
    let unsigned = catalog::unsigned(&members, &hardware, release.committed)?;
    write(&path(CATALOG), &unsigned)?;
    signer.sign_catalog(&path(CATALOG))?;
    let instructions = instructions(release, &signer.serial());
    write(&path(INSTRUCTIONS), instructions.as_bytes())?;
    let signed = Signed {
        folder: made.path(),
        image: IMAGE,
        inf: INF,
        catalog: CATALOG,
        authority: signer.authority(),
    };
    let mut held = verify(&tools, &signed)?;
    held.insert(
        0,
        format!("{INF} breaks none of {} rules", inf::rules().len()),
    );
    replace(made, &places.package)?;
    Ok(held)
}

/// Stamps the template and checks the result.
fn checked_inf(release: &Release, template: &Path) -> Result<String> {
    let inf = inf::stamp_template(release, template, CATALOG)?;
    let findings = inf::check(inf.as_bytes(), &inf::expectations(release, FLOOR));
    if let [first, others @ ..] = &findings[..] {
        let others = match others.len() {
            0 => String::new(),
            count => format!(" (and {count} more: `cargo kmdf inf` lists them)"),
        };
        bail!("correct {}, {first}{others}", template.display());
    }
    Ok(inf)
}

/// The page of docs/, with what only this package knows.
fn instructions(release: &Release, serial: &str) -> String {
    let [major, minor, patch, _] = release.version;
    let Date { year, month, day } = Date::of(release.committed);
    let page = include_str!("../../../../docs/vm.md").replace(SERIAL, serial);
    let text = format!(
        "The driver package wdfmem {major}.{minor}.{patch} of {year:04}-{month:02}-{day:02}, and what to do with it.\n\n{page}"
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
