//! A folder that passes for an installed WDK: the folders that wdk-build looks for, libraries to link
//! with, and programs that check how they are called.

use crate::facts::Facts;
use crate::workspace::{MINOR_VERSIONS, PATCHES};
use crate::{bindings, tools};
use anyhow::{Context, Result};
use cargo_kmdf::process;
use cargo_kmdf::toolchain::{Target, Toolchain};
use object::write::{Object, Relocation, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};
use std::fs;
use std::path::{Path, PathBuf};

/// The version of the SDK and WDK that the folder passes for.
const VERSION: &str = "10.0.26100.0";

/// What ntoskrnl.exe exports beside the functions in the facts: what the compiler calls by itself, and
/// what kmdf-sys declares, after its documentation page.
const FURTHER_EXPORTS: [&str; 7] = [
    "DbgBreakPoint",
    "__chkstk",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "strlen",
];

/// The folder that stands in for the Windows Driver Kit.
pub struct Kit {
    pub root: PathBuf,
    /// The programs in it.
    pub programs: PathBuf,
}

impl Kit {
    pub fn make(facts: &Facts, folder: &Path, toolchain: &Toolchain) -> Result<Self> {
        let kit = Self {
            root: folder.join("kit"),
            programs: folder.join("kit/bin").join(VERSION).join("x64"),
        };
        for part in ["km/crt", "km/ufx/1.1", "shared"] {
            kit.folder(&format!("Include/{VERSION}/{part}"))?;
        }
        kit.folder(&format!("tools/{VERSION}/x64"))?;
        kit.folder(&format!("bin/{VERSION}/x86"))?;
        for minor in MINOR_VERSIONS {
            kit.folder(&format!("Include/wdf/kmdf/1.{minor}"))?;
        }
        kit.libraries(facts, toolchain)?;
        kit.programs(toolchain, &folder.join(PATCHES))?;
        Ok(kit)
    }

    fn folder(&self, path: &str) -> Result<PathBuf> {
        let folder = self.root.join(path);
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    }

    fn libraries(&self, facts: &Facts, toolchain: &Toolchain) -> Result<()> {
        let folder = self.folder(&format!("Lib/{VERSION}/km/x64"))?;
        let mut kernel = bindings::exported_by_the_kernel(facts)?;
        kernel.extend(FURTHER_EXPORTS.map(ToOwned::to_owned));
        import_library(toolchain, &folder, "ntoskrnl", "ntoskrnl.exe", &kernel)?;
        // Linked because wdk-build says so; the driver needs nothing of them.
        for name in ["BufferOverflowFastFailK", "hal", "wmilib"] {
            fs::write(folder.join(format!("{name}.lib")), b"!<arch>\n")?;
        }
        for minor in MINOR_VERSIONS {
            let folder = self.folder(&format!("Lib/wdf/kmdf/x64/1.{minor}"))?;
            let loader = ["WdfVersionBind", "WdfVersionUnbind"].map(ToOwned::to_owned);
            import_library(toolchain, &folder, "WdfLdr", "WDFLDR.SYS", &loader)?;
            fs::write(folder.join("entry.obj"), driver_entry(minor)?)?;
            let mut archive = toolchain.kernel_linker();
            archive
                .args(["/lib", "/nologo", "/machine:x64"])
                .arg("/out:WdfDriverEntry.lib")
                .arg("entry.obj")
                .current_dir(&folder);
            process::output(&mut archive)?;
        }
        Ok(())
    }

    /// Scripts that call this program, under the names of the WDK's, and a cargo that can build for
    /// Windows here.
    fn programs(&self, toolchain: &Toolchain, patches: &Path) -> Result<()> {
        let folder = self.folder(&format!("bin/{VERSION}/x64"))?;
        let this = std::env::current_exe().context("this program does not know where it lies")?;
        for name in tools::NAMES {
            let call = format!("exec '{}' tool {name} \"$@\"\n", this.display());
            script(&folder.join(name), &call)?;
        }
        let triple = Target::Kernel.triple();
        let build = toolchain.cargo_in_words(Target::Kernel)?;
        let (host, patches) = (env!("CARGO"), patches.display());
        let call = format!(
            "for argument; do\n    \
             if [ \"$argument\" = {triple} ]; then exec {build}; fi\n\
             done\nexec '{host}' --config '{patches}' \"$@\"\n"
        );
        script(&folder.join("cargo"), &call)
    }
}

fn script(file: &Path, call: &str) -> Result<()> {
    fs::write(file, format!("#!/bin/sh\n{call}"))
        .and_then(|()| allow_running(file))
        .with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(unix)]
fn allow_running(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

/// Never called: on Windows the real tools are there.
#[cfg(not(unix))]
fn allow_running(_file: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Makes `name`.lib, which imports `exports` from `module`.
fn import_library(
    toolchain: &Toolchain,
    folder: &Path,
    name: &str,
    module: &str,
    exports: &[String],
) -> Result<()> {
    let definition = format!("{name}.def");
    let text = format!("LIBRARY {module}\nEXPORTS\n{}\n", exports.join("\n"));
    fs::write(folder.join(&definition), text)?;
    let mut library = toolchain.kernel_linker();
    library
        .args(["/lib", "/nologo", "/machine:x64"])
        .arg(format!("/def:{definition}"))
        .arg(format!("/out:{name}.lib"))
        .current_dir(folder);
    process::output(&mut library)?;
    Ok(())
}

/// The object of WdfDriverEntry.lib, as far as the linker sees it: the entry point, which needs the
/// loader and the driver's `DriverEntry`, and the framework's variables.
fn driver_entry(minor: u8) -> Result<Vec<u8>> {
    let mut object = Object::new(BinaryFormat::Coff, Architecture::X86_64, Endianness::Little);
    let mut symbol = |name: &str, kind, section| {
        object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: 0,
            size: 0,
            kind,
            scope: SymbolScope::Linkage,
            weak: false,
            section,
            flags: SymbolFlags::None,
        })
    };
    let undefined = SymbolSection::Undefined;
    let entry = symbol("FxDriverEntry", SymbolKind::Text, undefined);
    let driver = symbol("DriverEntry", SymbolKind::Text, undefined);
    let bind = symbol("WdfVersionBind", SymbolKind::Text, undefined);
    let mut variables = vec![
        symbol(
            &format!("WdfFunctions_010{minor:02}"),
            SymbolKind::Data,
            undefined,
        ),
        symbol("WdfDriverGlobals", SymbolKind::Data, undefined),
    ];
    if minor >= 25 {
        variables.push(symbol("WdfFunctionCount", SymbolKind::Data, undefined));
    }
    // call WdfVersionBind and jump to DriverEntry, each with a displacement for the linker.
    let text = object.add_section(Vec::new(), b".text".to_vec(), SectionKind::Text);
    const JUMP: [u8; 5] = [0xE9, 0, 0, 0, 0];
    for (target, defines) in [(driver, Some(entry)), (bind, None)] {
        let offset = match defines {
            Some(defined) => object.add_symbol_data(defined, text, &JUMP, 16),
            None => object.append_section_data(text, &JUMP, 16),
        };
        let relocation = Relocation {
            offset: offset + 1,
            symbol: target,
            addend: -4,
            flags: RelocationFlags::Coff {
                typ: object::pe::IMAGE_REL_AMD64_REL32,
            },
        };
        object.add_relocation(text, relocation)?;
    }
    let data = object.add_section(Vec::new(), b".data".to_vec(), SectionKind::Data);
    for variable in variables {
        object.add_symbol_data(variable, data, &[0; 8], 8);
    }
    Ok(object.write()?)
}
