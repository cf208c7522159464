//! The WDK route, checked by the compiler as far as that goes without a WDK.
//!
//! `wdk-sys` generates its declarations from the headers of a WDK. Here a crate of its name stands
//! in for it, which gives the declarations of `kmdf-sys` (tests hold them against facts about the
//! real ones) instead of generating them. The driver, the wrappers and the seam are then compiled
//! for Windows as the WDK route compiles them, and linked as far as that goes without the WDK's
//! libraries: far enough to see that nothing in the driver panics. Nothing is run.

use crate::toolchain::{Choice, Target, Toolchain};
use crate::{process, project};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// A file of the packages that are made for the check; `ROOT` is where the repository lies.
struct File {
    name: &'static str,
    text: &'static str,
}

const FILES: [File; 7] = [
    // The driver's own package asks wdk-build how to link, which needs a WDK. This one does not.
    File {
        name: "Cargo.toml",
        text: r##"
[package]
name = "wdfmem"
version = "0.0.0"
edition = "2024"

[lib]
path = 'ROOT/src/lib.rs'
crate-type = ["staticlib"]

[dependencies]
wdk = "0.5"
wdk-panic = "0.5"
kmdf = { path = 'ROOT/crates/kmdf' }
wdfmem-ioctl = { path = 'ROOT/crates/wdfmem-ioctl' }
zerocopy = "0.8"

[lints.rust]
unexpected_cfgs = { level = "warn", check-cfg = ["cfg(image)", "cfg(wdk)"] }

[profile.release]
panic = "abort"
lto = "fat"
codegen-units = 1

[patch.crates-io]
wdk = { path = "wdk" }
wdk-panic = { path = "wdk-panic" }
wdk-sys = { path = "wdk-sys" }

[workspace]
"##,
    },
    File {
        name: "wdk-sys/Cargo.toml",
        text: r##"
[package]
name = "wdk-sys"
version = "0.5.2"
edition = "2024"
"##,
    },
    File {
        name: "wdk-sys/src/lib.rs",
        text: r##"
#![no_std]
#![allow(unexpected_cfgs, unused_imports)]
#[path = r"ROOT/crates/kmdf-sys/src/free/mod.rs"]
mod free;
mod functions;
pub use free::*;
pub use functions::*;
"##,
    },
    File {
        name: "wdk/Cargo.toml",
        text: r##"
[package]
name = "wdk"
version = "0.5.0"
edition = "2024"
"##,
    },
    // What debug builds use; this is a release.
    File {
        name: "wdk/src/lib.rs",
        text: r##"
#![no_std]
#[macro_export]
macro_rules! paged_code {
    () => {
        debug_assert!(true)
    };
}
#[macro_export]
macro_rules! println {
    ($($argument:tt)*) => {
        $crate::print(format_args!($($argument)*))
    };
}
unsafe extern "C" {
    fn the_driver_can_print(line: *const core::ffi::c_void);
    fn the_driver_can_break();
}
pub fn print(line: core::fmt::Arguments<'_>) {
    unsafe { the_driver_can_print((&raw const line).cast()) }
}
pub fn dbg_break() {
    unsafe { the_driver_can_break() }
}
"##,
    },
    File {
        name: "wdk-panic/Cargo.toml",
        text: r##"
[package]
name = "wdk-panic"
version = "0.5.0"
edition = "2024"
"##,
    },
    File {
        name: "wdk-panic/src/lib.rs",
        text: r##"
#![no_std]
unsafe extern "C" {
    fn the_driver_can_panic() -> !;
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe { the_driver_can_panic() }
}
"##,
    },
];

/// Compiles the WDK route.
pub fn run() -> Result<String> {
    let root = project::root();
    let folder = project::target(&root).join("wdk-route");
    for File { name, text } in FILES {
        write(
            &folder.join(name),
            &text.replace("ROOT", &root.to_string_lossy()),
        )?;
    }
    // The types of the table's functions are `wdk-sys`' own.
    let functions = fs::read_to_string(root.join("crates/kmdf-sys/src/functions.rs"))?;
    write(
        &folder.join("wdk-sys/src/functions.rs"),
        &functions.replace("#[cfg(not(wdk))]", ""),
    )?;
    // The versions that everything else is built with.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))
        .context("Cargo.lock could not be copied")?;
    let toolchain = Toolchain::find(Choice::Auto)?;
    let target = folder.join("target");
    let mut compile = toolchain.cargo("build", Target::Kernel);
    compile
        .arg("--release")
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env(
            "RUSTFLAGS",
            "-Dwarnings --cfg wdk -Ctarget-feature=+crt-static",
        )
        .env("WDKContentRoot", &folder);
    process::run(&mut compile)?;

    let library = target.join(Target::Kernel.triple()).join("release");
    let mut link = toolchain.kernel_linker();
    link.args(LINK_ARGUMENTS)
        .arg(format!("/OUT:{}", folder.join("wdfmem.sys").display()))
        .arg(library.join("wdfmem.lib"));
    let open_symbols = process::errors(&mut link)?;
    ensure!(
        open_symbols.contains("undefined symbol: ExAllocatePoolWithTag"),
        "the linker did not say which symbols are open:\n{open_symbols}"
    );
    ensure!(
        !open_symbols.contains(PANIC),
        "the driver can panic on the WDK route:\n{open_symbols}"
    );
    ensure!(
        DEBUGGING.iter().all(|name| !open_symbols.contains(name)),
        "a release build of the driver prints or breaks through the crate wdk:\n{open_symbols}"
    );
    Ok("the driver compiles, and nothing in it panics; wdk-sys is a stand-in".to_owned())
}

/// What the stand-in for the panic handler calls, and nobody defines.
const PANIC: &str = "the_driver_can_panic";

/// What the stand-in for `wdk` calls in debug builds, and nobody defines.
const DEBUGGING: [&str; 2] = ["the_driver_can_print", "the_driver_can_break"];

/// Without the libraries of the WDK all that is called there stays open.
const LINK_ARGUMENTS: [&str; 8] = [
    "/NOLOGO",
    "/MACHINE:X64",
    "/DRIVER",
    "/SUBSYSTEM:NATIVE,10.0",
    "/NODEFAULTLIB",
    "/OPT:REF",
    "/ENTRY:DriverEntry",
    "/FORCE:UNRESOLVED",
];

fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().context("a file outside of any folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, text.trim_start()))
        .with_context(|| format!("{} could not be written", file.display()))
}
