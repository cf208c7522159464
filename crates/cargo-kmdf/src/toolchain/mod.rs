//! A compiler that builds for Windows: the one in use, or Debian's.

use crate::failure::Unable;
use crate::process;
use crate::terminal;
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the compiler comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// The first of the following that works
    #[default]
    Auto,
    /// The toolchain in use, with its Windows targets
    Installed,
    /// Debian's rustc-web, which brings the sources of the library
    Debian,
}

/// What a build is for, which decides the Rust target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Code without an operating system under it: drivers.
    Kernel,
    /// Programs with the standard library.
    Program,
}

impl Target {
    /// The name that rustc knows it by.
    pub fn triple(self) -> &'static str {
        match self {
            Self::Kernel => "x86_64-pc-windows-msvc",
            Self::Program => "x86_64-pc-windows-gnu",
        }
    }

    /// The crates of the library that it needs.
    fn library(self) -> &'static str {
        match self {
            Self::Kernel => "-Zbuild-std=core,alloc",
            Self::Program => "-Zbuild-std=std,panic_abort",
        }
    }
}

/// A compiler with its cargo, and a linker for kernel images.
pub struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    linker: PathBuf,
    /// Set where the library is built from its sources, for want of a built one.
    library_sources: Option<PathBuf>,
}

/// Debian's compiler, whose packages hold the library's sources but no Windows targets.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// What the linker for programs is called, and the package it is in.
const PROGRAM_LINKER: (&str, &str) = ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64");
const PURPOSE: &str = "building for Windows";

impl Toolchain {
    /// Finds a toolchain for these targets, or fails with the command that installs what is missing of it.
    pub fn find(choice: Choice, targets: &[Target]) -> Result<Self> {
        if targets.contains(&Target::Program) && process::find(PROGRAM_LINKER.0).is_none() {
            return Err(Unable::missing_packages(PURPOSE, &[PROGRAM_LINKER.1]).into());
        }
        match choice {
            Choice::Installed => installed(targets),
            Choice::Debian => debian(),
            Choice::Auto => installed(targets).or_else(|error| {
                let toolchain = debian().map_err(|other| either(error, &other))?;
                terminal::status(
                    "Using",
                    "Debian's compiler: the one in use has no Windows targets",
                );
                Ok(toolchain)
            }),
        }
    }

    /// `cargo SUBCOMMAND` for the target, with the library that it needs.
    pub fn cargo(&self, subcommand: &str, target: Target) -> Command {
        let mut command = Command::new(&self.cargo);
        command
            .args([subcommand, "--target", target.triple()])
            .env("RUSTC", &self.rustc)
            .env_remove("RUSTFLAGS");
        if self.library_sources.is_some() {
            // Building the library is not a stable feature of cargo.
            command.arg(target.library()).env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// `cargo "$@"` for the target in the words of a shell, for programs that call cargo themselves and
    /// find this in its place.
    pub fn cargo_in_words(&self, target: Target) -> Result<String> {
        let found = |program: &Path| -> Result<String> {
            let name = program.to_string_lossy();
            let found = match program.is_absolute() {
                true => Some(program.to_owned()),
                false => process::find(&name),
            };
            let found = found.with_context(|| format!("there is no {name} in PATH"))?;
            Ok(found.to_string_lossy().into_owned())
        };
        let (rustc, cargo) = (found(&self.rustc)?, found(&self.cargo)?);
        Ok(match self.library_sources {
            Some(_) => format!(
                "env RUSTC='{rustc}' RUSTC_BOOTSTRAP=1 '{cargo}' \"$@\" {}",
                target.library()
            ),
            None => format!("env RUSTC='{rustc}' '{cargo}' \"$@\""),
        })
    }

    /// Where the linker for kernel images lies.
    pub fn kernel_linker_file(&self) -> &Path {
        &self.linker
    }

    /// A linker that takes the arguments of Microsoft's.
    pub fn kernel_linker(&self) -> Command {
        let mut command = Command::new(&self.linker);
        // The linker writes the name it is called by into the PDB.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::arg0(&mut command, "lld-link");
        command.args(["-flavor", "link"]);
        command
    }

    /// Paths of this machine that the compiler would write into what it builds.
    pub fn own_paths(&self) -> Vec<(PathBuf, &'static str)> {
        let mut paths = Vec::new();
        if let Some(sources) = &self.library_sources {
            paths.push((sources.clone(), "/rust"));
        }
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
        paths.extend(home.map(|home| (home, "/cargo")));
        paths
    }

    /// The compiler's version and where its library comes from.
    pub fn description(&self) -> Result<String> {
        let version = process::output(Command::new(&self.rustc).arg("--version"))?;
        let library = match self.library_sources {
            Some(_) => "library built from its sources",
            None => "library as installed",
        };
        Ok(format!("{}, {library}", version.trim()))
    }
}

/// The first error, with what the second one would install as a further way.
fn either(error: anyhow::Error, other: &anyhow::Error) -> anyhow::Error {
    match (error.downcast(), other.downcast_ref()) {
        (
            Ok(Unable::Missing {
                purpose,
                mut installs,
            }),
            Some(Unable::Missing { installs: more, .. }),
        ) => {
            installs.extend(more.iter().cloned());
            Unable::Missing { purpose, installs }.into()
        }
        (Ok(unable), _) => unable.into(),
        (Err(error), _) => error,
    }
}

/// The toolchain that runs this program, with its own Windows targets.
fn installed(targets: &[Target]) -> Result<Toolchain> {
    let rustc = env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let root = process::output(Command::new(&rustc).args(["--print", "sysroot"]))?;
    let root = PathBuf::from(root.trim());
    let triples = targets.iter().map(|target| target.triple());
    let missing: Vec<&str> = triples
        .filter(|triple| !has_target(&root, triple))
        .collect();
    if !missing.is_empty() {
        let install = match process::find("rustup") {
            Some(_) => [&["rustup", "target", "add"][..], &missing].concat(),
            None => [&["sudo", "apt-get", "install"][..], &DEBIAN_PACKAGES].concat(),
        };
        return Err(Unable::missing(PURPOSE, install).into());
    }
    let linker = match bundled_linker(&root) {
        Some(linker) => linker,
        None => separate_linker()?,
    };
    Ok(Toolchain {
        cargo,
        rustc,
        linker,
        library_sources: None,
    })
}

fn has_target(root: &Path, triple: &str) -> bool {
    root.join("lib/rustlib").join(triple).join("lib").is_dir()
}

/// The linker inside a rustup toolchain.
fn bundled_linker(root: &Path) -> Option<PathBuf> {
    let targets = fs::read_dir(root.join("lib/rustlib")).ok()?;
    let program = format!("rust-lld{}", env::consts::EXE_SUFFIX);
    targets
        .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(&program)))
        .find(|file| process::is_program(file))
}

/// Debian's compiler with the sources of its library.
fn debian() -> Result<Toolchain> {
    let sources = library_sources().filter(|_| process::is_program(DEBIAN_CARGO.as_ref()));
    let Some(library_sources) = sources else {
        return Err(Unable::missing_packages(PURPOSE, &DEBIAN_PACKAGES).into());
    };
    Ok(Toolchain {
        cargo: DEBIAN_CARGO.into(),
        rustc: DEBIAN_RUSTC.into(),
        linker: separate_linker()?,
        library_sources: Some(library_sources),
    })
}

/// The folder of the library's sources that Debian's compiler looks in.
fn library_sources() -> Option<PathBuf> {
    let root = process::output(Command::new(DEBIAN_RUSTC).args(["--print", "sysroot"])).ok()?;
    let sources = PathBuf::from(root.trim()).join("lib/rustlib/src/rust");
    let whole = sources.join("library/Cargo.lock").is_file();
    // The folder is a link to where the package put it, and the compiler writes the latter.
    whole.then(|| fs::canonicalize(&sources).unwrap_or(sources))
}

/// A linker of LLVM's own packages: `lld-link`, or the newest `lld-link-N`.
fn separate_linker() -> Result<PathBuf> {
    newest_linker().ok_or_else(|| Unable::missing_packages(PURPOSE, &["lld-19"]).into())
}

fn newest_linker() -> Option<PathBuf> {
    let numbered = || {
        (15..40)
            .rev()
            .find_map(|version| process::find(&format!("lld-link-{version}")))
    };
    process::find("lld-link").or_else(numbered)
}
