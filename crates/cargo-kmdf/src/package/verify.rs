//! Checking a signed package: by this program's own reading, and by tools that share no code with it.

use crate::package::catalog;
use crate::package::tools::Tools;
use crate::process;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package's files, as far as signatures go.
pub struct Signed<'a> {
    pub folder: &'a Path,
    pub image: &'a str,
    pub inf: &'a str,
    pub catalog: &'a str,
    /// The certificate to trust, as text.
    pub authority: PathBuf,
}

/// Checks every signature and digest, and returns a line for each check that passed.
pub fn verify(tools: &Tools, signed: &Signed<'_>) -> Result<Vec<String>> {
    let Tools {
        osslsigncode,
        openssl,
    } = tools;
    let path = |name: &str| signed.folder.join(name);
    let mut passed = Vec::new();
    let mut check = |what: String, result: Result<()>| -> Result<()> {
        result.with_context(|| format!("the check failed that {what}"))?;
        passed.push(what);
        Ok(())
    };
    let catalog = fs::read(path(signed.catalog)).context("the package has no catalog")?;
    for name in [signed.image, signed.inf] {
        let covered = fs::read(path(name))
            .with_context(|| format!("{name} cannot be read"))
            .and_then(|bytes| catalog::covers(&catalog, name, &bytes));
        check(format!("{} lists {name} as it is", signed.catalog), covered)?;
    }
    for name in [signed.image, signed.catalog] {
        let result = signature(osslsigncode, signed, &path(name), None);
        check(format!("osslsigncode finds {name} signed"), result)?;
    }
    let listed = signature(
        osslsigncode,
        signed,
        &path(signed.image),
        Some(&path(signed.catalog)),
    );
    check(
        format!("osslsigncode finds {} in {}", signed.image, signed.catalog),
        listed,
    )?;
    let whole = list_signature(openssl, signed, &catalog);
    check(
        format!("OpenSSL finds the list in {} signed", signed.catalog),
        whole,
    )?;
    // osslsigncode reads no INF, so OpenSSL looks for its digest.
    let flat = flat_digest(openssl, &path(signed.inf), &path(signed.catalog));
    check(
        format!(
            "OpenSSL finds the digest of {} in {}",
            signed.inf, signed.catalog
        ),
        flat,
    )?;
    Ok(passed)
}

fn signature(
    program: &Path,
    signed: &Signed<'_>,
    file: &Path,
    catalog: Option<&Path>,
) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("verify");
    if let Some(catalog) = catalog {
        command.arg("-catalog").arg(catalog);
    }
    for authorities in ["-CAfile", "-TSA-CAfile"] {
        command.arg(authorities).arg(&signed.authority);
    }
    process::output(command.arg("-in").arg(file))?;
    Ok(())
}

/// Has OpenSSL check the signature over the list, given to it apart: what a catalog signs is the
/// content of an element, which PKCS #7 allows and OpenSSL does not look for.
fn list_signature(program: &Path, signed: &Signed<'_>, catalog: &[u8]) -> Result<()> {
    let list = tempfile::NamedTempFile::new()?;
    fs::write(list.path(), catalog::list(catalog)?)?;
    let mut command = Command::new(program);
    command.args([
        "smime", "-verify", "-inform", "DER", "-binary", "-purpose", "any",
    ]);
    command.arg("-in").arg(signed.folder.join(signed.catalog));
    command.arg("-content").arg(list.path());
    command.arg("-CAfile").arg(&signed.authority);
    process::output(&mut command)?;
    Ok(())
}

fn flat_digest(program: &Path, file: &Path, catalog: &Path) -> Result<()> {
    let digest = process::output(
        Command::new(program)
            .args(["dgst", "-sha256", "-r"])
            .arg(file),
    )?;
    let digest = digest
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    ensure!(
        digest.len() == 2 * Sha256::output_size(),
        "openssl printed no digest"
    );
    let mut command = Command::new(program);
    command
        .args(["asn1parse", "-inform", "DER", "-in"])
        .arg(catalog);
    let lines = process::output(&mut command)?;
    ensure!(
        lines
            .lines()
            .any(|line| line.ends_with(&format!("OCTET STRING      [HEX DUMP]:{digest}"))),
        "no element contains {digest}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::catalog::Member;
    use crate::package::sample::image;
    use crate::package::sign::Signer;
    use tempfile::TempDir;

    /// A signed package of two files; none where the tools are missing.
    fn package() -> Option<(Tools, TempDir, Signer)> {
        let tools = Tools::for_test()?;
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::new(&tools, "test").unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("test.sys"), image(&[0xC3; 9000])).unwrap();
        signer.sign_image(&path("test.sys")).unwrap();
        fs::write(path("test.inf"), "[Version]\r\n").unwrap();
        let members = ["test.sys", "test.inf"]
            .map(|name| Member::new(name, &fs::read(path(name)).unwrap()).unwrap());
        let unsigned = catalog::unsigned(&members, &["root\\test".into()], 1_795_219_200).unwrap();
        fs::write(path("test.cat"), unsigned).unwrap();
        signer.sign_catalog(&path("test.cat")).unwrap();
        Some((tools, folder, signer))
    }

    fn signed<'a>(folder: &'a TempDir, signer: &'a Signer) -> Signed<'a> {
        Signed {
            folder: folder.path(),
            image: "test.sys",
            inf: "test.inf",
            catalog: "test.cat",
            authority: signer.authority(),
        }
    }

    fn verified(tools: &Tools, folder: &TempDir, signer: &Signer) -> Result<Vec<String>> {
        verify(tools, &signed(folder, signer))
    }

    #[test]
    fn a_signed_package_is_found_good_by_every_tool() {
        let Some((tools, folder, signer)) = package() else {
            return;
        };
        assert_eq!(verified(&tools, &folder, &signer).unwrap().len(), 7);
    }

    #[test]
    fn a_tampered_member_or_catalog_is_found_out() {
        let Some((tools, folder, signer)) = package() else {
            return;
        };
        for (name, place) in [("test.sys", 0x700), ("test.inf", 3), ("test.cat", 300)] {
            let path = folder.path().join(name);
            let good = fs::read(&path).unwrap();
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(&path, bad).unwrap();
            assert!(verified(&tools, &folder, &signer).is_err(), "{name}");
            fs::write(&path, good).unwrap();
        }
        verified(&tools, &folder, &signer).unwrap();
    }

    /// Each tool alone must refuse, not only the first check of the whole.
    #[test]
    fn the_tools_themselves_refuse_a_tampered_member() {
        let Some((tools, folder, signer)) = package() else {
            return;
        };
        let path = |name: &str| folder.path().join(name);
        let signed = signed(&folder, &signer);
        let mut image = fs::read(path("test.sys")).unwrap();
        image[0x700] ^= 1;
        fs::write(path("test.sys"), image).unwrap();
        fs::write(path("test.inf"), "[Version]\r\n; more\r\n").unwrap();
        let Tools {
            osslsigncode,
            openssl,
        } = &tools;
        assert!(signature(osslsigncode, &signed, &path("test.sys"), None).is_err());
        let listed = signature(
            osslsigncode,
            &signed,
            &path("test.sys"),
            Some(&path("test.cat")),
        );
        assert!(listed.is_err());
        assert!(flat_digest(openssl, &path("test.inf"), &path("test.cat")).is_err());
        let mut catalog = fs::read(path("test.cat")).unwrap();
        list_signature(openssl, &signed, &catalog).unwrap();
        catalog[300] ^= 1;
        assert!(list_signature(openssl, &signed, &catalog).is_err());
    }

    #[test]
    fn another_certificate_is_not_trusted() {
        let Some((tools, folder, _signer)) = package() else {
            return;
        };
        let other = Signer::new(&tools, "test").unwrap();
        assert!(verified(&tools, &folder, &other).is_err());
    }
}
