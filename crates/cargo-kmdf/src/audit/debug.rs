//! The PDB of an image: its name, whether it belongs to it, and the functions that it tells of.

use super::image::{Image, number_at};
use anyhow::{Context, Result, ensure};
use object::pe::{IMAGE_DEBUG_TYPE_CODEVIEW, IMAGE_DIRECTORY_ENTRY_DEBUG};
use pdb2::{FallibleIterator, PDB, SymbolData, SymbolIter};
use std::collections::BTreeMap;
use std::io::Cursor;

/// Bytes of an entry of the debug directory.
const ENTRY_SIZE: usize = 28;

/// What an image says of its PDB.
struct Record<'data> {
    guid: &'data [u8],
    age: u32,
    name: String,
}

pub fn pdb(image: &Image<'_>) -> Result<String> {
    let record = record(image)?;
    let name = &record.name;
    let bytes = image
        .pdb
        .as_deref()
        .with_context(|| format!("{name} does not lie beside the image"))?;
    let mut pdb =
        PDB::open(Cursor::new(bytes)).with_context(|| format!("{name} cannot be read"))?;
    let information = pdb.pdb_information()?;
    ensure!(
        information.guid.to_bytes_le() == record.guid,
        "{name} belongs to another image"
    );
    // Tools that add to a PDB count its age up, in both places or in this one.
    ensure!(
        information.age >= record.age,
        "{name} is older than the image"
    );
    Ok(format!(
        "{name}, {} names of functions",
        functions(&mut pdb)?.len()
    ))
}

/// The name of the PDB, as the image gives it.
pub fn pdb_name(image: &Image<'_>) -> Result<String> {
    Ok(record(image)?.name)
}

/// The names of the functions in the image, some of them mangled; none without a PDB.
pub fn symbols(image: &Image<'_>) -> Result<Vec<String>> {
    let Some(bytes) = image.pdb.as_deref() else {
        return Ok(Vec::new());
    };
    let mut pdb = PDB::open(Cursor::new(bytes)).context("the PDB cannot be read")?;
    functions(&mut pdb)
}

fn functions<'data>(pdb: &mut PDB<'data, Cursor<&'data [u8]>>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    // Functions that no other part of the program could call are in the part's own symbols only.
    let information = pdb
        .debug_information()
        .context("the PDB tells of no parts")?;
    let mut modules = information.modules()?;
    while let Some(module) = modules.next()? {
        if let Some(module) = pdb.module_info(&module)? {
            take_names(module.symbols()?, &mut names)?;
        }
    }
    let table = pdb.global_symbols().context("the PDB has no symbols")?;
    take_names(table.iter(), &mut names)?;
    Ok(names)
}

fn take_names(mut symbols: SymbolIter<'_>, names: &mut Vec<String>) -> Result<()> {
    while let Some(symbol) = symbols.next()? {
        // Kinds that the crate does not know are no functions.
        let name = match symbol.parse() {
            Ok(SymbolData::Public(public)) if public.function => public.name,
            Ok(SymbolData::Procedure(procedure)) => procedure.name,
            _ => continue,
        };
        names.push(name.to_string().into_owned());
    }
    Ok(())
}

/// The functions that the PDB tells of, by their addresses; none without a PDB.
pub fn functions_by_address(image: &Image<'_>) -> Result<BTreeMap<u32, String>> {
    let mut names = BTreeMap::new();
    let Some(bytes) = image.pdb.as_deref() else {
        return Ok(names);
    };
    let mut pdb = PDB::open(Cursor::new(bytes)).context("the PDB cannot be read")?;
    let Ok(addresses) = pdb.address_map() else {
        return Ok(names);
    };
    let information = pdb.debug_information()?;
    let mut modules = information.modules()?;
    while let Some(module) = modules.next()? {
        let Some(module) = pdb.module_info(&module)? else {
            continue;
        };
        let mut symbols = module.symbols()?;
        while let Some(symbol) = symbols.next()? {
            if let Ok(SymbolData::Procedure(procedure)) = symbol.parse()
                && let Some(address) = procedure.offset.to_rva(&addresses)
            {
                names.insert(address.0, procedure.name.to_string().into_owned());
            }
        }
    }
    Ok(names)
}

/// Reads what the debug directory says of the PDB.
fn record<'data>(image: &Image<'data>) -> Result<Record<'data>> {
    const SIGNATURE: &[u8] = b"RSDS";
    let directory = image.directory(IMAGE_DIRECTORY_ENTRY_DEBUG)?;
    let (_, entries) = directory.context("there is no debug directory")?;
    let mut entries = entries.chunks_exact(ENTRY_SIZE);
    let entry = entries
        .find(|entry| number_at(entry, 12).ok() == Some(IMAGE_DEBUG_TYPE_CODEVIEW))
        .context("the debug directory names no PDB")?;
    let (size, address) = (number_at(entry, 16)?, number_at(entry, 20)?);
    let bytes = image.at(address)?;
    let bytes = bytes
        .get(..size as usize)
        .and_then(|bytes| bytes.strip_prefix(SIGNATURE))
        .context("the name of the PDB cannot be read")?;
    let (guid, rest) = bytes
        .split_at_checked(16)
        .context("the name of the PDB is cut off")?;
    let age = number_at(rest, 0)?;
    let name = rest[4..].split(|&byte| byte == 0).next();
    let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    Ok(Record { guid, age, name })
}
