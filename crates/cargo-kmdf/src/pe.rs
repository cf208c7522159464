//! What several tasks read from PE images.

use anyhow::Result;
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
