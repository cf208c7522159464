//! A kernel image, read far enough for the checks.

use anyhow::{Context, Result};
use object::LittleEndian;
use object::pe::{ImageNtHeaders64, ImageOptionalHeader64, ImageSectionHeader};
use object::read::pe::{DataDirectories, ImageNtHeaders, PeFile64, SectionTable};

/// An image file and, where it was found, its PDB.
pub struct Image<'data> {
    pub bytes: &'data [u8],
    pub file: PeFile64<'data>,
    pub pdb: Option<Vec<u8>>,
    /// Imports that the driver's author has looked up: names, or names with their library.
    pub allowed_imports: Vec<String>,
}

/// A section as the header gives it.
pub struct Section<'data> {
    pub name: String,
    /// Where it begins in memory, from the start of the image.
    pub address: u32,
    /// Its size in memory.
    pub size: u32,
    pub flags: u32,
    /// Its bytes in the file, no more than its size in memory.
    pub bytes: &'data [u8],
}

impl Section<'_> {
    /// Whether all of the flags are set.
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    /// The first address behind it.
    pub fn end(&self) -> u32 {
        self.address.saturating_add(self.size)
    }

    pub fn contains(&self, address: u32) -> bool {
        (self.address..self.end()).contains(&address)
    }
}

impl<'data> Image<'data> {
    /// Reads the headers, and fails if the file ends before its sections do.
    pub fn parse(bytes: &'data [u8]) -> Result<Self> {
        let file = PeFile64::parse(bytes).context("its headers cannot be read")?;
        let image = Self {
            bytes,
            file,
            pdb: None,
            allowed_imports: Vec::new(),
        };
        image.sections()?;
        Ok(image)
    }

    pub fn headers(&self) -> &'data ImageNtHeaders64 {
        self.file.nt_headers()
    }

    pub fn optional_header(&self) -> &'data ImageOptionalHeader64 {
        self.headers().optional_header()
    }

    pub fn directories(&self) -> DataDirectories<'data> {
        self.file.data_directories()
    }

    pub fn section_table(&self) -> SectionTable<'data> {
        self.file.section_table()
    }

    pub fn sections(&self) -> Result<Vec<Section<'data>>> {
        let table = self.section_table();
        table.iter().map(|header| self.section(header)).collect()
    }

    fn section(&self, header: &ImageSectionHeader) -> Result<Section<'data>> {
        let name = String::from_utf8_lossy(header.raw_name()).into_owned();
        let size = header.virtual_size.get(LittleEndian);
        let start = header.pointer_to_raw_data.get(LittleEndian) as usize;
        let in_file = header.size_of_raw_data.get(LittleEndian).min(size) as usize;
        let bytes = if in_file == 0 {
            &[]
        } else {
            let range = start..start.saturating_add(in_file);
            self.bytes
                .get(range)
                .with_context(|| format!("the file ends before its section {name} does"))?
        };
        Ok(Section {
            name,
            address: header.virtual_address.get(LittleEndian),
            size,
            flags: header.characteristics.get(LittleEndian),
            bytes,
        })
    }

    /// The sections that hold code.
    pub fn code(&self) -> Result<Vec<Section<'data>>> {
        let mut sections = self.sections()?;
        sections.retain(|section| section.has(object::pe::IMAGE_SCN_MEM_EXECUTE));
        Ok(sections)
    }

    /// The bytes at an address in memory, up to the end of their section in the file.
    pub fn at(&self, address: u32) -> Result<&'data [u8]> {
        self.sections()?
            .into_iter()
            .find(|section| section.contains(address))
            .and_then(|section| section.bytes.get((address - section.address) as usize..))
            .with_context(|| format!("nothing lies at {address:#x}"))
    }

    /// The bytes of a data directory, if the image has it.
    pub fn directory(&self, index: usize) -> Result<Option<(u32, &'data [u8])>> {
        let directories = self.directories();
        let Some(directory) = directories.get(index) else {
            return Ok(None);
        };
        let (address, size) = directory.address_range();
        if address == 0 {
            return Ok(None);
        }
        let bytes = self.at(address)?;
        let bytes = bytes
            .get(..size as usize)
            .with_context(|| format!("a directory goes on past its section at {address:#x}"))?;
        Ok(Some((address, bytes)))
    }
}

/// The little-endian number at `offset`.
pub fn number_at(bytes: &[u8], offset: usize) -> Result<u32> {
    let field = bytes.get(offset..offset + 4).context("cut off")?;
    Ok(u32::from_le_bytes(field.try_into()?))
}

/// The little-endian half at `offset`.
pub fn half_at(bytes: &[u8], offset: usize) -> Result<u16> {
    let field = bytes.get(offset..offset + 2).context("cut off")?;
    Ok(u16::from_le_bytes(field.try_into()?))
}
