//! Driver catalogs: a signed list of the digests of a package's files.
//!
//! Written as version 2, which Windows takes from 8 on and Microsoft's own tools write. A kernel
//! image is listed by its Authenticode digest, which leaves out its own signature; any other file
//! by the digest of its bytes. The digest that counts is SHA-256; each file also stands under its
//! SHA-1, by which older programs look it up.

use crate::package::date::utc_time;
use crate::package::der::{
    Reader, bmp_string, element, empty, identifier, integer, octets, sequence, set, tag, tagged,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use authenticode::authenticode_digest;
use object::read::pe::PeFile64;
use sha1::Sha1;
use sha2::digest::{Output, Update};
use sha2::{Digest, Sha256};

/// The first numbers of every identifier that Microsoft defines.
const MICROSOFT: [u32; 7] = [1, 3, 6, 1, 4, 1, 311];

const SIGNED_DATA: [u32; 7] = [1, 2, 840, 113549, 1, 7, 2];
const SHA_256: [u32; 9] = [2, 16, 840, 1, 101, 3, 4, 2, 1];
const TRUST_LIST: [u32; 2] = [10, 1];
const CATALOG_LIST: [u32; 3] = [12, 1, 1];
const CATALOG_MEMBER_2: [u32; 3] = [12, 1, 3];
const NAME_VALUE: [u32; 3] = [12, 2, 1];
const MEMBER_INFORMATION_2: [u32; 3] = [12, 2, 3];
const INDIRECT_DATA: [u32; 3] = [2, 1, 4];
const IMAGE_DATA: [u32; 3] = [2, 1, 15];
const FILE_LINK: [u32; 3] = [2, 1, 25];

/// An attribute that the signature covers, with a name in plain text.
const ATTRIBUTE_FLAGS: u32 = 0x1001_0001;

/// The versions of Windows that the members are for: platform NT, 10.0 or later.
const MEMBER_SYSTEM: &str = "2:10.0";

/// The same for the whole catalog, as inf2cat names Windows 10 on amd64.
const CATALOG_SYSTEM: &str = "_v100_X64";

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
    fn entries(&self) -> [(Vec<u8>, Vec<u8>); 2] {
        // What follows an identifier here was read off catalogs of Microsoft's tools: an image's
        // data says that resources and import information are covered, and no file is linked to.
        let no_link = tagged(2, &[empty(0)]);
        let (information, data) = match self.kind {
            Kind::Image => {
                let flags = element(tag::BIT_STRING, &[5, 0xA0]);
                let data = sequence(&[flags, tagged(0, &[no_link])]);
                (empty(0), sequence(&[microsoft(&IMAGE_DATA), data]))
            }
            Kind::Flat => (empty(2), sequence(&[microsoft(&FILE_LINK), no_link])),
        };
        let algorithm = sequence(&[identifier(&SHA_256), element(tag::NULL, &[])]);
        let digest = sequence(&[algorithm, octets(&self.digest)]);
        let known = vec![
            attribute(&MEMBER_INFORMATION_2, information),
            attribute(&NAME_VALUE, name_value("OSAttr", MEMBER_SYSTEM)),
            attribute(&NAME_VALUE, name_value("File", &self.name)),
        ];
        let mut made = known.clone();
        made.push(attribute(&INDIRECT_DATA, sequence(&[data, digest])));
        let entry = |label: &[u8], attributes| {
            (label.to_vec(), sequence(&[octets(label), set(attributes)]))
        };
        [entry(&self.label, known), entry(&self.digest, made)]
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
pub fn unsigned(members: &[Member], hardware: &[String], seconds: i64) -> Vec<u8> {
    let mut members = members.to_vec();
    members.sort_by_key(|member| member.digest);
    let digests: Vec<u8> = members.iter().flat_map(|member| member.digest).collect();
    let hardware = (1..).zip(hardware).map(|(number, name)| {
        catalog_attribute(&format!("HWID{number}"), &name.to_ascii_lowercase())
    });
    let attributes: Vec<Vec<u8>> = hardware
        .chain([catalog_attribute("OS", CATALOG_SYSTEM)])
        .collect();
    let mut entries: Vec<(Vec<u8>, Vec<u8>)> = members.iter().flat_map(Member::entries).collect();
    entries.sort();
    let entries: Vec<Vec<u8>> = entries.into_iter().map(|(_, entry)| entry).collect();
    let list = sequence(&[
        sequence(&[microsoft(&CATALOG_LIST)]),
        octets(&Sha256::digest(&digests)[..16]),
        element(tag::UTC_TIME, utc_time(seconds).as_bytes()),
        sequence(&[microsoft(&CATALOG_MEMBER_2), element(tag::NULL, &[])]),
        sequence(&entries),
        tagged(0, &[sequence(&attributes)]),
    ]);
    let data = sequence(&[
        integer(1),
        set(vec![]),
        sequence(&[microsoft(&TRUST_LIST), tagged(0, &[list])]),
        set(vec![]),
    ]);
    sequence(&[identifier(&SIGNED_DATA), tagged(0, &[data])])
}

fn microsoft(numbers: &[u32]) -> Vec<u8> {
    identifier(&[&MICROSOFT, numbers].concat())
}

fn attribute(kind: &[u32], value: Vec<u8>) -> Vec<u8> {
    sequence(&[microsoft(kind), set(vec![value])])
}

fn catalog_attribute(name: &str, value: &str) -> Vec<u8> {
    sequence(&[microsoft(&NAME_VALUE), octets(&name_value(name, value))])
}

/// A name and its value; the value is little-endian and ends with a zero, unlike the name.
fn name_value(name: &str, value: &str) -> Vec<u8> {
    let units = value.encode_utf16().chain([0]);
    let value: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    sequence(&[bmp_string(name), integer(ATTRIBUTE_FLAGS), octets(&value)])
}

/// The list in a catalog, signed or not: the content of its outermost element, which is what the
/// signature is over.
pub fn list(catalog: &[u8]) -> Result<&[u8]> {
    let mut content = Reader(catalog).expect(tag::SEQUENCE)?;
    ensure!(
        is(&mut content, identifier(&SIGNED_DATA))?,
        "this is no signed data"
    );
    let mut data = content.expect(0xA0)?.expect(tag::SEQUENCE)?;
    data.expect(tag::INTEGER)?;
    data.expect(tag::SET)?;
    let mut inside = data.expect(tag::SEQUENCE)?;
    ensure!(
        is(&mut inside, microsoft(&TRUST_LIST))?,
        "this signs no list"
    );
    Ok(inside.expect(0xA0)?.expect(tag::SEQUENCE)?.0)
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
    let mut list = Reader(list(catalog)?);
    let mut usage = list.expect(tag::SEQUENCE)?;
    ensure!(
        is(&mut usage, microsoft(&CATALOG_LIST))?,
        "this list is no catalog"
    );
    list.expect(tag::OCTET_STRING)?;
    list.expect(tag::UTC_TIME)?;
    let mut version = list.expect(tag::SEQUENCE)?;
    ensure!(
        is(&mut version, microsoft(&CATALOG_MEMBER_2))?,
        "this catalog is not of version 2"
    );
    let mut entries = list.expect(tag::SEQUENCE)?;
    let mut members = Vec::new();
    while let Some((_, entry)) = entries.next()? {
        members.extend(member(Reader(entry))?);
    }
    Ok(members)
}

fn is(reader: &mut Reader<'_>, wanted: Vec<u8>) -> Result<bool> {
    let found = reader.expect(tag::OBJECT_IDENTIFIER)?;
    Ok(element(tag::OBJECT_IDENTIFIER, found.0) == wanted)
}

/// The member of an entry; none if it stands there under its SHA-1.
fn member(mut entry: Reader<'_>) -> Result<Option<Listed>> {
    let label = entry.expect(tag::OCTET_STRING)?.0;
    if label.len() == Sha1::output_size() {
        return Ok(None);
    }
    let mut attributes = entry.expect(tag::SET)?;
    let (mut name, mut kind, mut digest) = (None, None, None);
    while let Some((_, attribute)) = attributes.next()? {
        let mut attribute = Reader(attribute);
        let identifier = element(
            tag::OBJECT_IDENTIFIER,
            attribute.expect(tag::OBJECT_IDENTIFIER)?.0,
        );
        let mut values = attribute.expect(tag::SET)?;
        if identifier == microsoft(&NAME_VALUE) {
            let mut pair = values.expect(tag::SEQUENCE)?;
            let file = element(tag::BMP_STRING, pair.expect(tag::BMP_STRING)?.0);
            pair.expect(tag::INTEGER)?;
            let value = pair.expect(tag::OCTET_STRING)?.0;
            if file == bmp_string("File") {
                let units = value
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                let text = String::from_utf16(&units.collect::<Vec<u16>>())?;
                name = Some(text.trim_end_matches('\0').to_owned());
            }
        } else if identifier == microsoft(&INDIRECT_DATA) {
            let mut indirect = values.expect(tag::SEQUENCE)?;
            let mut data = indirect.expect(tag::SEQUENCE)?;
            kind = match is(&mut data, microsoft(&IMAGE_DATA))? {
                true => Some(Kind::Image),
                false => Some(Kind::Flat),
            };
            let mut pair = indirect.expect(tag::SEQUENCE)?;
            let mut algorithm = pair.expect(tag::SEQUENCE)?;
            ensure!(
                is(&mut algorithm, self::identifier(&SHA_256))?,
                "a digest is not SHA-256"
            );
            digest = Some(pair.expect(tag::OCTET_STRING)?.0);
        }
    }
    let (Some(name), Some(kind), Some(digest)) = (name, kind, digest) else {
        bail!("an entry lacks its name or digest");
    };
    ensure!(
        label == digest,
        "{name} stands under another digest than its own"
    );
    Ok(Some(Listed {
        name,
        kind,
        digest: digest.try_into().context("a digest is not 32 bytes")?,
    }))
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
            unsigned(&members, &["root\\Test".into()], 1_795_219_200),
            image,
            inf,
        )
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
    fn the_same_members_give_the_same_catalog_in_any_order() {
        let (catalog, image, inf) = example();
        let members = [
            Member::new("test.inf", &inf).unwrap(),
            Member::new("test.sys", &image).unwrap(),
        ];
        assert_eq!(
            unsigned(&members, &["ROOT\\test".into()], 1_795_219_200),
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
