//! The workspace that the check builds: this repository, with crates that compile without a WDK.
//!
//! It is a copy, because cargo takes a workspace from one folder. Three things in it are not as in
//! the repository: a few lines say that the build scripts' host is Windows, `.cargo/config.toml` sends
//! cargo to the crates below, and the target version of KMDF is the one that is asked for. Every
//! other crate, `wdk`, `wdk-alloc`, `wdk-panic` and `wdk-macros` among them, is that of crates.io.

use crate::bindings::{self, Bindings};
use crate::facts::{Facts, WDK_SYS};
use anyhow::{Context, Result, ensure};
use cargo_kmdf::process;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The versions of KMDF that the driver must compile against: the lowest with all calls, which is
/// the target, and the newest, whose types differ.
pub const MINOR_VERSIONS: [u8; 2] = [15, 33];

/// An edit of a file that is not ours to change, or that only a Windows host leaves as it is.
struct Edit {
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

/// wdk-build refuses to compile on hosts other than Windows. Its rules stay, its calls of Windows go.
const WDK_BUILD: [Edit; 9] = [
    // What sets variables does so on Linux too: scripts and build scripts have one thread here.
    Edit {
        file: "src/utils.rs",
        from: "#[cfg(target_os = \"windows\")]",
        to: "#[cfg(all())]",
    },
    Edit {
        file: "src/utils.rs",
        from: "#[cfg(not(target_os = \"windows\"))]",
        to: "#[cfg(any())]",
    },
    Edit {
        file: "src/cargo_make.rs",
        from: "std::os::windows::fs::symlink_file(",
        to: "std::os::unix::fs::symlink(",
    },
    // A task of the makefile says so once more.
    Edit {
        file: "rust-driver-makefile.toml",
        from: "#[cfg(not(target_os = \"windows\"))]",
        to: "#[cfg(any())]",
    },
    // bindgen reads the headers of a WDK. What it makes of them comes from the facts instead.
    Edit {
        file: "src/lib.rs",
        from: "pub use bindgen::BuilderExt;\n",
        to: "",
    },
    Edit {
        file: "src/lib.rs",
        from: "mod bindgen;\n",
        to: "",
    },
    Edit {
        file: "Cargo.toml",
        from: "[dependencies.bindgen]\nversion = \"0.73.2\"\n",
        to: "[dependencies.bindgen]\npath = \"bindgen\"\n",
    },
    Edit {
        file: "Cargo.toml",
        from: "[dependencies.windows]\nversion = \"0.62.2\"\nfeatures = [\n    \"Win32_Foundation\",\n    \"Win32_System_Registry\",\n]\n",
        to: "[dependencies.windows]\npath = \"windows\"\n",
    },
    Edit {
        file: "Cargo.toml",
        from: "[dev-dependencies.windows]\nversion = \"0.62.2\"\nfeatures = [\"Win32_UI_Shell\"]\n",
        to: "",
    },
];

/// What the build scripts of drivers and the crate kmdf-build, which are compiled for the host, ask of it, and their
/// manifests.
const HOST: [(&str, &str); 3] = [
    (
        "[target.'cfg(windows)'.build-dependencies]",
        "[target.'cfg(all())'.build-dependencies]",
    ),
    ("#[cfg(windows)]", "#[cfg(all())]"),
    ("#[cfg(not(windows))]", "#[cfg(any())]"),
];

/// How the line of a driver's manifest begins that sets the version of KMDF. wdk-build wants one
/// version in the whole workspace.
const TARGET_VERSION: &str = "target-kmdf-version-minor = ";

/// A registry in which nothing is installed, for wdk-build's search for a WDK.
const WINDOWS: [(&str, &str); 2] = [
    (
        "Cargo.toml",
        "[package]\nname = \"windows\"\nversion = \"0.62.2\"\nedition = \"2024\"\n",
    ),
    (
        "src/lib.rs",
        r#"//! The few names of `windows` that wdk-build calls: a registry without a single key.
#![allow(non_snake_case, non_upper_case_globals)]
pub mod core {
    #[derive(Clone, Copy)]
    pub struct PCSTR(pub &'static str);
    pub use crate::s;
}
#[macro_export]
macro_rules! s {
    ($text:expr) => {
        $crate::core::PCSTR($text)
    };
}
pub mod Win32 {
    pub mod System {
        pub mod Registry {
            use crate::core::PCSTR;
            #[derive(Clone, Copy, Default)]
            pub struct HKEY(pub usize);
            pub const HKEY_LOCAL_MACHINE: HKEY = HKEY(0x8000_0002);
            pub const KEY_READ: u32 = 0x2_0019;
            pub const RRF_RT_REG_SZ: u32 = 2;
            pub struct WIN32_ERROR(u32);
            impl WIN32_ERROR {
                pub fn is_ok(&self) -> bool {
                    self.0 == 0
                }
                pub fn ok(self) -> Result<(), u32> {
                    if self.0 == 0 { Ok(()) } else { Err(self.0) }
                }
            }
            const ERROR_FILE_NOT_FOUND: WIN32_ERROR = WIN32_ERROR(2);
            pub unsafe fn RegOpenKeyExA(
                _: HKEY,
                _: PCSTR,
                _: Option<u32>,
                _: u32,
                _: *mut HKEY,
            ) -> WIN32_ERROR {
                ERROR_FILE_NOT_FOUND
            }
            pub unsafe fn RegGetValueA(
                _: HKEY,
                _: Option<PCSTR>,
                _: PCSTR,
                _: u32,
                _: Option<*mut u32>,
                _: Option<*mut core::ffi::c_void>,
                _: Option<*mut u32>,
            ) -> WIN32_ERROR {
                ERROR_FILE_NOT_FOUND
            }
            pub unsafe fn RegCloseKey(_: HKEY) -> WIN32_ERROR {
                ERROR_FILE_NOT_FOUND
            }
        }
    }
}
"#,
    ),
];

/// A bindgen that knows of no clang.
const BINDGEN: [(&str, &str); 2] = [
    (
        "Cargo.toml",
        "[package]\nname = \"bindgen\"\nversion = \"0.73.2\"\nedition = \"2024\"\n",
    ),
    (
        "src/lib.rs",
        r#"//! The one function of bindgen that the rest of wdk-build calls.
pub struct ClangVersion {
    pub parsed: Option<(u32, u32)>,
    pub full: String,
}
pub fn clang_version() -> ClangVersion {
    ClangVersion {
        parsed: None,
        full: "no clang: the bindings come from facts".to_owned(),
    }
}
"#,
    ),
];

/// wdk-sys as it is, but for where its generated files come from.
const WDK_SYS_MANIFEST: &str = r#"[package]
name = "wdk-sys"
version = "VERSION"
edition = "2024"
links = "wdk"

[features]
default = []
gpio = []
hid = []
nightly = []
parallel-ports = ["gpio"]
spb = []
storage = []
usb = []
suppress-wdk-linking = []
test-stubs = ["suppress-wdk-linking"]

[dependencies]
rustversion = "1.0.20"
wdk-macros = "=VERSION"

[build-dependencies]
wdk-build = "0.6.0"

[lints.rust]
unused_imports = "allow"
"#;

/// As the build script of wdk-sys, with bindings that were made before.
const WDK_SYS_BUILD: &str = r####"use std::path::Path;
use std::{env, fs};
use wdk_build::{ApiSubset, Config, ConfigError, DriverConfig};

fn main() -> Result<(), ConfigError> {
    println!("cargo::rerun-if-changed=generated");
    wdk_build::configure_wdk_library_build_and_then(generate)
}

fn generate(config: Config) -> Result<(), ConfigError> {
    let DriverConfig::Kmdf(kmdf) = &config.driver_config else {
        panic!("there are facts for KMDF drivers only");
    };
    let minor = kmdf.target_kmdf_version_minor;
    let generated = Path::new("generated").join(format!("1.{minor}"));
    let read = |name: &str| {
        fs::read_to_string(generated.join(name))
            .unwrap_or_else(|error| panic!("no {name} for KMDF 1.{minor}: {error}"))
    };
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let write = |name: &str, text: &str| {
        fs::write(Path::new(&out).join(name), text).expect("OUT_DIR can be written");
    };
    // As the real one: the libraries that are linked, and the name of the function table.
    let libraries = config.bindgen_library_link_raw_lines(ApiSubset::Base);
    let table = config.compute_wdffunctions_symbol_name().expect("KMDF has a function table");
    let constants = read("constants.rs");
    assert!(constants.contains(&table), "the bindings are not of {table}");
    write("types.rs", &read("types.rs"));
    write("constants.rs", &constants);
    write("ntddk.rs", &(libraries.unwrap_or_default() + &read("ntddk.rs")));
    write("wdf.rs", "");
    let count = if minor >= 25 {
        "(unsafe { crate::WdfFunctionCount }) as usize"
    } else {
        "crate::_WDFFUNCENUM::WdfFunctionTableNumEntries as usize"
    };
    write(
        "wdf_function_count.rs",
        &format!("pub fn get_wdf_function_count() -> usize {{\n    {count}\n}}\n"),
    );
    write(
        "test_stubs.rs",
        &format!("#[unsafe(no_mangle)]\npub static mut {table}: *const crate::WDFFUNC = core::ptr::null();\n"),
    );
    write(
        "call_unsafe_wdf_function_binding.rs",
        &r###"
#[macro_export]
macro_rules! call_unsafe_wdf_function_binding {
    ( $($tt:tt)* ) => {
        $crate::__proc_macros::call_unsafe_wdf_function_binding! (
            r"OUT_DIR/types.rs",
            $($tt)*
        )
    }
}
"###
        .replace("OUT_DIR", &out),
    );
    Ok(())
}
"####;

/// The copy of the repository that is built.
pub struct Workspace {
    pub folder: PathBuf,
    /// What wdk-sys has and the facts lack.
    pub left_out: Vec<String>,
}

impl Workspace {
    /// Makes the workspace and its crates in `folder`, or brings them up to date.
    pub fn make(root: &Path, folder: &Path) -> Result<Self> {
        let sources = Sources::find(root)?;
        let crates = folder.join("crates");
        wdk_build(&sources.wdk_build, &crates.join("wdk-build"))?;
        let left_out = wdk_sys(root, &sources.wdk_sys, &crates.join("wdk-sys"))?;
        let workspace = Self {
            folder: folder.join("workspace"),
            left_out,
        };
        let wanted = |name: &str| !matches!(name, "target" | ".git" | "fuzz");
        let patches = patches(&crates);
        copy(root, &workspace.folder, &wanted, &|name, text| {
            Ok(match name {
                ".cargo/config.toml" => format!("{text}\n{patches}"),
                name => for_host(name, text),
            })
        })?;
        write_if_new(&folder.join(PATCHES), patches.as_bytes())?;
        Ok(workspace)
    }

    /// Sets the version of KMDF that the drivers are built for.
    pub fn set_target(&self, minor: u8) -> Result<()> {
        let mut metadata = Command::new(env!("CARGO"));
        metadata
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(&self.folder);
        let metadata: Value = serde_json::from_str(&process::output(&mut metadata)?)?;
        let mut drivers = 0;
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let manifest = package["manifest_path"].as_str().context("no manifest")?;
            let text = fs::read_to_string(manifest)?;
            let Some(line) = text.lines().find(|line| line.starts_with(TARGET_VERSION)) else {
                continue;
            };
            let text = text.replace(line, &format!("{TARGET_VERSION}{minor}"));
            write_if_new(Path::new(manifest), text.as_bytes())?;
            drivers += 1;
        }
        ensure!(
            drivers > 0,
            "no manifest has a line that begins with `{TARGET_VERSION}`"
        );
        Ok(())
    }
}

/// The file `name` for a host that passes for Windows.
fn for_host(name: &str, mut text: String) -> String {
    let is_helper = name.starts_with("crates/kmdf-build/");
    if is_helper {
        text = text.replace("[target.'cfg(windows)'.dependencies]", "[dependencies]");
    }
    if is_helper || name.ends_with("Cargo.toml") || name.ends_with("build.rs") {
        for (from, to) in HOST {
            text = text.replace(from, to);
        }
    }
    text
}

/// The file of cargo's configuration that sends it to the crates of the check, for the scripts of
/// cargo-make, which are built in folders of rust-script's own.
pub const PATCHES: &str = "patches.toml";

fn patches(crates: &Path) -> String {
    let mut patches = String::from("[patch.crates-io]\n");
    for name in ["wdk-build", "wdk-sys"] {
        let path = crates.join(name);
        patches.push_str(&format!("{name} = {{ path = '{}' }}\n", path.display()));
    }
    patches
}

/// Where the crates of crates.io lie that are changed for the check.
struct Sources {
    wdk_build: PathBuf,
    wdk_sys: PathBuf,
}

impl Sources {
    /// Has cargo download what Cargo.lock names, and finds it.
    fn find(root: &Path) -> Result<Self> {
        let mut metadata = Command::new(env!("CARGO"));
        metadata
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root);
        let metadata: Value = serde_json::from_str(&process::output(&mut metadata)?)?;
        let find = |name: &str, version: Option<&str>| -> Result<PathBuf> {
            let packages = metadata["packages"].as_array().into_iter().flatten();
            let mut packages = packages.filter(|package| package["name"] == name);
            let package = packages
                .next()
                .with_context(|| format!("no package of the workspace depends on {name}"))?;
            if let Some(version) = version {
                ensure!(
                    package["version"] == version,
                    "Cargo.lock has {name} {}, and the facts in crates/kmdf-sys/tests/facts are \
                     those of {version}: bring them up to date first",
                    package["version"]
                );
            }
            let manifest = package["manifest_path"].as_str().context("no manifest")?;
            let folder = Path::new(manifest).parent().context("no folder")?;
            Ok(folder.to_owned())
        };
        Ok(Self {
            wdk_build: find("wdk-build", None)?,
            wdk_sys: find("wdk-sys", Some(WDK_SYS))?,
        })
    }
}

/// wdk-build of crates.io, made to compile on this host.
fn wdk_build(source: &Path, folder: &Path) -> Result<()> {
    copy(
        source,
        folder,
        &|name| name != "Cargo.lock",
        &|name, text| edited(&WDK_BUILD, name, text),
    )?;
    for (part, files) in [("windows", WINDOWS), ("bindgen", BINDGEN)] {
        for (name, text) in files {
            write_if_new(&folder.join(part).join(name), text.as_bytes())?;
        }
    }
    Ok(())
}

/// wdk-sys of crates.io with bindings from facts; says what the facts lack.
fn wdk_sys(root: &Path, source: &Path, folder: &Path) -> Result<Vec<String>> {
    copy(
        &source.join("src"),
        &folder.join("src"),
        &|_| true,
        &|_, text| Ok(text),
    )?;
    let manifest = WDK_SYS_MANIFEST.replace("VERSION", WDK_SYS);
    write_if_new(&folder.join("Cargo.toml"), manifest.as_bytes())?;
    write_if_new(&folder.join("build.rs"), WDK_SYS_BUILD.as_bytes())?;
    let facts = Facts::read(root)?;
    let mut all_left_out = BTreeSet::new();
    for minor in MINOR_VERSIONS {
        let Bindings {
            types,
            constants,
            functions,
            left_out,
        } = bindings::generate(&facts, minor)?;
        let generated = folder.join("generated").join(format!("1.{minor}"));
        write_if_new(&generated.join("types.rs"), types.as_bytes())?;
        write_if_new(&generated.join("constants.rs"), constants.as_bytes())?;
        write_if_new(&generated.join("ntddk.rs"), functions.as_bytes())?;
        all_left_out.extend(left_out);
    }
    Ok(all_left_out.into_iter().collect())
}

/// Applies the edits of the file `name`, each of which must find something to change.
fn edited(edits: &[Edit], name: &str, mut text: String) -> Result<String> {
    for edit in edits.iter().filter(|edit| edit.file == name) {
        ensure!(
            text.contains(edit.from),
            "{name} has no `{}`, which the check of the WDK route replaces: adapt \
             crates/wdk-stand-in/src/workspace.rs",
            edit.from.trim()
        );
        text = text.replace(edit.from, edit.to);
    }
    Ok(text)
}

/// Makes `to` contain what `from` contains: files of text as `change` makes them, and nothing else.
///
/// Files that are as they should be are left alone, so that cargo builds again only what is new.
fn copy(
    from: &Path,
    to: &Path,
    wanted: &dyn Fn(&str) -> bool,
    change: &dyn Fn(&str, String) -> Result<String>,
) -> Result<()> {
    copy_folder(from, to, "", wanted, change)
        .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}

fn copy_folder(
    from: &Path,
    to: &Path,
    prefix: &str,
    wanted: &dyn Fn(&str) -> bool,
    change: &dyn Fn(&str, String) -> Result<String>,
) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !wanted(&name) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            let prefix = format!("{path}/");
            copy_folder(&entry.path(), &to.join(&name), &prefix, wanted, change)?;
        } else {
            let bytes = fs::read(entry.path())?;
            let bytes = match String::from_utf8(bytes) {
                // Some files of crates.io have the line ends of Windows.
                Ok(text) => change(&path, text.replace("\r\n", "\n"))?.into_bytes(),
                Err(error) => error.into_bytes(),
            };
            write_if_new(&to.join(&name), &bytes)?;
        }
        names.insert(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type()?.is_dir();
        // What the check itself puts there stays.
        if names.contains(&name) || !wanted(&name) || matches!(&*name, "windows" | "bindgen") {
            continue;
        }
        if is_folder {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write_if_new(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = file.parent().context("a file outside of any folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, bytes))
        .with_context(|| format!("{} cannot be written", file.display()))
}
