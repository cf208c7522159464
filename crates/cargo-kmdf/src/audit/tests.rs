//! Every check, with an image that passes it and one that does not.

use super::image::Image;
use super::sample::{self, Sample, Section};
use super::{CHECKS, examine};
use crate::process::is_built_elsewhere;
use crate::toolchain::{Choice, Target, Toolchain};
use object::pe;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The checks that the image does not pass, with what they say.
fn broken(sample: &Sample) -> Vec<(&'static str, String)> {
    broken_bytes(&sample.to_bytes(), sample.pdb.clone())
}

fn broken_bytes(bytes: &[u8], pdb: Option<Vec<u8>>) -> Vec<(&'static str, String)> {
    let image = Image::parse(bytes).unwrap();
    let findings = examine(&Image { pdb, ..image });
    findings
        .into_iter()
        .filter(|finding| !finding.ok)
        .map(|finding| (finding.check, finding.found))
        .collect()
}

/// An image that one check refuses: the check, a part of what it says, and how it was broken.
type Case = (&'static str, &'static str, fn(&mut Sample));

const CASES: [Case; 51] = [
    ("machine", "0x14c, not x64", |sample| {
        sample.machine = pe::IMAGE_FILE_MACHINE_I386;
    }),
    ("machine", "not marked as executable", |sample| {
        sample.file_flags = 0;
    }),
    ("subsystem", "3, not NATIVE", |sample| {
        sample.subsystem = pe::IMAGE_SUBSYSTEM_WINDOWS_CUI;
    }),
    ("subsystem", "newer than the floor", |sample| {
        sample.subsystem_version = (10, 1);
    }),
    ("subsystem", "before Windows 7", |sample| {
        sample.subsystem_version = (4, 0);
    }),
    ("entry-point", "there is none", |sample| sample.entry = 0),
    ("entry-point", "no section with code", |sample| {
        sample.entry = sample::DATA;
    }),
    ("mitigations", "NX_COMPAT", |sample| {
        sample.flags &= !pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT;
    }),
    ("mitigations", "DYNAMIC_BASE", |sample| {
        sample.flags &= !pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE;
    }),
    ("mitigations", "HIGH_ENTROPY_VA", |sample| {
        sample.flags &= !pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA;
    }),
    ("directories", "thread-local storage", |sample| {
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_TLS] = (sample::FREE, 40);
    }),
    ("directories", "delayed imports", |sample| {
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT] = (sample::FREE, 32);
    }),
    ("section-flags", ".rdata has no flags at all", |sample| {
        sample.section(".rdata").flags = 0;
    }),
    (
        "section-flags",
        "INIT is writable and executable",
        |sample| {
            sample.section("INIT").flags |= pe::IMAGE_SCN_MEM_WRITE;
        },
    ),
    ("section-flags", ".data is not readable", |sample| {
        sample.section(".data").flags &= !pe::IMAGE_SCN_MEM_READ;
    }),
    ("section-flags", "neither code nor data", |sample| {
        sample.section(".data").flags &= !pe::IMAGE_SCN_CNT_INITIALIZED_DATA;
    }),
    ("section-flags", "executable without being code", |sample| {
        let flags = &mut sample.section("INIT").flags;
        *flags ^= pe::IMAGE_SCN_CNT_CODE | pe::IMAGE_SCN_CNT_INITIALIZED_DATA;
    }),
    ("discardable", "INIT stays in memory", |sample| {
        sample.section("INIT").flags &= !pe::IMAGE_SCN_MEM_DISCARDABLE;
    }),
    ("discardable", ".text is freed", |sample| {
        sample.section(".text").flags |= pe::IMAGE_SCN_MEM_DISCARDABLE;
    }),
    ("alignment", "0x200, not to pages", |sample| {
        sample.alignment = 0x200
    }),
    (
        "alignment",
        "INIT begins at 0x5010, in the middle",
        |sample| {
            sample.section("INIT").address += 0x10;
            sample.entry += 0x10;
        },
    ),
    ("alignment", "MORE begins before .reloc ends", |sample| {
        let last = sample.sections.last().unwrap();
        let (address, flags) = (last.address, sample.sections[1].flags);
        sample.sections.push(Section {
            name: "MORE",
            address,
            flags,
            bytes: vec![0; 4],
        });
    }),
    ("relocations", "stripped", |sample| {
        sample.file_flags |= pe::IMAGE_FILE_RELOCS_STRIPPED;
    }),
    ("relocations", "0x3008 is not listed", |sample| {
        sample.write(sample::DATA + 8, &(sample::BASE + 0x1004).to_le_bytes());
    }),
    ("relocations", "no address in the image", |sample| {
        sample.write(sample::DATA, &[0; 8]);
    }),
    ("relocations", "of type 3", |sample| {
        let block = sample.section(".reloc");
        block.bytes[9] = 0x30;
    }),
    ("contexts", "State at 0x2800 is read-only", |sample| {
        sample.write(sample::FREE, &sample::context_type(sample::FREE));
        sample.write(sample::CONTEXT_TYPE, &[0; 40]);
        sample.section(".reloc").bytes = [
            sample::relocation_block(sample::RDATA, [0x808, 0x818, 0x818]),
            sample::relocation_block(sample::DATA, [0; 3]),
        ]
        .concat();
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_BASERELOC].1 = 32;
    }),
    ("unwind", "no .pdata", |sample| {
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION] = (0, 0);
    }),
    ("unwind", "not in order", |sample| {
        sample.write(sample::PDATA, &(sample::TEXT + 14).to_le_bytes());
    }),
    ("unwind", "is of no code", |sample| {
        let (start, end) = (sample::DATA, sample::DATA + 4);
        sample.write(sample::PDATA, &start.to_le_bytes());
        sample.write(sample::PDATA + 4, &end.to_le_bytes());
    }),
    ("unwind", "0x1012 moves the stack pointer", |sample| {
        sample.write(sample::TEXT + 18, &sample::CODE);
    }),
    ("unwind", "of version 5", |sample| {
        sample.write(sample::UNWIND, &[5])
    }),
    ("stack", "frame of 4096 bytes", |sample| {
        // A large allocation of 512 times 8 bytes.
        sample.write(sample::UNWIND, &[1, 4, 2, 0, 4, 0x01, 0x00, 0x02]);
    }),
    ("stack", "__chkstk is linked in", |sample| {
        sample.name_functions(&["__chkstk"]);
    }),
    ("depth", "in a circle", |sample| {
        // The function calls itself.
        sample.write(sample::TEXT + 4, &[0xE8, 0xF7, 0xFF, 0xFF, 0xFF]);
    }),
    ("depth", "12016 bytes, and 8192 are allowed", |sample| {
        sample.add_chain_of_calls();
    }),
    ("registers", "AVX", |sample| {
        // vzeroupper; ret
        sample.write(sample::INIT, &[0xC5, 0xF8, 0x77, 0xC3]);
    }),
    ("registers", "ST0", |sample| {
        // fadd st0, st1; ret
        sample.write(sample::INIT, &[0xD8, 0xC1, 0xC3]);
    }),
    ("imports", "since Windows 10 2004", |sample| {
        sample.import("ntoskrnl.exe", "ExAllocatePool2");
    }),
    ("imports", "since Windows 11 22H2", |sample| {
        sample.import("ntoskrnl.exe", "ExAllocateFromPagedLookasideList");
    }),
    ("imports", "not known to export NtShutDown", |sample| {
        sample.import("ntoskrnl.exe", "NtShutDown");
    }),
    (
        "imports",
        "from msvcrt.dll, which no driver needs",
        |sample| {
            sample.import("msvcrt.dll", "memcpy");
        },
    ),
    ("imports", "imports nothing", |sample| {
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_IMPORT] = (0, 0);
    }),
    ("panic", "index out of bounds", |sample| {
        sample.write(sample::FREE, b"index out of bounds: the len is ");
    }),
    ("panic", "the panic handler is there, at 0x5000", |sample| {
        // mov ecx, "RPNC"; ret
        sample.write(sample::INIT, &[0xB9, 0x43, 0x4E, 0x50, 0x52, 0xC3]);
    }),
    ("panic", "core9panicking", |sample| {
        sample.name_functions(&["_ZN4core9panicking9panic_fmt17h0123456789abcdefE"]);
    }),
    ("formatting", "00010203", |sample| {
        sample.write(sample::FREE, b"0001020304050607080910111213");
    }),
    ("formatting", "core::fmt::", |sample| {
        sample.name_functions(&["core::fmt::Formatter::pad"]);
    }),
    ("paths", "src/lib.rs", |sample| {
        sample.write(sample::FREE, b"src/lib.rs\0")
    }),
    ("version", "no version resource", |sample| {
        sample.directories[pe::IMAGE_DIRECTORY_ENTRY_RESOURCE] = (0, 0);
    }),
    ("pdb", "belongs to another image", Sample::mistake_pdb),
];

#[test]
fn an_image_without_faults_passes_every_check() {
    assert_eq!(broken(&Sample::new()), []);
}

/// E7 among them: an import that Windows has since 11 22H2 only.
#[test]
fn every_fault_is_found_by_its_check_and_by_no_other() {
    for (check, says, fault) in CASES {
        let mut sample = Sample::new();
        fault(&mut sample);
        let broken = broken(&sample);
        assert!(
            matches!(broken.as_slice(), [(found, text)] if *found == check && text.contains(says)),
            "{check} should say \"{says}\", but: {broken:?}"
        );
    }
}

#[test]
fn a_byte_changed_after_linking_breaks_the_checksum() {
    let sample = Sample::new();
    let mut bytes = sample.to_bytes();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let broken = broken_bytes(&bytes, sample.pdb);
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].0, "checksum");
    assert!(broken[0].1.contains("changed after linking"));
}

#[test]
fn a_function_imported_to_probe_the_stack_is_found() {
    let mut sample = Sample::new();
    sample.import("ntoskrnl.exe", "__chkstk");
    let checks: Vec<_> = broken(&sample).iter().map(|(check, _)| *check).collect();
    assert_eq!(checks, ["stack", "imports"]);
}

#[test]
fn an_import_that_the_author_has_looked_up_is_taken() {
    for (library, name, allowed) in [
        ("ntoskrnl.exe", "KeUnheardOf", "KeUnheardOf"),
        ("ntoskrnl.exe", "ExAllocatePool2", "ExAllocatePool2"),
        (
            "NDIS.SYS",
            "NdisMRegisterMiniportDriver",
            "ndis.sys!NdisMRegisterMiniportDriver",
        ),
    ] {
        let mut sample = Sample::new();
        sample.import(library, name);
        let found = broken(&sample);
        assert_eq!(found[0].0, "imports", "{found:?}");
        assert!(found[0].1.contains("--allow-import"), "{found:?}");
        let bytes = sample.to_bytes();
        let image = Image::parse(&bytes).unwrap();
        let image = Image {
            allowed_imports: vec![allowed.to_owned()],
            ..image
        };
        super::imports::allowed(&image).expect(name);
    }
}

#[test]
fn a_pdb_that_is_not_there_or_is_named_with_its_folder_is_found() {
    let mut sample = Sample::new();
    sample.pdb = None;
    assert_eq!(
        broken(&sample),
        [("pdb", "wdfmem.pdb does not lie beside the image".to_owned())]
    );
    let mut sample = Sample::new();
    sample.name_pdb("C:\\build\\wdfmem.pdb");
    assert_eq!(broken(&sample)[0].0, "paths");
}

#[test]
fn every_check_has_an_image_that_breaks_it() {
    let shown: BTreeSet<_> = CASES
        .iter()
        .map(|case| case.0)
        .chain(["checksum"])
        .collect();
    let all: BTreeSet<_> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(shown, all);
}

#[test]
fn a_file_that_is_cut_off_or_no_image_is_refused_and_never_a_panic() {
    let bytes = Sample::new().to_bytes();
    for length in (0..bytes.len() - 0x200).step_by(37) {
        if let Ok(image) = Image::parse(&bytes[..length]) {
            examine(&image);
            panic!("{length} bytes of {} pass for an image", bytes.len());
        }
    }
    assert!(Image::parse(b"#!/bin/sh\n").is_err());
}

#[test]
fn no_corruption_of_a_byte_makes_a_check_panic() {
    let sample = Sample::new();
    let bytes = sample.to_bytes();
    // Most of the file is zero and of no meaning.
    let meant = (0..bytes.len()).filter(|&index| index < 0x400 || bytes[index] != 0);
    for index in meant {
        let mut bytes = bytes.clone();
        bytes[index] ^= 0xFF;
        if let Ok(image) = Image::parse(&bytes) {
            let pdb = sample.pdb.clone();
            examine(&Image { pdb, ..image });
        }
    }
}

/// A driver with a function that may panic, one into which a function of the standard library that
/// may panic is inlined, one with a large frame, and one that calls what older systems lack.
const FAULTY: &str = r#"#![no_std]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[inline(never)]
fn pick(table: &[u32], index: usize) -> u32 {
    table[index]
}

#[inline(never)]
fn rest(table: &[u32], at: usize) -> &[u32] {
    table.get(at..).unwrap()
}

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    fn ExAllocatePool2(flags: u64, bytes: usize, tag: u32) -> usize;
}

#[inline(never)]
fn allocate() -> usize {
    unsafe { ExAllocatePool2(64, 16, 7) }
}

#[inline(never)]
fn large(seed: usize) -> usize {
    let mut page = [seed; 500];
    core::hint::black_box(&mut page);
    page[seed & 3]
}

#[unsafe(no_mangle)]
pub extern "system" fn DriverEntry(driver: usize, path: usize) -> usize {
    let table = [driver as u32, path as u32];
    allocate() + large(driver) + pick(rest(&table, path), driver) as usize
}
"#;

#[test]
fn findings_name_the_function_and_the_line() {
    let Some((bytes, pdb)) = compiled(FAULTY) else {
        eprintln!("skipped: there is no compiler for x86_64-pc-windows-msvc");
        return;
    };
    let found = |pdb| {
        let image = Image::parse(&bytes).expect("an image");
        let findings = examine(&Image { pdb, ..image });
        let said = |check| {
            let finding = findings.iter().find(|finding| finding.check == check);
            finding
                .map(|finding| finding.found.clone())
                .expect("the check ran")
        };
        ["panic", "stack", "imports", "checksum"].map(said)
    };
    let [panic, stack, imports, checksum] = found(Some(pdb));
    for place in [
        "faulty::pick at /faulty/faulty.rs:10 (0x",
        "faulty::rest at /faulty/faulty.rs:15 (0x",
    ] {
        assert!(panic.contains(place), "{panic}");
    }
    let (_, places) = panic.split_once("what panics is ").expect("places");
    assert_eq!(places.matches(" at ").count(), 2, "{places}");
    assert!(
        stack.contains("faulty::large at /faulty/faulty.rs:29"),
        "{stack}"
    );
    let caller = "called by faulty::allocate at /faulty/faulty.rs:25 (0x";
    assert!(imports.contains(caller), "{imports}");
    // The linker's own sum of the file.
    assert!(checksum.starts_with("0x"), "{checksum}");
    let [_, stack, ..] = found(None);
    assert!(stack.contains(" bytes: 0x"), "{stack}");
}

/// A kernel image of this source, and its PDB; none where no compiler can make it.
fn compiled(source: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    const TARGET: &str = "x86_64-pc-windows-msvc";
    if is_built_elsewhere() {
        return None; // Compiled on another system, whose compiler is not here.
    }
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |command: &mut Command| {
        let output = command
            .current_dir(folder.path())
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    };
    let libraries =
        run(Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]));
    if !Path::new(libraries.trim()).is_dir() {
        return None;
    }
    let toolchain = Toolchain::find(Choice::Installed, &[Target::Kernel]).ok()?;
    std::fs::write(folder.path().join("faulty.rs"), source).expect("writable");
    let compile = [
        "--edition=2024",
        "--crate-type=staticlib",
        "--target",
        TARGET,
        "-g",
        "-O",
    ];
    let profile = [
        "-Cpanic=abort",
        "-Clto=fat",
        "-Ccodegen-units=1",
        "faulty.rs",
    ];
    let remap = format!("--remap-path-prefix={}=/faulty", folder.path().display());
    run(Command::new(&rustc).args(compile).args(profile).arg(remap));
    let link = [
        "/DRIVER",
        "/SUBSYSTEM:NATIVE,10.0",
        "/NODEFAULTLIB",
        "/ENTRY:DriverEntry",
        "/OPT:REF",
        "/DEBUG",
        "/RELEASE",
        "/OUT:faulty.sys",
        "/PDB:faulty.pdb",
        "faulty.lib",
    ];
    run(toolchain.kernel_linker().args(link));
    let read = |name| std::fs::read(folder.path().join(name)).expect("it was made");
    Some((read("faulty.sys"), read("faulty.pdb")))
}
