//! Check that the image can be loaded anywhere.

use super::image::Image;
use anyhow::{Context, Result, ensure};
use object::LittleEndian;
use object::pe::{IMAGE_FILE_RELOCS_STRIPPED, IMAGE_REL_BASED_DIR64, IMAGE_SCN_MEM_EXECUTE};
use object::read::pe::ImageOptionalHeader;
use std::collections::BTreeSet;

pub fn complete(image: &Image<'_>) -> Result<String> {
    let flags = image
        .headers()
        .file_header
        .characteristics
        .get(LittleEndian);
    ensure!(
        flags & IMAGE_FILE_RELOCS_STRIPPED == 0,
        "relocations were stripped: it can be loaded at one address only"
    );
    let listed = listed(image)?;
    for &address in &listed {
        let value = value_at(image, address)
            .with_context(|| format!("the relocation at {address:#x} is in no section"))?;
        ensure!(
            points_into(image, value),
            "the relocation at {address:#x} is of {value:#x}, which is no address in the image"
        );
    }
    if let Some(address) = unlisted(image, &listed)? {
        anyhow::bail!("an absolute address at {address:#x} is not listed");
    }
    Ok(match listed.len() {
        0 => "no absolute addresses".to_owned(),
        count => format!("{count} addresses"),
    })
}

/// The addresses that the loader corrects.
fn listed(image: &Image<'_>) -> Result<BTreeSet<u32>> {
    let mut listed = BTreeSet::new();
    let sections = image.section_table();
    let blocks = image
        .directories()
        .relocation_blocks(image.bytes, &sections)
        .context("the relocations cannot be read")?;
    let Some(mut blocks) = blocks else {
        return Ok(listed);
    };
    while let Some(block) = blocks.next().context("the relocations are cut off")? {
        for relocation in block {
            let address = relocation.virtual_address;
            ensure!(
                relocation.typ == IMAGE_REL_BASED_DIR64,
                "the relocation at {address:#x} is of type {}, not of a 64-bit address",
                relocation.typ
            );
            listed.insert(address);
        }
    }
    Ok(listed)
}

fn value_at(image: &Image<'_>, address: u32) -> Result<u64> {
    let bytes = image.at(address)?;
    let value = bytes.get(..8).context("cut off")?;
    Ok(u64::from_le_bytes(value.try_into()?))
}

fn points_into(image: &Image<'_>, value: u64) -> bool {
    let header = image.optional_header();
    let base = header.image_base();
    (base..base + u64::from(header.size_of_image())).contains(&value)
}

/// The first aligned word of data that looks like an address in the image and is not listed.
fn unlisted(image: &Image<'_>, listed: &BTreeSet<u32>) -> Result<Option<u32>> {
    for section in image.sections()? {
        if section.has(IMAGE_SCN_MEM_EXECUTE) {
            continue;
        }
        for (index, word) in section.bytes.chunks_exact(8).enumerate() {
            let address = section.address + (index * 8) as u32;
            let value = u64::from_le_bytes(word.try_into()?);
            if points_into(image, value) && !listed.contains(&address) {
                return Ok(Some(address));
            }
        }
    }
    Ok(None)
}
