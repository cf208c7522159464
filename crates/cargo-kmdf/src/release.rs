//! What a release of the project is: its versions, and when it was committed.

use crate::process;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::env;
use std::path::Path;
use std::process::Command;

/// The first Windows build that the driver is meant for: Windows 10 1809 and Windows Server 2019.
pub const FLOOR: u32 = 17763;

/// What a driver package says about what is in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// The version in four numbers, the last one zero.
    pub version: [u32; 4],
    /// The framework version that the driver binds to.
    pub kmdf: (u32, u32),
    /// When what is built was committed, in seconds since 1970.
    pub committed: i64,
}

impl Release {
    /// Asks cargo and git about the repository in a folder.
    pub fn read(root: &Path) -> Result<Self> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(root);
        let metadata = serde_json::from_str(&process::output(&mut cargo)?)?;
        let (version, kmdf) = versions(&metadata)?;
        Ok(Self {
            version,
            kmdf,
            committed: committed(root)?,
        })
    }
}

fn versions(metadata: &Value) -> Result<([u32; 4], (u32, u32))> {
    let packages = metadata["packages"].as_array();
    let mut packages = packages.into_iter().flatten();
    let driver = packages.find(|package| package["name"] == "wdfmem");
    let driver = driver.context("cargo knows no package wdfmem here")?;
    let text = driver["version"].as_str().unwrap_or_default();
    let plain = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<u32> = plain
        .split('.')
        .filter_map(|number| number.parse().ok())
        .collect();
    let [major, minor, patch] = numbers[..] else {
        bail!("the version {text} is not three numbers");
    };
    let model = &driver["metadata"]["wdk"]["driver-model"];
    let number = |key: &str| {
        model[key]
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
    };
    let (Some(kmdf_major), Some(kmdf_minor)) = (
        number("kmdf-version-major"),
        number("target-kmdf-version-minor"),
    ) else {
        bail!("Cargo.toml does not say in [package.metadata.wdk] which KMDF version to bind to");
    };
    Ok(([major, minor, patch, 0], (kmdf_major, kmdf_minor)))
}

/// The time of the last commit, or of SOURCE_DATE_EPOCH where that is set.
fn committed(root: &Path) -> Result<i64> {
    if let Ok(text) = env::var("SOURCE_DATE_EPOCH") {
        return text
            .trim()
            .parse()
            .context("SOURCE_DATE_EPOCH is not a number of seconds");
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(root);
    let time = process::output(&mut git)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    time.context(
        "git knows no commit here, so the package has no date: \
         set SOURCE_DATE_EPOCH to its seconds since 1970",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(version: &str, model: Value) -> Value {
        let driver = json!({
            "name": "wdfmem",
            "version": version,
            "metadata": { "wdk": { "driver-model": model } },
        });
        json!({ "packages": [{ "name": "other", "version": "9.9.9" }, driver] })
    }

    #[test]
    fn versions_are_taken_from_the_driver_package() {
        let model = json!({ "kmdf-version-major": 1, "target-kmdf-version-minor": 15 });
        assert_eq!(
            versions(&metadata("0.1.2-rc.1", model)).unwrap(),
            ([0, 1, 2, 0], (1, 15))
        );
    }

    #[test]
    fn what_cargo_does_not_say_is_asked_for() {
        let model = json!({ "kmdf-version-major": 1 });
        assert!(versions(&metadata("0.1.2", model.clone())).is_err());
        assert!(versions(&metadata("0.1", model)).is_err());
        assert!(versions(&json!({})).is_err());
    }
}
