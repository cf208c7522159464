//! What several tasks read from PE images.

use anyhow::Result;
use object::LittleEndian;
use object::pe::ImageNtHeaders64;
use object::read::pe::{ImageThunkData, PeFile64};

/// The names that an image imports, by the library that it imports them from.
pub fn imports(file: &PeFile64<'_>) -> Result<Vec<(String, Vec<String>)>> {
    let mut imports = Vec::new();
    let Some(table) = file.import_table()? else {
        return Ok(imports);
    };
    let mut libraries = table.descriptors()?;
    while let Some(library) = libraries.next()? {
        let name = table.name(library.name.get(LittleEndian))?;
        let mut names = Vec::new();
        let mut thunks = table.thunks(library.original_first_thunk.get(LittleEndian))?;
        while let Some(thunk) = thunks.next::<ImageNtHeaders64>()? {
            names.push(if thunk.is_ordinal() {
                format!("#{}", thunk.ordinal())
            } else {
                let (_, name) = table.hint_name(thunk.address())?;
                String::from_utf8_lossy(name).into_owned()
            });
        }
        imports.push((String::from_utf8_lossy(name).into_owned(), names));
    }
    Ok(imports)
}
