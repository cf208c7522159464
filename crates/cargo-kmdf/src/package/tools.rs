//! The programs that sign and verify: osslsigncode, and OpenSSL as a second opinion.

use crate::process;
use crate::toolchain::packages;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Where the programs are.
pub struct Tools {
    pub osslsigncode: PathBuf,
    pub openssl: PathBuf,
}

impl Tools {
    /// The programs, where both are installed.
    pub fn find() -> Option<Self> {
        let program =
            |name: &str| process::find(&format!("{name}{}", std::env::consts::EXE_SUFFIX));
        Some(Self {
            osslsigncode: program("osslsigncode")?,
            openssl: program("openssl")?,
        })
    }

    /// The programs, which are installed where that is possible.
    pub fn require() -> Result<Self> {
        if let Some(tools) = Self::find() {
            return Ok(tools);
        }
        packages::install(&["osslsigncode", "openssl"], "signing the driver package")?;
        Self::find().context("osslsigncode and openssl were installed, but are not in PATH")
    }

    /// The programs for a test, which says why it does nothing where they are missing.
    #[cfg(test)]
    pub fn for_test() -> Option<Self> {
        let tools = Self::find();
        if tools.is_none() {
            eprintln!("skipped: osslsigncode and openssl are not both installed");
        }
        tools
    }
}
