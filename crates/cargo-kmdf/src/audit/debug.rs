//! The PDB of an image: its name, whether it belongs to it, and the functions that it names.

use super::image::Image;
use anyhow::{Context, Result, ensure};
use object::{CodeView, Object};
use pdb2::{FallibleIterator, PDB, SymbolData, SymbolIter};
use std::collections::BTreeMap;
use std::io::Cursor;

pub fn pdb(image: &Image<'_>) -> Result<String> {
    let record = record(image)?;
    let name = name(&record);
    let bytes = image
        .pdb
        .as_deref()
        .with_context(|| format!("{name} does not lie beside the image"))?;
    let mut pdb =
        PDB::open(Cursor::new(bytes)).with_context(|| format!("{name} cannot be read"))?;
    let information = pdb.pdb_information()?;
    ensure!(
        information.guid.to_bytes_le() == record.guid(),
        "{name} belongs to another image"
    );
    // Tools that add to a PDB count its age up, in both places or in this one.
    ensure!(
        information.age >= record.age(),
        "{name} is older than the image"
    );
    Ok(format!(
        "{name}, {} names of functions",
        functions(&mut pdb)?.len()
    ))
}

/// The name of the PDB, as the image gives it.
pub fn pdb_name(image: &Image<'_>) -> Result<String> {
    record(image).map(|record| name(&record))
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
    // Functions that are private to a module are in that module's symbols only.
    let information = pdb.debug_information().context("the PDB has no modules")?;
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

/// The functions that the PDB names, by their addresses; none without a PDB.
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

/// What the debug directory says of the PDB.
fn record<'a>(image: &'a Image<'_>) -> Result<CodeView<'a>> {
    let record = image
        .file
        .pdb_info()
        .context("the debug directory cannot be read")?;
    record.context("the debug directory names no PDB")
}

fn name(record: &CodeView<'_>) -> String {
    String::from_utf8_lossy(record.path()).into_owned()
}
