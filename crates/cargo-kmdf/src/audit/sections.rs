//! Checks of the section table.

use super::image::{Image, Section};
use anyhow::{Result, ensure};
use object::pe::{
    IMAGE_SCN_CNT_CODE, IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_CNT_UNINITIALIZED_DATA,
    IMAGE_SCN_MEM_DISCARDABLE, IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_READ, IMAGE_SCN_MEM_WRITE,
};
use object::read::pe::ImageOptionalHeader;

const PAGE: u32 = 4096;

pub fn flags(image: &Image<'_>) -> Result<String> {
    let sections = image.sections()?;
    ensure!(!sections.is_empty(), "it has no sections");
    for Section { name, flags, .. } in &sections {
        ensure!(
            *flags != 0,
            "{name} has no flags at all: Windows crashes on it (give them with /SECTION or /MERGE)"
        );
        let content =
            IMAGE_SCN_CNT_CODE | IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_CNT_UNINITIALIZED_DATA;
        ensure!(flags & content != 0, "{name} is neither code nor data");
        ensure!(flags & IMAGE_SCN_MEM_READ != 0, "{name} is not readable");
        let both = IMAGE_SCN_MEM_WRITE | IMAGE_SCN_MEM_EXECUTE;
        ensure!(
            flags & both != both,
            "{name} is writable and executable: HVCI rejects it"
        );
        ensure!(
            (flags & IMAGE_SCN_CNT_CODE != 0) == (flags & IMAGE_SCN_MEM_EXECUTE != 0),
            "{name} is code that is not executable, or executable without being code"
        );
    }
    let rights_of_each = sections
        .iter()
        .map(|section| format!("{} {}", section.name, rights(section)));
    Ok(rights_of_each.collect::<Vec<_>>().join(", "))
}

/// A section's rights, as in `rx`.
pub fn rights(section: &Section<'_>) -> String {
    let rights = [
        (IMAGE_SCN_MEM_READ, 'r'),
        (IMAGE_SCN_MEM_WRITE, 'w'),
        (IMAGE_SCN_MEM_EXECUTE, 'x'),
        (IMAGE_SCN_MEM_DISCARDABLE, 'd'),
    ];
    rights
        .into_iter()
        .filter(|(flag, _)| section.has(*flag))
        .map(|(_, letter)| letter)
        .collect()
}

pub fn discardable(image: &Image<'_>) -> Result<String> {
    let mut discarded = Vec::new();
    for section in image.sections()? {
        let is = section.has(IMAGE_SCN_MEM_DISCARDABLE);
        let name = section.name;
        if matches!(name.as_str(), "INIT" | ".reloc") {
            ensure!(is, "{name} stays in memory after it has been used");
            discarded.push(name);
        } else {
            ensure!(
                !is,
                "{name} is freed after the entry point has run, and may be used later"
            );
        }
    }
    Ok(match discarded.as_slice() {
        [] => "there are none".to_owned(),
        names => names.join(", "),
    })
}

pub fn alignment(image: &Image<'_>) -> Result<String> {
    let header = image.optional_header();
    let alignment = header.section_alignment();
    ensure!(
        alignment != 0 && alignment.is_multiple_of(PAGE),
        "sections are aligned to {alignment:#x}, not to pages"
    );
    let mut last = ("the headers".to_owned(), header.size_of_headers());
    for section in image.sections()? {
        let (previous, end) = &last;
        ensure!(
            section.address.is_multiple_of(PAGE),
            "{} begins at {:#x}, in the middle of a page",
            section.name,
            section.address
        );
        ensure!(
            section.address >= *end,
            "{} begins before {previous} ends",
            section.name
        );
        last = (section.name.clone(), section.end());
    }
    ensure!(
        last.1.next_multiple_of(alignment) == header.size_of_image(),
        "the image is {:#x} bytes long in memory, but its last section ends at {:#x}",
        header.size_of_image(),
        last.1
    );
    Ok(format!("aligned to {alignment:#x}"))
}
