//! Object context types: each known by an address that no other type has.

use super::image::{Image, number_at};
use anyhow::{Context, Result, ensure};
use object::pe::{IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE};
use object::read::pe::ImageOptionalHeader;

/// `sizeof(WDF_OBJECT_CONTEXT_TYPE_INFO)`, which its first field says.
const SIZE: usize = 40;
/// Where its fields `ContextName` and `UniqueType` are.
const NAME: usize = 8;
const UNIQUE_TYPE: usize = 24;

/// A `WDF_OBJECT_CONTEXT_TYPE_INFO` in an image.
pub struct ContextType {
    pub address: u32,
    pub name: String,
}

pub fn distinct(image: &Image<'_>) -> Result<String> {
    let types = types(image)?;
    let sections = image.sections()?;
    for ContextType { address, name } in &types {
        let writable = sections
            .iter()
            .any(|section| section.contains(*address) && section.has(IMAGE_SCN_MEM_WRITE));
        ensure!(
            writable,
            "the context type {name} at {address:#x} is read-only: /OPT:ICF may give it the address \
             of another of the same name and size; declare it in writable data"
        );
    }
    let names: Vec<_> = types.into_iter().map(|found| found.name).collect();
    Ok(match names.as_slice() {
        [] => "there are none".to_owned(),
        names => names.join(", "),
    })
}

/// The context types of an image: structures in data that say the right size and name themselves as
/// their unique type.
pub fn types(image: &Image<'_>) -> Result<Vec<ContextType>> {
    let base = image.optional_header().image_base();
    let mut types = Vec::new();
    for section in image.sections()? {
        if section.has(IMAGE_SCN_MEM_EXECUTE) {
            continue;
        }
        for (bytes, address) in section
            .bytes
            .windows(SIZE)
            .zip(section.address..)
            .step_by(8)
        {
            let unique = word(bytes, UNIQUE_TYPE)?;
            if number_at(bytes, 0)? as usize != SIZE || unique != base + u64::from(address) {
                continue;
            }
            let name = word(bytes, NAME)?.wrapping_sub(base);
            let name = u32::try_from(name).context("the name of a context type lies outside")?;
            let text = image.at(name)?.split(|&byte| byte == 0).next();
            types.push(ContextType {
                address,
                name: String::from_utf8_lossy(text.unwrap_or_default()).into_owned(),
            });
        }
    }
    Ok(types)
}

fn word(bytes: &[u8], offset: usize) -> Result<u64> {
    let low = u64::from(number_at(bytes, offset)?);
    Ok(low | u64::from(number_at(bytes, offset + 4)?) << 32)
}
