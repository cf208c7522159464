//! Driver catalogs: a signed list of the digests of a package's files.
//!
//! Written as version 2, which Windows takes from 8 on and Microsoft's own tools write. A kernel
//! image is listed by its Authenticode digest, which leaves out its own signature; any other file
//! by the digest of its bytes. The digest that counts is SHA-256; each file also stands under its
//! SHA-1, by which older programs look it up.

use anyhow::{Context, Result, anyhow, bail, ensure};
use authenticode::{
    DigestInfo, SPC_INDIRECT_DATA_OBJID, SpcAttributeTypeAndOptionalValue, SpcIndirectDataContent,
    authenticode_digest,
};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{EncapsulatedContentInfo, SignedData, SignerInfos};
use der::asn1::{Any, BmpString, Null, ObjectIdentifier, OctetString, SetOfVec, UtcTime};
use der::{Decode, Encode, Sequence};
use object::read::pe::PeFile64;
use sha1::Sha1;
use sha2::digest::{Output, Update};
use sha2::{Digest, Sha256};
use std::time::Duration;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::spki::AlgorithmIdentifierOwned;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
// Microsoft's identifiers, all in 1.3.6.1.4.1.311.
const TRUST_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.1");
const CATALOG_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.1.1");
const CATALOG_MEMBER_2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.1.3");
const NAME_VALUE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.2.1");
const MEMBER_INFORMATION_2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.2.3");
const IMAGE_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.15");
const FILE_LINK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.25");

/// An attribute that the signature covers, with a name in plain text.
const ATTRIBUTE_FLAGS: u32 = 0x1001_0001;

/// The versions of Windows that the members are for: platform NT, 10.0 or later.
const MEMBER_SYSTEM: &str = "2:10.0";

/// The same for the whole catalog, as inf2cat names Windows 10 on amd64.
const CATALOG_SYSTEM: &str = "_v100_X64";

/// The list that a catalog signs, by its name in Microsoft's documentation: CERT_TRUST_LIST.
#[derive(Sequence)]
struct TrustList {
    usage: Vec<ObjectIdentifier>,
    identifier: OctetString,
    this_update: UtcTime,
    algorithm: AlgorithmIdentifierOwned,
    entries: Vec<Entry>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    attributes: Vec<CatalogAttribute>,
}

/// What is known of a file, under one of its digests.
#[derive(Sequence)]
struct Entry {
    label: OctetString,
    attributes: Attributes,
}

/// An attribute of the whole catalog.
#[derive(Sequence)]
struct CatalogAttribute {
    kind: ObjectIdentifier,
    value: OctetString,
}

/// A name and its value; the value is little-endian and ends with a zero, unlike the name.
#[derive(Sequence)]
struct NameValue {
    name: BmpString,
    flags: u32,
    value: OctetString,
}

impl NameValue {
    fn new(name: &str, value: &str) -> der::Result<Self> {
        let units = value.encode_utf16().chain([0]);
        let value: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        Ok(Self {
            name: BmpString::from_utf8(name)?,
            flags: ATTRIBUTE_FLAGS,
            value: OctetString::new(value)?,
        })
    }

    fn value(&self) -> Result<String> {
        let units = self.value.as_bytes().chunks_exact(2);
        let units: Vec<_> = units
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        Ok(String::from_utf16(&units)?
            .trim_end_matches('\0')
            .to_owned())
    }
}

/// How a file is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// By the Authenticode digest of a PE file.
    Image,
    /// By the digest of its bytes.
    Flat,
}

/// A file of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    name: String,
    kind: Kind,
    digest: [u8; 32],
    /// Under which an older program finds the file, and which vouches for nothing.
    label: [u8; 20],
}

impl Member {
    /// A file of the package; a name that ends in `.sys` or `.exe` must be a PE file.
    pub fn new(name: &str, bytes: &[u8]) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        let (kind, digest, label) = if lower.ends_with(".sys") || lower.ends_with(".exe") {
            let digests = (image_digest::<Sha256>(bytes), image_digest::<Sha1>(bytes));
            let (Ok(digest), Ok(label)) = digests else {
                bail!("{name} is no image");
            };
            (Kind::Image, digest, label)
        } else {
            (Kind::Flat, Sha256::digest(bytes), Sha1::digest(bytes))
        };
        Ok(Self {
            name: lower,
            kind,
            digest: digest.into(),
            label: label.into(),
        })
    }

    /// The entries of the list: under each digest, what is known of the file, and under the one
    /// that counts also how it is made.
    fn entries(&self) -> der::Result<[Entry; 2]> {
        // What follows an identifier here was read off catalogs of Microsoft's tools: an image's
        // data says that resources and import information are covered, and no file is linked to.
        let (information, kind, data): (_, _, &[u8]) = match self.kind {
            Kind::Image => {
                let data = &[0x30, 10, 3, 2, 5, 0xA0, 0xA0, 4, 0xA2, 2, 0x80, 0];
                ([0x80, 0], IMAGE_DATA, data)
            }
            Kind::Flat => ([0x82, 0], FILE_LINK, &[0xA2, 2, 0x80, 0]),
        };
        let made = SpcIndirectDataContent {
            data: SpcAttributeTypeAndOptionalValue {
                value_type: kind,
                value: Any::from_der(data)?,
            },
            message_digest: DigestInfo {
                digest_algorithm: algorithm(SHA_256),
                digest: OctetString::new(self.digest)?,
            },
        };
        let known = [
            attribute(MEMBER_INFORMATION_2, &Any::from_der(&information)?)?,
            attribute(NAME_VALUE, &NameValue::new("OSAttr", MEMBER_SYSTEM)?)?,
            attribute(NAME_VALUE, &NameValue::new("File", &self.name)?)?,
        ];
        let made = attribute(SPC_INDIRECT_DATA_OBJID, &made)?;
        let all = known.iter().cloned().chain([made]).collect::<Vec<_>>();
        Ok([
            Entry {
                label: OctetString::new(self.label)?,
                attributes: Vec::from(known).try_into()?,
            },
            Entry {
                label: OctetString::new(self.digest)?,
                attributes: all.try_into()?,
            },
        ])
    }
}

/// An attribute with one value.
fn attribute(oid: ObjectIdentifier, value: &impl Encode) -> der::Result<Attribute> {
    let values = vec![Any::from_der(&value.to_der()?)?].try_into()?;
    Ok(Attribute { oid, values })
}

fn algorithm(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: Some(Null.into()),
    }
}

/// The Authenticode digest of a PE file.
fn image_digest<D: Digest + Update>(bytes: &[u8]) -> Result<Output<D>> {
    let image = PeFile64::parse(bytes)?;
    let mut digest = D::new();
    authenticode_digest(&image, &mut digest).map_err(|error| anyhow!("{error}"))?;
    Ok(digest.finalize())
}

/// A catalog without a signature: what a signing tool takes.
///
/// The same members, hardware identifiers and time give the same bytes; the list's identifier,
/// elsewhere a random number, is made of the digests.
pub fn unsigned(members: &[Member], hardware: &[String], seconds: i64) -> Result<Vec<u8>> {
    let mut members = members.to_vec();
    members.sort_by_key(|member| member.digest);
    let digests: Vec<u8> = members.iter().flat_map(|member| member.digest).collect();
    let attribute = |name: &str, value: &str| -> der::Result<_> {
        let value = OctetString::new(NameValue::new(name, value)?.to_der()?)?;
        let kind = NAME_VALUE;
        Ok(CatalogAttribute { kind, value })
    };
    let attributes = (1..)
        .zip(hardware)
        .map(|(number, name)| attribute(&format!("HWID{number}"), &name.to_ascii_lowercase()));
    let attributes = attributes.chain([attribute("OS", CATALOG_SYSTEM)]);
    let mut entries = Vec::new();
    for member in &members {
        entries.extend(member.entries()?);
    }
    entries.sort_by(|one, other| one.label.as_bytes().cmp(other.label.as_bytes()));
    let list = TrustList {
        usage: vec![CATALOG_LIST],
        identifier: OctetString::new(&Sha256::digest(&digests)[..16])?,
        this_update: UtcTime::from_unix_duration(Duration::from_secs(seconds.try_into()?))?,
        algorithm: algorithm(CATALOG_MEMBER_2),
        entries,
        attributes: attributes.collect::<der::Result<_>>()?,
    };
    let data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::new(),
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: TRUST_LIST,
            econtent: Some(Any::encode_from(&list)?),
        },
        certificates: None,
        crls: None,
        signer_infos: SignerInfos(SetOfVec::new()),
    };
    let content = Any::encode_from(&data)?;
    let content_type = SIGNED_DATA;
    Ok(ContentInfo {
        content_type,
        content,
    }
    .to_der()?)
}

/// The list in a catalog, signed or not.
fn trust_list(catalog: &[u8]) -> Result<Any> {
    let content = ContentInfo::from_der(catalog)?;
    ensure!(
        content.content_type == SIGNED_DATA,
        "this is no signed data"
    );
    let data: SignedData = content.content.decode_as()?;
    let inside = data.encap_content_info;
    ensure!(inside.econtent_type == TRUST_LIST, "this signs no list");
    inside.econtent.context("the list is not there")
}

/// What the signature of a catalog is over: the content of the list, without its outermost header.
pub fn list(catalog: &[u8]) -> Result<Vec<u8>> {
    Ok(trust_list(catalog)?.value().to_vec())
}

/// A member as a catalog lists it under the digest that counts.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    name: String,
    kind: Kind,
    digest: [u8; 32],
}

/// Reads the members of a catalog, signed or not.
fn members(catalog: &[u8]) -> Result<Vec<Listed>> {
    let list: TrustList = trust_list(catalog)?.decode_as()?;
    ensure!(list.usage == [CATALOG_LIST], "this list is no catalog");
    ensure!(
        list.algorithm.oid == CATALOG_MEMBER_2,
        "this catalog is not of version 2"
    );
    // A member stands there under its SHA-1 too.
    let entries = list.entries.iter();
    let entries = entries.filter(|entry| entry.label.as_bytes().len() != Sha1::output_size());
    entries.map(member).collect()
}

fn member(entry: &Entry) -> Result<Listed> {
    let (mut name, mut made) = (None, None);
    for Attribute { oid, values } in entry.attributes.iter() {
        let value = values.get(0).context("an attribute has no value")?;
        if *oid == NAME_VALUE {
            let pair: NameValue = value.decode_as()?;
            if pair.name.to_string() == "File" {
                name = Some(pair.value()?);
            }
        } else if *oid == SPC_INDIRECT_DATA_OBJID {
            made = Some(value.decode_as::<SpcIndirectDataContent>()?);
        }
    }
    let (Some(name), Some(made)) = (name, made) else {
        bail!("an entry lacks its name or digest");
    };
    let digest = made.message_digest;
    ensure!(
        digest.digest_algorithm.oid == SHA_256,
        "the digest of {name} is not SHA-256"
    );
    ensure!(
        entry.label == digest.digest,
        "{name} stands under another digest than its own"
    );
    let is_image = made.data.value_type == IMAGE_DATA;
    Ok(Listed {
        name,
        kind: if is_image { Kind::Image } else { Kind::Flat },
        digest: digest
            .digest
            .as_bytes()
            .try_into()
            .context("a digest is not 32 bytes")?,
    })
}

/// Checks that a file is listed, with its present bytes.
pub fn covers(catalog: &[u8], name: &str, bytes: &[u8]) -> Result<()> {
    let members = members(catalog).context("the catalog cannot be read")?;
    let listed = members
        .iter()
        .find(|member| member.name.eq_ignore_ascii_case(name));
    let listed = listed.with_context(|| format!("{name} is not in the catalog"))?;
    ensure!(
        Member::new(name, bytes)
            .is_ok_and(|now| (now.kind, now.digest) == (listed.kind, listed.digest)),
        "{name} is not the file that the catalog was made of"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::sample::image;

    fn example() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let (image, inf) = (image(b"code"), b"[Version]\r\n".to_vec());
        let members = [
            Member::new("Test.SYS", &image).unwrap(),
            Member::new("test.inf", &inf).unwrap(),
        ];
        (
            unsigned(&members, &["root\\Test".into()], 1_795_219_200).unwrap(),
            image,
            inf,
        )
    }

    /// The bytes that an encoder written by hand made before `der` and `cms` did.
    #[test]
    fn the_encoding_is_canonical() {
        let (catalog, ..) = example();
        let digest: String = Sha256::digest(&catalog)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let expected = "e4ab5637ce92bda1fabdf1d9e0958cd373bb2c07d5dbf27dc3ba76b05525faa9";
        assert_eq!(digest, expected);
    }

    #[test]
    fn a_catalog_lists_what_it_was_made_of() {
        let (catalog, image, inf) = example();
        let mut names: Vec<String> = members(&catalog)
            .unwrap()
            .into_iter()
            .map(|member| member.name)
            .collect();
        names.sort();
        assert_eq!(names, ["test.inf", "test.sys"]);
        covers(&catalog, "test.sys", &image).unwrap();
        covers(&catalog, "test.inf", &inf).unwrap();
    }

    #[test]
    fn a_tampered_a_renamed_and_a_broken_member_are_not_covered() {
        let (catalog, image, inf) = example();
        for place in [0x40, image.len() / 2, image.len() - 1] {
            let mut tampered = image.clone();
            tampered[place] ^= 1;
            assert!(covers(&catalog, "test.sys", &tampered).is_err(), "{place}");
        }
        let mut tampered = inf.clone();
        tampered.push(b' ');
        assert!(covers(&catalog, "test.inf", &tampered).is_err());
        assert!(covers(&catalog, "other.inf", &inf).is_err());
        assert!(covers(&catalog, "test.sys", b"MZ").is_err());
        assert!(Member::new("test.sys", &inf).is_err());
    }

    #[test]
    fn a_member_under_another_digest_than_its_own_is_refused() {
        let (mut catalog, image, _) = example();
        let digest: [u8; 32] = image_digest::<Sha256>(&image).unwrap().into();
        let label = catalog.windows(32).position(|bytes| bytes == digest);
        catalog[label.unwrap()] ^= 1;
        let error = covers(&catalog, "test.sys", &image).unwrap_err();
        assert!(
            format!("{error:#}").contains("under another digest"),
            "{error:#}"
        );
    }

    #[test]
    fn the_same_members_give_the_same_catalog_in_any_order() {
        let (catalog, image, inf) = example();
        let members = [
            Member::new("test.inf", &inf).unwrap(),
            Member::new("test.sys", &image).unwrap(),
        ];
        assert_eq!(
            unsigned(&members, &["ROOT\\test".into()], 1_795_219_200).unwrap(),
            catalog
        );
    }

    #[test]
    fn a_catalog_that_is_cut_off_or_altered_is_refused_without_a_panic() {
        let (catalog, image, _) = example();
        for end in 0..catalog.len() {
            assert!(
                covers(&catalog[..end], "test.sys", &image).is_err(),
                "{end}"
            );
        }
        for place in 0..catalog.len() {
            let mut altered = catalog.clone();
            altered[place] ^= 0xFF;
            // Most alterations break it; some, as in the time, leave the members as they were.
            let _ = covers(&altered, "test.sys", &image);
        }
    }
}
