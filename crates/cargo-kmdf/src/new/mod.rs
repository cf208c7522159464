//! `cargo kmdf new`: a driver to start from.

use crate::failure::usage;
use crate::terminal;
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The name of the new driver, and where it takes `kmdf` from.
#[derive(Args)]
pub struct Options {
    /// The driver's name, also of its folder
    pub name: String,
    /// Depend on the crates in a checkout of kmdf's repository instead of the released ones
    #[arg(long, value_name = "DIR")]
    pub path_to_kmdf: Option<PathBuf>,
}

/// The files of a driver package. `my-driver` and `my_driver` in names and texts become the driver's name.
const FILES: [(&str, &str); 11] = [
    (".gitignore", include_str!("../../templates/gitignore")),
    ("Cargo.toml", include_str!("../../templates/driver.toml")),
    ("README.md", include_str!("../../templates/README.md")),
    ("build.rs", include_str!("../../templates/build.rs")),
    ("my_driver.inx", include_str!("../../templates/driver.inx")),
    (
        "src/interface.rs",
        include_str!("../../templates/src/interface.rs"),
    ),
    ("src/lib.rs", include_str!("../../templates/src/lib.rs")),
    (
        "tests/driver.rs",
        include_str!("../../templates/tests/driver.rs"),
    ),
    (
        "client/Cargo.toml",
        include_str!("../../templates/client/client.toml"),
    ),
    (
        "client/src/device.rs",
        include_str!("../../templates/client/src/device.rs"),
    ),
    (
        "client/src/main.rs",
        include_str!("../../templates/client/src/main.rs"),
    ),
];

/// The crates that a driver depends on. The template of its manifest has a line for each, with [`VERSION`].
const CRATES: [&str; 3] = ["kmdf", "kmdf-test", "kmdf-build"];

/// Stands in the template for the version of a crate.
const VERSION: &str = "\"VERSION\"";

/// Stands in the template for a GUID.
const NO_GUID: &str = "0x00000000_0000_0000_0000_000000000000";

/// Names that a driver may have for Windows and for Cargo, but not for both; those of the crates it uses; and those
/// of Windows' own kernel images and services, whose place a driver of the same name would take.
const TAKEN: [&str; 36] = [
    "acpi",
    "alloc",
    "aux",
    "beep",
    "build",
    "cdrom",
    "con",
    "core",
    "deps",
    "disk",
    "driver",
    "examples",
    "fltmgr",
    "hal",
    "http",
    "incremental",
    "kbdclass",
    "kmdf",
    "kmdf_build",
    "kmdf_model",
    "kmdf_test",
    "mouclass",
    "ndis",
    "ntfs",
    "ntoskrnl",
    "nul",
    "null",
    "pci",
    "prn",
    "proc_macro",
    "serial",
    "std",
    "tcpip",
    "test",
    "wdf01000",
    "wdfldr",
];

/// Bytes of the longest name.
const LONGEST_NAME: usize = 32;

/// Makes the driver's folder in the current one.
pub fn run(options: &Options) -> Result<String> {
    let name = &options.name;
    check(name)?;
    let crates = match &options.path_to_kmdf {
        Some(folder) => Some(crates(folder)?),
        None => checkout(),
    };
    make(Path::new(name), name, crates.as_deref())?;
    terminal::status("Created", format!("the KMDF driver `{name}`"));
    Ok(format!("next: cd {name} && cargo test && cargo kmdf build"))
}

/// Writes the files of a driver to a folder that must not exist.
fn make(folder: &Path, name: &str, crates: Option<&Path>) -> Result<()> {
    if folder.exists() {
        return Err(usage(format!(
            "{} is there already: choose another name, or another folder to run this in",
            folder.display()
        )));
    }
    let guid = guid(Uuid::new_v4());
    for (path, text) in FILES {
        let mut text = text.replace(NO_GUID, &guid);
        for package in CRATES {
            let placeholder = format!("{package} = {VERSION}");
            let dependency = format!("{package} = {}", dependency(package, crates)?);
            text = text.replace(&placeholder, &dependency);
        }
        let path = folder.join(named(path, name));
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .with_context(|| format!("{} cannot be made", parent.display()))?;
        fs::write(&path, named(&text, name))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// A text of the templates for a driver of this name.
fn named(text: &str, name: &str) -> String {
    text.replace("my-driver", name)
        .replace("my_driver", &name.replace('-', "_"))
}

/// A dependency as Cargo.toml writes it: by its path in a checkout, or by its version.
fn dependency(package: &str, crates: Option<&Path>) -> Result<String> {
    let Some(crates) = crates else {
        return Ok(format!("{:?}", env!("CARGO_PKG_VERSION")));
    };
    let path = crates.join(package);
    let path = path.to_str().context("the path to kmdf is not UTF-8")?;
    // A literal string of TOML, in which a backslash is a backslash.
    Ok(format!("{{ path = '{path}' }}"))
}

/// A GUID as a literal of Rust.
fn guid(uuid: Uuid) -> String {
    format!(
        "0x{}",
        uuid.hyphenated()
            .to_string()
            .to_ascii_uppercase()
            .replace('-', "_")
    )
}

/// The checkout that this program was built in, where it is still there.
fn checkout() -> Option<PathBuf> {
    crates(Path::new(env!("CARGO_MANIFEST_DIR")).parent()?).ok()
}

/// The folder of the crates in a checkout, or in its folder of crates.
fn crates(folder: &Path) -> Result<PathBuf> {
    let folders = [folder.to_owned(), folder.join("crates")];
    let found = folders
        .into_iter()
        .find(|folder| folder.join("kmdf/Cargo.toml").is_file());
    let found = found.ok_or_else(|| {
        usage(format!(
            "{} is no checkout of kmdf: neither kmdf/Cargo.toml nor crates/kmdf/Cargo.toml is in it",
            folder.display()
        ))
    })?;
    fs::canonicalize(&found).with_context(|| format!("{} cannot be found", found.display()))
}

/// Rejects names that Windows, Cargo or Rust cannot take.
fn check(name: &str) -> Result<()> {
    let letter = name.starts_with(|first: char| first.is_ascii_lowercase());
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    if !letter || !name.bytes().all(plain) || name.len() > LONGEST_NAME {
        return Err(usage(format!(
            "`{name}` cannot be a driver's name: use up to {LONGEST_NAME} lowercase letters, digits, - and _, beginning \
             with a letter"
        )));
    }
    let library = name.replace('-', "_");
    let is_keyword = syn::parse_str::<syn::Ident>(&library).is_err();
    if is_keyword || TAKEN.contains(&&*library) {
        return Err(usage(format!(
            "`{name}` cannot be a driver's name: it has a meaning for Rust, Cargo or Windows; add to it, as in `my-{name}`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
