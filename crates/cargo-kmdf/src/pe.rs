//! What several tasks read from PE images.

use anyhow::{Context, Result};
use object::LittleEndian;
use object::pe::ImageNtHeaders64;
use object::read::pe::{ImageThunkData, PeFile64};

/// One name that an image imports.
pub struct Import {
    /// The library that it is imported from.
    pub library: String,
    /// Its name, or `#` and its ordinal.
    pub name: String,
    /// The address, from the start of the image, of the pointer that the loader fills in.
    pub pointer: u32,
}

/// What an image imports.
pub fn imports(file: &PeFile64<'_>) -> Result<Vec<Import>> {
    let mut imports = Vec::new();
    let Some(table) = file.import_table()? else {
        return Ok(imports);
    };
    let mut libraries = table.descriptors()?;
    while let Some(library) = libraries.next()? {
        let name = table.name(library.name.get(LittleEndian))?;
        let name = String::from_utf8_lossy(name);
        let mut pointer = library.first_thunk.get(LittleEndian);
        let mut thunks = table.thunks(library.original_first_thunk.get(LittleEndian))?;
        while let Some(thunk) = thunks.next::<ImageNtHeaders64>()? {
            imports.push(Import {
                library: name.to_string(),
                name: if thunk.is_ordinal() {
                    format!("#{}", thunk.ordinal())
                } else {
                    let (_, name) = table.hint_name(thunk.address())?;
                    String::from_utf8_lossy(name).into_owned()
                },
                pointer,
            });
            pointer = pointer.saturating_add(8);
        }
    }
    Ok(imports)
}

/// The checksum that a PE file should carry: the sum of its 16-bit words without the checksum
/// itself, folded to 16 bits, and its length.
pub fn checksum(bytes: &[u8]) -> Result<u32> {
    let header = bytes.get(0x3C..0x40).context("it is cut off")?;
    let header = header.try_into().map(u32::from_le_bytes)? as usize;
    // The signature and the file header are 24 bytes, the checksum lies 64 bytes behind them.
    let field = header + 24 + 64;
    let mut sum = 0_u64;
    for (index, word) in bytes.chunks(2).enumerate() {
        let own = (field..field + 4).contains(&(index * 2));
        if !own {
            sum += u64::from(word[0]) | u64::from(*word.get(1).unwrap_or(&0)) << 8;
        }
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    Ok(u32::try_from(sum + bytes.len() as u64)?)
}
