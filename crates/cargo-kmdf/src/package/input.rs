//! What a package is made from: PE files that must be whole and of the right kind before a signature
//! covers them.

use crate::pe::checksum;
use anyhow::{Context, Result, anyhow, ensure};
use object::LittleEndian;
use object::pe::{IMAGE_FILE_MACHINE_AMD64, IMAGE_SUBSYSTEM_NATIVE, IMAGE_SUBSYSTEM_WINDOWS_CUI};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile64};
use std::fmt::Display;
use std::fs;
use std::path::Path;

/// What an image runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsystem {
    /// IMAGE_SUBSYSTEM_NATIVE: a kernel image.
    Native,
    /// IMAGE_SUBSYSTEM_WINDOWS_CUI: a console program.
    Console,
}

/// Reads what `cargo kmdf build` made, and refuses what is damaged before a signature covers it.
pub fn read(folder: &Path, name: &str, subsystem: Subsystem) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let refused = |what: &str, why: &dyn Display| {
        let path = path.display();
        anyhow!("{path} {what} ({why}): run `cargo kmdf build`, then this again")
    };
    let bytes = fs::read(&path).map_err(|error| refused("cannot be read", &error))?;
    check(&bytes, subsystem).map_err(|error| refused("is damaged", &format_args!("{error:#}")))?;
    Ok(bytes)
}

/// Checks machine and subsystem, that every section is there, and a kernel image's checksum, which
/// signing would make good again whatever the image had become.
fn check(bytes: &[u8], subsystem: Subsystem) -> Result<()> {
    let image = PeFile64::parse(bytes).context("it is no 64-bit PE file")?;
    let headers = image.nt_headers();
    let machine = headers.file_header.machine.get(LittleEndian);
    ensure!(machine == IMAGE_FILE_MACHINE_AMD64, "it is not for amd64");
    let expected = match subsystem {
        Subsystem::Native => IMAGE_SUBSYSTEM_NATIVE,
        Subsystem::Console => IMAGE_SUBSYSTEM_WINDOWS_CUI,
    };
    let found = headers.optional_header().subsystem();
    ensure!(
        found == expected,
        "its subsystem is {found}, not {expected}"
    );
    for section in image.section_table().iter() {
        let (start, length) = section.pe_file_range();
        let end = u64::from(start) + u64::from(length);
        ensure!(end <= bytes.len() as u64, "it is cut off");
    }
    if subsystem == Subsystem::Native {
        let stored = headers.optional_header().check_sum();
        let real = checksum(bytes)?;
        ensure!(
            stored == real,
            "its checksum is {stored:#x}, and its bytes give {real:#x}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::sample::{client, image};

    #[test]
    fn a_whole_image_of_the_right_kind_is_taken() {
        check(&image(&[0xC3; 700]), Subsystem::Native).unwrap();
        check(&client(), Subsystem::Console).unwrap();
    }

    #[test]
    fn the_wrong_kind_and_every_damaged_byte_are_refused() {
        assert!(check(&client(), Subsystem::Native).is_err());
        assert!(check(&image(b"code"), Subsystem::Console).is_err());
        let good = image(b"code");
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            assert!(check(&bad, Subsystem::Native).is_err(), "{place:#x}");
        }
        for end in [0, 1, 0x3F, 0x40, 0x100, good.len() - 1] {
            assert!(check(&good[..end], Subsystem::Native).is_err(), "{end:#x}");
        }
    }
}
