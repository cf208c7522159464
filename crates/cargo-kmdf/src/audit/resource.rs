//! Check of the version resource.

use super::image::{Image, number_at};
use anyhow::{Context, Result, ensure};
use object::LittleEndian;
use object::read::pe::{ResourceDirectoryEntryData, ResourceNameOrId};

const VERSION: u16 = 16;
/// Where the fixed part begins, behind the lengths and the key.
const FIXED_OFFSET: usize = 40;
const FIXED_SIGNATURE: u32 = 0xFEEF_04BD;
const DRIVER: u32 = 3;

pub fn version(image: &Image<'_>) -> Result<String> {
    let bytes = version_resource(image)?.context("there is no version resource")?;
    let fixed = |offset| number_at(bytes, FIXED_OFFSET + offset).context("it is cut off");
    ensure!(
        fixed(0)? == FIXED_SIGNATURE,
        "the version resource has no fixed part"
    );
    ensure!(
        fixed(36)? == DRIVER,
        "the version resource does not say that it is of a driver"
    );
    let (high, low) = (fixed(8)?, fixed(12)?);
    ensure!((high, low) != (0, 0), "its version is zero");
    let parts = [high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF];
    Ok(parts.map(|part| part.to_string()).join("."))
}

/// The bytes of the first version resource of the image.
fn version_resource<'data>(image: &Image<'data>) -> Result<Option<&'data [u8]>> {
    let sections = image.section_table();
    let directory = image
        .directories()
        .resource_directory(image.bytes, &sections)
        .context("the resources cannot be read")?;
    let Some(directory) = directory else {
        return Ok(None);
    };
    let types = directory.root()?;
    let version = types
        .entries
        .iter()
        .find(|entry| matches!(entry.name_or_id(), ResourceNameOrId::Id(VERSION)));
    let Some(mut entry) = version else {
        return Ok(None);
    };
    // Below the type lie the name and the language.
    loop {
        match entry.data(directory)? {
            ResourceDirectoryEntryData::Table(table) => {
                let Some(first) = table.entries.first() else {
                    return Ok(None);
                };
                entry = first;
            }
            ResourceDirectoryEntryData::Data(data) => {
                let bytes = image.at(data.offset_to_data.get(LittleEndian))?;
                let size = data.size.get(LittleEndian) as usize;
                return Ok(Some(bytes.get(..size).context("it is cut off")?));
            }
        }
    }
}
