//! A tiny kernel image and its PDB, made here so that tests can break them one way at a time.

use crate::pe::checksum;
use object::pe;

/// Where the parts lie in memory. `.reloc` stays last.
pub const TEXT: u32 = 0x1000;
pub const RDATA: u32 = 0x2000;
pub const DATA: u32 = 0x3000;
pub const PDATA: u32 = 0x4000;
pub const INIT: u32 = 0x5000;
const RESOURCES: u32 = 0x6000;
const RELOCATIONS: u32 = 0x7000;
/// Where the parts of `.rdata` lie.
const IMPORTS: u32 = RDATA;
const DEBUG: u32 = RDATA + 0x400;
pub const UNWIND: u32 = RDATA + 0x600;
pub const FREE: u32 = RDATA + 0x800;
const CONTEXT_NAME: u32 = RDATA + 0xF00;
/// Where the context type lies in `.data`, behind an address of code.
pub const CONTEXT_TYPE: u32 = DATA + 16;
pub const BASE: u64 = 0x1_4000_0000;
const HEADERS_SIZE: usize = 0x400;
const DOS_HEADER_SIZE: usize = 0x80;
const GUID: [u8; 16] = *b"0123456789abcdef";

const READ: u32 = pe::IMAGE_SCN_MEM_READ;
const DATA_FLAGS: u32 = pe::IMAGE_SCN_CNT_INITIALIZED_DATA | READ;
const CODE_FLAGS: u32 = pe::IMAGE_SCN_CNT_CODE | pe::IMAGE_SCN_MEM_EXECUTE | READ;

/// A function with a frame of 40 bytes that calls another and returns; then one without a frame.
pub const CODE: [u8; 15] = [
    0x48, 0x83, 0xEC, 0x28, // sub rsp, 40
    0xE8, 0x05, 0x00, 0x00, 0x00, // call the next function
    0x48, 0x83, 0xC4, 0x28, // add rsp, 40
    0xC3, 0xCC, // ret, padding
];
/// `xor eax, eax; ret`
const LEAF: [u8; 3] = [0x31, 0xC0, 0xC3];
/// Unwind information of a frame of 40 bytes, allocated by an instruction of 4 bytes.
const SMALL_FRAME: [u8; 8] = [1, 4, 1, 0, 4, 0x42, 0, 0];

pub struct Section {
    pub name: &'static str,
    pub address: u32,
    pub flags: u32,
    pub bytes: Vec<u8>,
}

/// What an image is made of. As it comes from [`Sample::new`], it passes every check.
pub struct Sample {
    pub machine: u16,
    pub file_flags: u16,
    pub subsystem: u16,
    pub subsystem_version: (u16, u16),
    pub flags: u16,
    pub entry: u32,
    pub alignment: u32,
    pub sections: Vec<Section>,
    pub directories: [(u32, u32); 16],
    pub pdb: Option<Vec<u8>>,
}

impl Sample {
    pub fn new() -> Self {
        let text = [CODE.as_slice(), &LEAF].concat();
        let addresses = [0, CONTEXT_TYPE + 8 - DATA, CONTEXT_TYPE + 24 - DATA];
        let relocation = relocation_block(DATA, addresses);
        let version = version_resource();
        let mut sample = Self {
            machine: pe::IMAGE_FILE_MACHINE_AMD64,
            file_flags: pe::IMAGE_FILE_EXECUTABLE_IMAGE,
            subsystem: pe::IMAGE_SUBSYSTEM_NATIVE,
            subsystem_version: (10, 0),
            flags: pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT
                | pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
                | pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA,
            entry: INIT,
            alignment: 0x1000,
            sections: vec![
                section(".text", TEXT, CODE_FLAGS, text),
                section(".rdata", RDATA, DATA_FLAGS, vec![0; 0x1000]),
                section(
                    ".data",
                    DATA,
                    DATA_FLAGS | pe::IMAGE_SCN_MEM_WRITE,
                    (BASE + u64::from(TEXT)).to_le_bytes().to_vec(),
                ),
                section(
                    ".pdata",
                    PDATA,
                    DATA_FLAGS,
                    numbers(&[TEXT, TEXT + 14, UNWIND]),
                ),
                section(
                    "INIT",
                    INIT,
                    CODE_FLAGS | pe::IMAGE_SCN_MEM_DISCARDABLE,
                    LEAF.to_vec(),
                ),
                section(".rsrc", RESOURCES, DATA_FLAGS, version),
                section(
                    ".reloc",
                    RELOCATIONS,
                    DATA_FLAGS | pe::IMAGE_SCN_MEM_DISCARDABLE,
                    relocation,
                ),
            ],
            directories: [(0, 0); 16],
            pdb: Some(pdb(GUID, &["wdfmem::unload"])),
        };
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION] = (PDATA, 12);
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_RESOURCE] =
            (RESOURCES, sample.section(".rsrc").bytes.len() as u32);
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_BASERELOC] = (RELOCATIONS, 16);
        sample.write(CONTEXT_TYPE, &context_type(CONTEXT_TYPE));
        sample.write(CONTEXT_NAME, b"State\0");
        sample.write(UNWIND, &SMALL_FRAME);
        sample.import("ntoskrnl.exe", "DbgPrint");
        sample.name_pdb("wdfmem.pdb");
        sample
    }

    pub fn section(&mut self, name: &str) -> &mut Section {
        let mut sections = self.sections.iter_mut();
        sections.find(|section| section.name == name).unwrap()
    }

    /// Writes bytes at an address, as far as the section is there.
    pub fn write(&mut self, address: u32, bytes: &[u8]) {
        let mut sections = self.sections.iter_mut().rev();
        let section = sections.find(|section| section.address <= address).unwrap();
        let start = (address - section.address) as usize;
        let end = start + bytes.len();
        section.bytes.resize(section.bytes.len().max(end), 0);
        section.bytes[start..end].copy_from_slice(bytes);
    }

    /// Adds three functions that call one another, each with a frame of 4,000 bytes.
    pub fn add_chain_of_calls(&mut self) {
        const STEP: u32 = 16;
        let (first, frame) = (TEXT + 0x20, UNWIND + 16);
        // A large allocation of 500 times 8 bytes.
        self.write(frame, &[1, 4, 2, 0, 4, 0x01, 0xF4, 0x01]);
        for index in 0..3 {
            let start = first + index * STEP;
            // call the next function, or nop; ret
            let call = [0xE8, 11, 0, 0, 0, 0xC3];
            let last = [0x90, 0x90, 0x90, 0x90, 0x90, 0xC3];
            self.write(start, if index < 2 { &call } else { &last });
            self.write(
                PDATA + 12 * (index + 1),
                &numbers(&[start, start + 6, frame]),
            );
        }
        self.directories[pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION].1 = 48;
    }

    /// Replaces the only import.
    pub fn import(&mut self, library: &str, name: &str) {
        let (thunks, addresses) = (IMPORTS + 0x40, IMPORTS + 0x60);
        let (hint_name, library_name) = (IMPORTS + 0x80, IMPORTS + 0xC0);
        self.write(IMPORTS, &[0; 0x100]);
        self.write(IMPORTS, &numbers(&[thunks, 0, 0, library_name, addresses]));
        self.write(thunks, &numbers(&[hint_name]));
        self.write(addresses, &numbers(&[hint_name]));
        self.write(hint_name + 2, name.as_bytes());
        self.write(library_name, library.as_bytes());
        self.directories[pe::IMAGE_DIRECTORY_ENTRY_IMPORT] = (IMPORTS, 40);
    }

    /// Puts the name of a PDB into the debug directory.
    pub fn name_pdb(&mut self, name: &str) {
        let record = DEBUG + 28;
        let bytes = [
            b"RSDS".as_slice(),
            &GUID,
            &numbers(&[1]),
            name.as_bytes(),
            &[0],
        ]
        .concat();
        self.write(record, &bytes);
        let size = bytes.len() as u32;
        let kind = pe::IMAGE_DEBUG_TYPE_CODEVIEW;
        self.write(DEBUG, &numbers(&[0, 0, 0, kind, size, record, 0]));
        self.directories[pe::IMAGE_DIRECTORY_ENTRY_DEBUG] = (DEBUG, 28);
    }

    /// Gives the image a PDB with these functions.
    pub fn name_functions(&mut self, functions: &[&str]) {
        self.pdb = Some(pdb(GUID, functions));
    }

    /// Gives the image the PDB of another.
    pub fn mistake_pdb(&mut self) {
        self.pdb = Some(pdb([7; 16], &[]));
    }

    /// The file, with its checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.headers();
        bytes.resize(HEADERS_SIZE, 0);
        for section in &self.sections {
            bytes.extend(&section.bytes);
            bytes.resize(bytes.len().next_multiple_of(0x200), 0);
        }
        // The debug directory has an address in the file too.
        let text = self.sections[0].bytes.len().next_multiple_of(0x200);
        let directory = HEADERS_SIZE + text + (DEBUG - RDATA) as usize;
        let record = (directory as u32 + 28).to_le_bytes();
        bytes[directory + 24..directory + 28].copy_from_slice(&record);
        let offset = DOS_HEADER_SIZE + 4 + 20 + 64;
        let checksum = checksum(&bytes).unwrap();
        bytes[offset..offset + 4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn headers(&self) -> Vec<u8> {
        let mut bytes = b"MZ".to_vec();
        bytes.resize(0x3C, 0);
        bytes.extend(numbers(&[DOS_HEADER_SIZE as u32]));
        bytes.resize(DOS_HEADER_SIZE, 0);
        bytes.extend(b"PE\0\0");
        bytes.extend(halves(&[self.machine, self.sections.len() as u16]));
        bytes.extend(numbers(&[0, 0, 0]));
        bytes.extend(halves(&[0xF0, self.file_flags]));
        bytes.extend(self.optional_header());
        let mut position = HEADERS_SIZE as u32;
        for section in &self.sections {
            let size = section.bytes.len() as u32;
            let in_file = size.next_multiple_of(0x200);
            let mut name = section.name.as_bytes().to_vec();
            name.resize(8, 0);
            bytes.extend(name);
            bytes.extend(numbers(&[size, section.address, in_file, position]));
            bytes.extend(numbers(&[0, 0, 0, section.flags]));
            position += in_file;
        }
        bytes
    }

    fn optional_header(&self) -> Vec<u8> {
        let last = self.sections.last().unwrap();
        let size = (last.address + last.bytes.len() as u32).next_multiple_of(0x1000);
        let mut bytes = halves(&[pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC, 0]);
        bytes.extend(numbers(&[0, 0, 0, self.entry, TEXT]));
        bytes.extend(BASE.to_le_bytes());
        bytes.extend(numbers(&[self.alignment, 0x200]));
        let (major, minor) = self.subsystem_version;
        bytes.extend(halves(&[10, 0, 0, 1, major, minor, 0, 0]));
        bytes.extend(numbers(&[size, HEADERS_SIZE as u32, 0]));
        bytes.extend(halves(&[self.subsystem, self.flags]));
        bytes.extend([0; 32]);
        bytes.extend(numbers(&[0, 16]));
        for (address, size) in self.directories {
            bytes.extend(numbers(&[address, size]));
        }
        bytes
    }
}

fn section(name: &'static str, address: u32, flags: u32, bytes: Vec<u8>) -> Section {
    Section {
        name,
        address,
        flags,
        bytes,
    }
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn halves(halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}

/// A block with the relocations of 64-bit addresses in a page, and one of padding.
pub fn relocation_block(page: u32, offsets: [u32; 3]) -> Vec<u8> {
    let addresses = offsets.map(|offset| pe::IMAGE_REL_BASED_DIR64 << 12 | offset as u16);
    [numbers(&[page, 16]), halves(&addresses), halves(&[0])].concat()
}

/// A `WDF_OBJECT_CONTEXT_TYPE_INFO` that lies at an address.
pub fn context_type(address: u32) -> Vec<u8> {
    let name = BASE + u64::from(CONTEXT_NAME);
    let fields = [40, name, 24, BASE + u64::from(address), 0];
    fields.into_iter().flat_map(u64::to_le_bytes).collect()
}

/// A tree of one version resource: type, name and language, then its place, then itself.
fn version_resource() -> Vec<u8> {
    const LEVEL: u32 = 24;
    const SUBDIRECTORY: u32 = 0x8000_0000;
    const VERSION: u32 = 16;
    const ENGLISH: u32 = 0x409;
    let level =
        |id: u32, to: u32| [numbers(&[0, 0, 0]), halves(&[0, 1]), numbers(&[id, to])].concat();
    let place = 3 * LEVEL;
    let data = place + 16;
    let mut resource = vec![0; 40];
    resource.extend(numbers(&[0xFEEF_04BD, 0x1_0000, 1, 2, 1, 2, 0x3F, 0]));
    resource.extend(numbers(&[0x4_0004, 3, 7, 0, 0]));
    [
        level(VERSION, SUBDIRECTORY | LEVEL),
        level(1, SUBDIRECTORY | (2 * LEVEL)),
        level(ENGLISH, place),
        numbers(&[RESOURCES + data, resource.len() as u32, 0, 0]),
        resource,
    ]
    .concat()
}

/// A PDB with public functions: a file of pages, in which a directory says where the streams lie.
fn pdb(guid: [u8; 16], functions: &[&str]) -> Vec<u8> {
    const PAGE: usize = 0x1000;
    const MAGIC: &[u8] = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0";
    let mut information = numbers(&[20_000_404, 0, 1]);
    // The parts of the GUID are stored as numbers, in the order in which the image has them.
    information.extend(guid);
    information.extend(numbers(&[0, 0, 0, 0, 0]));
    let symbols: Vec<u8> = functions
        .iter()
        .flat_map(|name| public_symbol(name))
        .collect();
    let streams = [Vec::new(), information, Vec::new(), debug_header(), symbols];

    // The header, the two free page maps, the directory's own page list, the directory.
    let (list_page, directory_page, first_page) = (3, 4, 5);
    let mut directory = numbers(&[streams.len() as u32]);
    directory.extend(
        streams
            .iter()
            .flat_map(|stream| (stream.len() as u32).to_le_bytes()),
    );
    let mut pages = Vec::new();
    for stream in &streams {
        for page in stream.chunks(PAGE) {
            directory.extend(numbers(&[(first_page + pages.len()) as u32]));
            pages.push(page);
        }
    }
    let mut file = MAGIC.to_vec();
    let count = first_page + pages.len();
    file.extend(numbers(&[
        PAGE as u32,
        1,
        count as u32,
        directory.len() as u32,
        0,
    ]));
    file.extend(numbers(&[list_page]));
    file.resize(PAGE * list_page as usize, 0);
    file.extend(numbers(&[directory_page]));
    file.resize(PAGE * directory_page as usize, 0);
    file.extend(directory);
    for page in pages {
        file.resize(file.len().next_multiple_of(PAGE), 0);
        file.extend(page);
    }
    file.resize(file.len().next_multiple_of(PAGE), 0);
    file
}

/// The header of the stream of debug information: no modules, symbols in stream 4.
fn debug_header() -> Vec<u8> {
    const NONE: u16 = 0xFFFF;
    const VERSION_70: u32 = 19_990_903;
    const SYMBOLS: u16 = 4;
    let mut header = numbers(&[u32::MAX, VERSION_70, 1]);
    header.extend(halves(&[NONE, 0, NONE, 0, SYMBOLS, 0]));
    header.extend(numbers(&[0, 0, 0, 0, 0, 0, 0, 0]));
    header.extend(halves(&[0, pe::IMAGE_FILE_MACHINE_AMD64]));
    header.extend(numbers(&[0]));
    header
}

/// The record of a public function.
fn public_symbol(name: &str) -> Vec<u8> {
    const PUBLIC: u16 = 0x110E;
    const FUNCTION: u32 = 2;
    let mut record = halves(&[PUBLIC]);
    record.extend(numbers(&[FUNCTION, 0]));
    record.extend(halves(&[1]));
    record.extend(name.as_bytes());
    record.push(0);
    while record.len() % 4 != 2 {
        record.push(0);
    }
    [halves(&[record.len() as u16]), record].concat()
}
