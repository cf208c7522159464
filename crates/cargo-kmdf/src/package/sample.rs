//! A kernel image made on the spot, so that tests need no toolchain.

use crate::pe::checksum;
use object::pe;
use object::write::pe::{NtHeaders, Writer};

/// A kernel image with one section of code and a right checksum.
pub fn image(code: &[u8]) -> Vec<u8> {
    file(code, pe::IMAGE_SUBSYSTEM_NATIVE)
}

/// Makes the smallest console program that the package takes.
pub fn client() -> Vec<u8> {
    file(&[0xC3], pe::IMAGE_SUBSYSTEM_WINDOWS_CUI)
}

fn file(code: &[u8], subsystem: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(true, 0x1000, 0x200, &mut bytes);
    writer.reserve_dos_header();
    writer.reserve_nt_headers(pe::IMAGE_NUMBEROF_DIRECTORY_ENTRIES);
    writer.reserve_section_headers(1);
    let text = writer.reserve_text_section(code.len() as u32);
    writer.write_empty_dos_header().unwrap();
    writer.write_nt_headers(NtHeaders {
        machine: pe::IMAGE_FILE_MACHINE_AMD64,
        time_date_stamp: 0,
        characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_LARGE_ADDRESS_AWARE,
        major_linker_version: 14,
        minor_linker_version: 0,
        address_of_entry_point: text.virtual_address,
        image_base: 0x1_4000_0000,
        major_operating_system_version: 10,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 10,
        minor_subsystem_version: 0,
        subsystem,
        dll_characteristics: pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        size_of_stack_reserve: 0x10_0000,
        size_of_stack_commit: 0x1000,
        size_of_heap_reserve: 0x10_0000,
        size_of_heap_commit: 0x1000,
    });
    writer.write_section_headers();
    writer.write_section(text.file_offset, code);
    let sum = checksum(&bytes).unwrap().to_le_bytes();
    let header = usize::from(bytes[0x3C]) + 24 + 64;
    bytes[header..header + 4].copy_from_slice(&sum);
    bytes
}
