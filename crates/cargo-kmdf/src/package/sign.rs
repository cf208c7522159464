//! Signing images and catalogs with osslsigncode, and having it and OpenSSL check the result.

use crate::package::certificate::TestCertificate;
use crate::package::tools::Tools;
use crate::process;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Signs files with a certificate of its own, whose key is gone when this is.
pub struct Signer {
    program: PathBuf,
    /// What a signature says that it is for.
    description: String,
    certificate: TestCertificate,
    /// Readable by this user alone.
    folder: TempDir,
}

impl Signer {
    /// Makes a certificate for the driver of this name.
    pub fn new(tools: &Tools, driver: &str) -> Result<Self> {
        let certificate = TestCertificate::new(&format!("{driver} test certificate"))?;
        let folder = tempfile::tempdir().context("no temporary folder can be made")?;
        certificate.write(&folder.path().join("certificate.pem"))?;
        certificate.write_key(&folder.path().join("key.pem"))?;
        Ok(Self {
            program: tools.osslsigncode.clone(),
            description: format!("{driver} test driver"),
            certificate,
            folder,
        })
    }

    /// The certificate as Windows imports it.
    pub fn certificate(&self) -> Result<Vec<u8>> {
        self.certificate.der()
    }

    /// The certificate's serial number, as Windows shows it.
    pub fn serial(&self) -> String {
        self.certificate.serial()
    }

    /// The certificate as OpenSSL and osslsigncode read it; it lives as long as this.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Signs an image in place, with the digests of its pages.
    pub fn sign_image(&self, image: &Path) -> Result<()> {
        self.sign(image, &["-ph"])
    }

    /// Signs a catalog in place.
    pub fn sign_catalog(&self, catalog: &Path) -> Result<()> {
        self.sign(catalog, &[])
    }

    fn sign(&self, file: &Path, options: &[&str]) -> Result<()> {
        let signed = self.folder.path().join("signed");
        let mut command = Command::new(&self.program);
        command
            .args(["sign", "-h", "sha256", "-n", &self.description])
            .args(options);
        command.arg("-certs").arg(self.authority());
        command.arg("-key").arg(self.folder.path().join("key.pem"));
        command.arg("-in").arg(file).arg("-out").arg(&signed);
        process::output(&mut command)
            .with_context(|| format!("{} cannot be signed", name(file)))?;
        // osslsigncode writes to a new file only.
        fs::copy(&signed, file).with_context(|| format!("{} cannot be written", name(file)))?;
        fs::remove_file(&signed)?;
        Ok(())
    }
}

fn name(file: &Path) -> String {
    file.file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy()
        .into_owned()
}
