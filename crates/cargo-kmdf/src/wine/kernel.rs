//! What Wine's kernel has of what an image imports: a function, a stub that ends the driver, or nothing.

use anyhow::{Context, Result};
use object::read::pe::PeFile64;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How a name that an image imports ends in this Wine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// The module exports and implements the function.
    Function,
    /// Exported, but a call of it ends the process.
    Stub,
    /// Not exported: the image does not load, or ends at the call.
    Absent,
}

/// What a library of Wine exports, by name: functions, and stubs that end the process.
pub struct Exports(BTreeMap<String, Support>);

impl Exports {
    /// Reads a library of a prefix.
    pub fn read(library: &Path) -> Result<Self> {
        let bytes =
            fs::read(library).with_context(|| format!("{} cannot be read", library.display()))?;
        Self::parse(&bytes).with_context(|| format!("{} is no library of Wine", library.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let file = PeFile64::parse(bytes)?;
        let sections = file.section_table();
        let table = file
            .data_directories()
            .export_table(bytes, &sections)?
            .context("it exports nothing")?;
        let mut names = BTreeMap::new();
        for (name, index) in table.name_iter() {
            let name = String::from_utf8_lossy(table.name_from_pointer(name)?).into_owned();
            let address = table.address_by_index(index.into())?;
            let code = sections.pe_data_at(bytes, address).unwrap_or_default();
            let support = if is_stub(code) {
                Support::Stub
            } else {
                Support::Function
            };
            names.insert(name, support);
        }
        Ok(Self(names))
    }

    /// What the library has under a name.
    pub fn support(&self, name: &str) -> Support {
        self.0.get(name).copied().unwrap_or(Support::Absent)
    }
}

/// Whether code is what Wine generates for a name without a function: it reserves its stack space,
/// loads the addresses of two names, and calls the function that raises the exception.
fn is_stub(code: &[u8]) -> bool {
    const LOAD_LENGTH: usize = 7;
    const START: [u8; 4] = [0x48, 0x83, 0xEC, 0x28];
    const LOAD_FIRST: [u8; 3] = [0x48, 0x8D, 0x0D];
    const LOAD_SECOND: [u8; 3] = [0x48, 0x8D, 0x15];
    const CALL: u8 = 0xE8;
    code.strip_prefix(&START).is_some_and(|code| {
        code.starts_with(&LOAD_FIRST)
            && code[LOAD_LENGTH.min(code.len())..].starts_with(&LOAD_SECOND)
            && code.get(2 * LOAD_LENGTH) == Some(&CALL)
    })
}

#[cfg(test)]
mod tests {
    use super::is_stub;

    #[test]
    fn a_stub_is_told_from_a_function_that_begins_alike() {
        let mut stub = vec![0x48, 0x83, 0xEC, 0x28];
        stub.extend([0x48, 0x8D, 0x0D, 1, 2, 3, 4]);
        stub.extend([0x48, 0x8D, 0x15, 1, 2, 3, 4]);
        stub.extend([0xE8, 1, 2, 3, 4, 0x90]);
        assert!(is_stub(&stub));
        stub[11] = 0x49;
        assert!(!is_stub(&stub));
        assert!(!is_stub(&stub[..6]));
        assert!(!is_stub(&[]));
    }
}
