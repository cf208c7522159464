//! This repository's own INF files: their templates, stamped with what a release is.

use super::Expectations;
use super::stamp::{Stamp, stamp};
use crate::package::date::Date;
use crate::release::{FLOOR, Release};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The template in the root of the repository.
pub const TEMPLATE: &str = "driver.inx";

/// The INF in a driver package.
pub const INF: &str = "wdfmem.inf";

/// The file name of the catalog that the stamped INF names.
pub const CATALOG: &str = "wdfmem.cat";

/// The INF of a repository, as a package holds it.
pub fn stamped(root: &Path) -> Result<String> {
    stamp_template(&Release::read(root)?, &root.join(TEMPLATE), CATALOG)
}

/// A driver of the repository, as far as its INF goes.
pub struct Driver {
    /// The template of its INF.
    pub template: PathBuf,
    /// The file name of its catalog.
    pub catalog: String,
    /// The first Windows build that it runs on.
    pub floor: u32,
}

/// The first Windows build that exports `ExAllocatePool2`, which `wdk-alloc` calls: Windows 10 2004.
const FLOOR_OF_WDK_ALLOC: u32 = 19041;

/// The drivers of the repository: its own, and those in `examples`.
pub fn drivers(root: &Path) -> Result<Vec<Driver>> {
    let examples = root.join("examples");
    let mut folders = fs::read_dir(&examples)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .with_context(|| format!("{} cannot be read", examples.display()))
        .map(|mut folders: Vec<_>| {
            folders.sort();
            folders
        })?;
    folders.retain(|folder| folder.join("Cargo.toml").exists());
    let mut drivers = vec![Driver {
        template: root.join(TEMPLATE),
        catalog: CATALOG.to_owned(),
        floor: floor(&root.join("Cargo.toml"))?,
    }];
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        // Cargo, and with it cargo-wdk, name files after the crate, which has no hyphens.
        let name = name.replace('-', "_");
        drivers.push(Driver {
            template: folder.join(format!("{name}.inx")),
            catalog: format!("{name}.cat"),
            floor: floor(&folder.join("Cargo.toml"))?,
        });
    }
    Ok(drivers)
}

/// The first Windows build that a package with this manifest runs on.
fn floor(manifest: &Path) -> Result<u32> {
    let text = fs::read_to_string(manifest)
        .with_context(|| format!("{} cannot be read", manifest.display()))?;
    let manifest: toml::Table = toml::from_str(&text)?;
    let allocates = |table: &toml::Value| {
        let dependencies = table.get("dependencies");
        dependencies.is_some_and(|names| names.get("wdk-alloc").is_some())
    };
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let mut targets = targets.into_iter().flat_map(|targets| targets.values());
    Ok(
        if allocates(&manifest.clone().into()) || targets.any(allocates) {
            FLOOR_OF_WDK_ALLOC
        } else {
            FLOOR
        },
    )
}

/// Stamps a template.
pub fn stamp_template(release: &Release, template: &Path, catalog: &str) -> Result<String> {
    let text = fs::read_to_string(template)
        .with_context(|| format!("{} cannot be read", template.display()))?;
    let values = Stamp {
        architecture: "amd64",
        kmdf: release.kmdf,
        date: Date::of(release.committed),
        version: release.version,
        catalog: catalog.to_owned(),
    };
    stamp(&text, &values).with_context(|| format!("{} cannot be stamped", template.display()))
}

/// What the INF of a release must say, for a driver that runs on Windows from the build `floor` on.
pub fn expectations(release: &Release, floor: u32) -> Expectations {
    Expectations {
        floor,
        kmdf: release.kmdf,
    }
}
