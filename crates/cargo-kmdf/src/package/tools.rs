//! The programs that sign and verify: osslsigncode, and OpenSSL as a second opinion.

use crate::failure::Unable;
use crate::process;
use anyhow::Result;
use std::path::PathBuf;

/// Where the programs are.
pub struct Tools {
    pub osslsigncode: PathBuf,
    pub openssl: PathBuf,
}

impl Tools {
    /// The programs, where both are installed.
    pub fn find() -> Option<Self> {
        Some(Self {
            osslsigncode: process::find("osslsigncode")?,
            openssl: process::find("openssl")?,
        })
    }

    /// The programs, or what installs them.
    pub fn require() -> Result<Self> {
        let packages = ["osslsigncode", "openssl"];
        let missing = || Unable::missing_packages("signing the driver package", &packages);
        Ok(Self::find().ok_or_else(missing)?)
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
