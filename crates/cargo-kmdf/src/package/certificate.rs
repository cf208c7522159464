//! A throw-away certificate for test signing: made for one package, its key destroyed with it.

use anyhow::{Context, Result};
use rand_core::{OsRng, RngCore};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use sha2::Sha256;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_cert::Certificate;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::asn1::UtcTime;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Encode, EncodePem};
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

/// Of an RSA key: Windows's code integrity is documented to take no elliptic curves.
const KEY_BITS: usize = 2048;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// A self-signed code-signing certificate with its key.
pub struct TestCertificate {
    certificate: Certificate,
    key: RsaPrivateKey,
}

impl TestCertificate {
    /// Makes a key, and a certificate of it that is good for a year from now.
    pub fn new(name: &str) -> Result<Self> {
        let key = RsaPrivateKey::new(&mut OsRng, KEY_BITS).context("no key could be made")?;
        let signer = SigningKey::<Sha256>::new(key.clone());
        let subject = Name::from_str(&format!("CN={name}"))?;
        let mut serial = [0; 16];
        OsRng.fill_bytes(&mut serial);
        // A serial number is positive, and does not begin with a zero byte.
        serial[0] = serial[0] & 0x3F | 0x40;
        // A leaf, not an authority: it can vouch for what it signs and for no other certificate.
        let profile = Profile::Leaf {
            issuer: subject.clone(),
            enable_key_agreement: false,
            enable_key_encipherment: false,
        };
        let mut builder = CertificateBuilder::new(
            profile,
            SerialNumber::new(&serial)?,
            validity(SystemTime::now())?,
            subject,
            SubjectPublicKeyInfoOwned::from_key(key.to_public_key())?,
            &signer,
        )?;
        builder.add_extension(&ExtendedKeyUsage(vec![CODE_SIGNING]))?;
        let certificate = builder.build::<rsa::pkcs1v15::Signature>()?;
        Ok(Self { certificate, key })
    }

    /// The serial number, as Windows shows it.
    pub fn serial(&self) -> String {
        let serial = self.certificate.tbs_certificate.serial_number.as_bytes();
        serial.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The certificate as Windows imports it.
    pub fn der(&self) -> Result<Vec<u8>> {
        Ok(self.certificate.to_der()?)
    }

    /// Writes the certificate as text.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.certificate.to_pem(LineEnding::LF)?;
        std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Writes the key to a new file that only this user can read.
    pub fn write_key(&self, path: &Path) -> Result<()> {
        let text = self.key.to_pkcs8_pem(LineEnding::LF)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .open(path)
            .with_context(|| format!("{} cannot be made", path.display()))?;
        file.write_all(text.as_bytes())?;
        Ok(())
    }
}

/// A year from a moment on, and the day before: the clock of a virtual machine may be behind.
fn validity(now: SystemTime) -> Result<Validity> {
    let moment = |time: SystemTime| -> Result<Time> {
        // Certificates know whole seconds only.
        let seconds = time.duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Time::UtcTime(UtcTime::from_unix_duration(
            Duration::from_secs(seconds),
        )?))
    };
    Ok(Validity {
        not_before: moment(now - DAY)?,
        not_after: moment(now + 365 * DAY)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_cert::ext::pkix::BasicConstraints;

    #[test]
    fn a_certificate_signs_code_and_nothing_else_and_is_no_authority() {
        let made = TestCertificate::new("test").unwrap();
        let parsed = &made.certificate.tbs_certificate;
        assert_eq!(parsed.subject, parsed.issuer);
        let usage = parsed.get::<ExtendedKeyUsage>().unwrap().unwrap().1;
        assert_eq!(usage.0, [CODE_SIGNING]);
        assert!(!parsed.get::<BasicConstraints>().unwrap().unwrap().1.ca);
        let now = SystemTime::now();
        assert!(parsed.validity.not_before.to_system_time() < now);
        assert!(parsed.validity.not_after.to_system_time() > now);
        assert!(made.der().unwrap().len() > 256);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_readable_by_this_user_alone_and_overwrites_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let made = TestCertificate::new("test").unwrap();
        made.write_key(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(made.write_key(&path).is_err());
    }
}
