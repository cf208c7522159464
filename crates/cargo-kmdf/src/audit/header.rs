//! Checks of the headers.

use super::image::Image;
use crate::pe;
use anyhow::{Context, Result, ensure};
use object::LittleEndian;
use object::pe::{
    IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT, IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR,
    IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, IMAGE_DIRECTORY_ENTRY_TLS,
    IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA,
    IMAGE_DLLCHARACTERISTICS_NX_COMPAT, IMAGE_FILE_EXECUTABLE_IMAGE, IMAGE_FILE_MACHINE_AMD64,
    IMAGE_SUBSYSTEM_NATIVE,
};
use object::read::pe::ImageOptionalHeader;

/// Windows 7 and Windows 10 as subsystem versions.
const OLDEST_SUBSYSTEM: (u16, u16) = (6, 1);
const FLOOR_SUBSYSTEM: (u16, u16) = (10, 0);

pub fn machine(image: &Image<'_>) -> Result<String> {
    let header = &image.headers().file_header;
    let machine = header.machine.get(LittleEndian);
    ensure!(
        machine == IMAGE_FILE_MACHINE_AMD64,
        "its machine is {machine:#x}, not x64"
    );
    let flags = header.characteristics.get(LittleEndian);
    ensure!(
        flags & IMAGE_FILE_EXECUTABLE_IMAGE != 0,
        "it is not marked as executable"
    );
    Ok("x64".to_owned())
}

pub fn subsystem(image: &Image<'_>) -> Result<String> {
    let header = image.optional_header();
    let subsystem = header.subsystem();
    ensure!(
        subsystem == IMAGE_SUBSYSTEM_NATIVE,
        "its subsystem is {subsystem}, not NATIVE: it was linked as a program"
    );
    let version = (
        header.major_subsystem_version(),
        header.minor_subsystem_version(),
    );
    let (major, minor) = version;
    ensure!(
        version <= FLOOR_SUBSYSTEM,
        "it asks for version {major}.{minor}, newer than the floor has"
    );
    ensure!(
        version >= OLDEST_SUBSYSTEM,
        "its subsystem version {major}.{minor} is from before Windows 7"
    );
    Ok(format!("NATIVE {major}.{minor}"))
}

pub fn checksum(image: &Image<'_>) -> Result<String> {
    let written = image.optional_header().check_sum();
    let right = pe::checksum(image.bytes)?;
    ensure!(
        written != 0,
        "there is none; the linker writes it with /RELEASE"
    );
    ensure!(
        written == right,
        "the header says {written:#x}, the file's is {right:#x}: it was changed after linking"
    );
    Ok(format!("{written:#x}"))
}

pub fn entry_point(image: &Image<'_>) -> Result<String> {
    let entry = image.optional_header().address_of_entry_point();
    ensure!(entry != 0, "there is none");
    let code = image.code()?;
    let section = code
        .iter()
        .find(|section| section.contains(entry))
        .with_context(|| format!("{entry:#x} lies in no section with code"))?;
    Ok(format!("{entry:#x} in {}", section.name))
}

pub fn mitigations(image: &Image<'_>) -> Result<String> {
    let flags = image.optional_header().dll_characteristics();
    let asked = [
        ("NX_COMPAT", IMAGE_DLLCHARACTERISTICS_NX_COMPAT),
        ("DYNAMIC_BASE", IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE),
        ("HIGH_ENTROPY_VA", IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA),
    ];
    for (name, flag) in asked {
        ensure!(flags & flag != 0, "{name} is not set");
    }
    Ok("all set".to_owned())
}

pub fn directories(image: &Image<'_>) -> Result<String> {
    let unwanted = [
        ("thread-local storage", IMAGE_DIRECTORY_ENTRY_TLS),
        ("bound imports", IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT),
        ("delayed imports", IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT),
        ("managed code", IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR),
    ];
    let directories = image.directories();
    for (name, index) in unwanted {
        let address = directories
            .get(index)
            .map_or(0, |directory| directory.virtual_address.get(LittleEndian));
        ensure!(address == 0, "it has {name}");
    }
    Ok("none of them".to_owned())
}
