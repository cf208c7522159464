//! This repository's own INF: its template, stamped with what a release is.

use super::Expectations;
use super::stamp::{Stamp, stamp};
use crate::date::Date;
use crate::release::{FLOOR, Release};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// The template in the root of the repository.
pub const TEMPLATE: &str = "driver.inx";

/// The INF in a driver package.
pub const INF: &str = "wdfmem.inf";

/// The file name of the catalog that the stamped INF names.
pub const CATALOG: &str = "wdfmem.cat";

/// The INF of a repository, as a package holds it.
pub fn stamped(root: &Path) -> Result<String> {
    stamp_template(&Release::read(root)?, &root.join(TEMPLATE))
}

/// Stamps a template.
pub fn stamp_template(release: &Release, template: &Path) -> Result<String> {
    let text = fs::read_to_string(template)
        .with_context(|| format!("{} cannot be read", template.display()))?;
    let values = Stamp {
        architecture: "amd64",
        kmdf: release.kmdf,
        date: Date::of(release.committed),
        version: release.version,
        catalog: CATALOG.to_owned(),
    };
    stamp(&text, &values).with_context(|| format!("{} cannot be stamped", template.display()))
}

/// What the INF of a release must say.
pub fn expectations(release: &Release) -> Expectations {
    Expectations {
        floor: FLOOR,
        kmdf: release.kmdf,
    }
}
