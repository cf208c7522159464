//! What a release of a driver is: its version, the framework version it binds to, and its date.

use crate::process;
use anyhow::{Context, Result};
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The first Windows build that `kmdf` runs on: Windows 10 1809 and Windows Server 2019.
pub const FLOOR: u32 = 17763;
/// The first Windows build that exports `ExAllocatePool2`, which `wdk-alloc` calls: Windows 10 2004.
pub const FLOOR_OF_WDK_ALLOC: u32 = 19041;

/// What a driver package says about what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The version in four numbers, the last one zero.
    pub version: [u32; 4],
    /// The framework version that the driver binds to.
    pub kmdf: (u32, u32),
    /// When what is built was committed, in seconds since 1970.
    pub committed: i64,
}

impl Release {
    /// SOURCE_DATE_EPOCH where it is set, else the time of the last commit, or now where nothing was committed.
    pub(crate) fn committed(folder: &Path) -> Result<i64> {
        if let Ok(text) = env::var("SOURCE_DATE_EPOCH") {
            return text
                .trim()
                .parse()
                .context("SOURCE_DATE_EPOCH is not a number of seconds");
        }
        let mut git = Command::new("git");
        git.args(["log", "-1", "--format=%ct"]).current_dir(folder);
        let committed = process::output(&mut git).ok();
        let committed = committed.and_then(|text| text.trim().parse().ok());
        Ok(match committed {
            Some(time) => time,
            None => i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?,
        })
    }
}
