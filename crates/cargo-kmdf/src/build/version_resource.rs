//! The version resource of an image, as a compiled resource file (`.res`), which linkers take as it is.
//!
//! `cargo kmdf build` links it into its images, and the driver's build script, which includes this file by its
//! path, into the driver that is built with the WDK: `wdk-build` adds none.

/// What Explorer's details page says of a file.
pub struct VersionResource<'a> {
    /// As cargo writes it, `major.minor.patch`.
    pub version: &'a str,
    pub file_name: &'a str,
    pub description: &'a str,
    pub product: &'a str,
    pub company: &'a str,
    pub copyright: &'a str,
}

const RESOURCE_TYPE_VERSION: u16 = 16;
/// English (United States) and Unicode, as numbers and as the name of the string table.
const LANGUAGE: u16 = 0x0409;
const CODE_PAGE: u16 = 0x04B0;
const STRING_TABLE: &str = "040904B0";

/// Kinds of value in a node of the resource.
const BINARY: u16 = 0;
const TEXT: u16 = 1;

impl VersionResource<'_> {
    /// The bytes of a `.res` file with this one resource.
    pub fn to_resource_file(&self) -> Result<Vec<u8>, String> {
        let mut file = entry(0, 0, &[]);
        file.extend(entry(RESOURCE_TYPE_VERSION, LANGUAGE, &self.to_bytes()?));
        Ok(file)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let strings = [
            ("CompanyName", self.company),
            ("FileDescription", self.description),
            ("FileVersion", self.version),
            ("InternalName", self.file_name),
            ("LegalCopyright", self.copyright),
            ("OriginalFilename", self.file_name),
            ("ProductName", self.product),
            ("ProductVersion", self.version),
        ];
        let strings = strings.map(|(key, value)| {
            let value = utf16(value);
            let characters = value.len() / 2;
            node(key, TEXT, &value, characters, &[])
        });
        let table = node(STRING_TABLE, TEXT, &[], 0, &strings);
        let string_info = node("StringFileInfo", TEXT, &[], 0, &[table]);
        let translation = [LANGUAGE.to_le_bytes(), CODE_PAGE.to_le_bytes()].concat();
        let translation = node("Translation", BINARY, &translation, translation.len(), &[]);
        let variable_info = node("VarFileInfo", TEXT, &[], 0, &[translation]);
        let fixed = fixed_information(numbers(self.version)?);
        let children = [string_info, variable_info];
        Ok(node(
            "VS_VERSION_INFO",
            BINARY,
            &fixed,
            fixed.len(),
            &children,
        ))
    }
}

/// `major.minor.patch` as the two numbers of a file version, the fourth part zero.
fn numbers(version: &str) -> Result<[u32; 2], String> {
    let mut parts = version.split('.').map(|part| part.parse::<u16>().ok());
    let mut part = || parts.next().flatten().map(u32::from);
    let complete = || Some([part()? << 16 | part()?, part()? << 16]);
    let mut complete = complete;
    complete().ok_or_else(|| format!("`{version}` is not a version of three numbers"))
}

/// VS_FIXEDFILEINFO of a driver for Windows NT.
fn fixed_information([high, low]: [u32; 2]) -> Vec<u8> {
    const SIGNATURE: u32 = 0xFEEF_04BD;
    const STRUCTURE_VERSION: u32 = 0x0001_0000;
    const FLAGS_MASK: u32 = 0x3F;
    const WINDOWS_NT: u32 = 0x0004_0004;
    const DRIVER: u32 = 3;
    const SYSTEM_DRIVER: u32 = 7;
    [
        SIGNATURE,
        STRUCTURE_VERSION,
        high,
        low,
        high,
        low,
        FLAGS_MASK,
        0,
        WINDOWS_NT,
        DRIVER,
        SYSTEM_DRIVER,
        0,
        0,
    ]
    .iter()
    .flat_map(|field| field.to_le_bytes())
    .collect()
}

/// One node of the tree: its lengths, kind, key, value and children, each on a multiple of four.
/// A text's length counts characters, anything else's bytes.
fn node(key: &str, kind: u16, value: &[u8], value_length: usize, children: &[Vec<u8>]) -> Vec<u8> {
    let mut node = vec![0; 2];
    node.extend((value_length as u16).to_le_bytes());
    node.extend(kind.to_le_bytes());
    node.extend(utf16(key));
    align(&mut node);
    node.extend(value);
    for child in children {
        align(&mut node);
        node.extend(child);
    }
    let length = (node.len() as u16).to_le_bytes();
    node[..2].copy_from_slice(&length);
    node
}

/// One entry of a `.res` file; a file begins with an empty one.
fn entry(kind: u16, language: u16, data: &[u8]) -> Vec<u8> {
    const HEADER_SIZE: u32 = 32;
    /// What stands before a type or a name that is a number.
    const NUMBER: u16 = 0xFFFF;
    let name = u16::from(kind != 0);
    let mut entry = Vec::new();
    entry.extend((data.len() as u32).to_le_bytes());
    entry.extend(HEADER_SIZE.to_le_bytes());
    for half in [NUMBER, kind, NUMBER, name] {
        entry.extend(half.to_le_bytes());
    }
    // Data version, memory flags, language, version, characteristics.
    entry.extend([0; 6]);
    entry.extend(language.to_le_bytes());
    entry.extend([0; 8]);
    entry.extend(data);
    align(&mut entry);
    entry
}

/// A string with its terminator.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect()
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: VersionResource<'static> = VersionResource {
        version: "1.2.3",
        file_name: "x.sys",
        description: "d",
        product: "p",
        company: "c",
        copyright: "l",
    };

    #[test]
    fn a_file_begins_with_an_empty_entry_and_is_a_multiple_of_four() {
        let file = RESOURCE.to_resource_file().unwrap();
        assert_eq!(file[..8], [0, 0, 0, 0, 32, 0, 0, 0]);
        assert_eq!(file.len() % 4, 0);
        let size = u32::from_le_bytes(file[32..36].try_into().unwrap());
        assert_eq!(file.len(), 64 + (size as usize).next_multiple_of(4));
    }

    #[test]
    fn the_fixed_part_follows_the_key_and_holds_the_version() {
        let bytes = RESOURCE.to_bytes().unwrap();
        assert_eq!(
            usize::from(u16::from_le_bytes([bytes[0], bytes[1]])),
            bytes.len()
        );
        // 6 bytes of lengths and kind, 16 characters of key with terminator, 2 bytes to align.
        let fixed: Vec<u32> = bytes[40..92]
            .chunks(4)
            .map(|field| u32::from_le_bytes(field.try_into().unwrap()))
            .collect();
        assert_eq!(fixed[0], 0xFEEF_04BD);
        assert_eq!(fixed[2..4], [0x0001_0002, 0x0003_0000]);
    }

    #[test]
    fn a_version_that_is_not_three_numbers_is_refused() {
        for version in ["1.2", "1.2.x", "", "1.2.99999"] {
            assert!(
                VersionResource {
                    version,
                    ..RESOURCE
                }
                .to_bytes()
                .is_err()
            );
        }
    }
}
