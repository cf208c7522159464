//! The whole way: `cargo make` for each version of KMDF, and what must come out of it.

use crate::facts::{self, Facts};
use crate::kit::Kit;
use crate::tools;
use crate::workspace::{MINOR_VERSIONS, Workspace};
use anyhow::{Context, Result, ensure};
use cargo_kmdf::toolchain::{Choice, Target, Toolchain};
use cargo_kmdf::{audit, process};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs of crates.io that the way goes through. wdk-build's makefile installs rust-script
/// itself, in this version.
const PROGRAMS: [(&str, Option<&str>); 2] = [("cargo-make", None), ("rust-script", Some("0.30.0"))];

/// What `cargo make` is called with to get the package that is meant to be installed.
const PACKAGE: [&str; 2] = ["default", "--release"];

/// What it is called with to compile and link the driver for a debugger.
const DEVELOPMENT: [&str; 3] = ["build", "--profile", "dev"];

/// What the audit asks of the image in the package; `cargo kmdf audit` explains each.
const CHECKS: [&str; 5] = ["imports", "panic", "formatting", "stack", "version"];

/// What it asks of the image for a debugger, whose assertions may panic.
const DEVELOPMENT_CHECKS: [&str; 2] = ["imports", "stack"];

/// What it asks of the example driver's image.
const EXAMPLE_CHECKS: [&str; 3] = ["panic", "formatting", "stack"];

/// What a driver package contains.
const PACKAGED: [&str; 5] = [
    "WDRLocalTestCert.cer",
    "wdfmem.cat",
    "wdfmem.inf",
    "wdfmem.pdb",
    "wdfmem.sys",
];

/// What the packaging tools are called for, in the only order that makes a good package.
const CALLS: [&str; 8] = [
    "stampinf wdfmem.inf",
    "makecert WDRLocalTestCert.cer",
    // The makefile looks for the certificate before each signature. The first look, before makecert, fails
    // and is not in the journal.
    "certmgr WDRLocalTestCert.cer",
    "signtool wdfmem.sys",
    "inf2cat wdfmem.cat",
    "certmgr WDRLocalTestCert.cer",
    "signtool wdfmem.cat",
    "infverif wdfmem.inf",
];

/// Builds and packages the driver for each version of KMDF.
pub fn run() -> Result<String> {
    ensure!(
        cfg!(unix),
        "this stands in for Windows with a WDK: on Windows, run `cargo make` itself"
    );
    let root = root();
    let folder = target(&root).join("wdk-route");
    let facts = Facts::read(&root)?;
    let toolchain = Toolchain::find(Choice::Auto, &[Target::Kernel])?;
    let route = Route {
        programs: install_programs(&root)?,
        workspace: Workspace::make(&root, &folder)?,
        kit: Kit::make(&facts, &folder, &toolchain)?,
        store: folder.join("store"),
        linker: toolchain.kernel_linker_file().to_owned(),
    };
    println!(
        "{} names of wdk-sys {} are not in the facts, and left out of its bindings",
        route.workspace.left_out.len(),
        facts::WDK_SYS
    );
    let mut said = Vec::new();
    for minor in MINOR_VERSIONS {
        let packaged = route
            .build(minor)
            .with_context(|| format!("the WDK route fails for KMDF 1.{minor}"))?;
        said.push(format!("KMDF 1.{minor}: {packaged}"));
    }
    Ok(format!(
        "cargo-make packaged the driver, over bindings from facts and stand-ins for the WDK's tools; {}",
        said.join("; ")
    ))
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// The folder that cargo builds into.
fn target(root: &Path) -> PathBuf {
    root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Installs the programs into the target folder, once, and says where they are.
fn install_programs(root: &Path) -> Result<PathBuf> {
    let folder = target(root).join("tools");
    for (name, version) in PROGRAMS {
        if process::is_program(&folder.join("bin").join(name)) {
            continue;
        }
        println!("installing {name} of crates.io into {}", folder.display());
        let mut install = Command::new(env!("CARGO"));
        install.args(["install", name]).arg("--root").arg(&folder);
        match version {
            Some(version) => install.args(["--version", version]),
            // What it can do beyond that checks for updates of itself.
            None => install.args(["--locked", "--no-default-features"]),
        };
        // They run for seconds, so that optimising them takes longer than it saves.
        install
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env_remove("RUSTFLAGS");
        process::run(&mut install)?;
    }
    Ok(folder)
}

/// All that one run of `cargo make` needs.
struct Route {
    workspace: Workspace,
    kit: Kit,
    /// The folder with cargo-make and rust-script.
    programs: PathBuf,
    /// Where the stand-ins for the WDK's tools keep what they did.
    store: PathBuf,
    linker: PathBuf,
}

impl Route {
    /// Builds everything for one version of KMDF, and says what was found in the package.
    fn build(&self, minor: u8) -> Result<String> {
        self.workspace.set_target(minor)?;
        let built = self
            .workspace
            .folder
            .join("target")
            .join(Target::Kernel.triple());
        self.cargo_make(&DEVELOPMENT)?;
        audit::check(&built.join("debug/wdfmem.dll"), &DEVELOPMENT_CHECKS)?;
        fs::remove_dir_all(&self.store).ok();
        let built = built.join("release");
        let package = built.join("wdfmem_package");
        fs::remove_dir_all(&package).ok();
        self.cargo_make(&PACKAGE)?;

        let calls = fs::read_to_string(self.store.join(tools::JOURNAL))
            .context("none of the WDK's tools was called")?;
        ensure!(
            calls.lines().eq(CALLS),
            "the WDK's tools were called for\n{calls}instead of\n{}",
            CALLS.join("\n")
        );
        let mut files = Vec::new();
        for entry in fs::read_dir(&package).context("there is no package")? {
            files.push(entry?.file_name().to_string_lossy().into_owned());
        }
        files.sort();
        ensure!(
            files == PACKAGED,
            "the package contains {}, not {}",
            files.join(", "),
            PACKAGED.join(", ")
        );
        let inf = fs::read_to_string(package.join("wdfmem.inf"))?;
        let kmdf = format!("KmdfLibraryVersion = 1.{minor}");
        ensure!(
            inf.lines().any(|line| line.trim() == kmdf),
            "the INF has no line `{kmdf}`"
        );
        let found = audit::check(&package.join("wdfmem.sys"), &CHECKS)?;
        self.example(&built.join("mailbox.dll"))?;
        Ok(found.join(", "))
    }

    /// Builds the example driver over Microsoft's wdk-alloc, which imports what no Windows before 10 2004
    /// exports: its INF says so.
    fn example(&self, image: &Path) -> Result<()> {
        let mut build = self.command(Path::new(env!("CARGO")))?;
        build.args(["build", "--release", "--package", "mailbox"]);
        build.args(["--config", ".cargo/wdk.toml"]);
        build.args(["--target", Target::Kernel.triple()]);
        process::run(&mut build)?;
        audit::check(image, &EXAMPLE_CHECKS)?;
        let newer = audit::check(image, &["imports"]);
        ensure!(
            newer.is_err_and(|newer| format!("{newer:#}").contains("ExAllocatePool2")),
            "{} does not allocate with wdk-alloc",
            image.display()
        );
        Ok(())
    }

    /// Runs `cargo make` as a person does, with the target that such a person's compiler has anyway.
    fn cargo_make(&self, arguments: &[&str]) -> Result<()> {
        println!("cargo make {}", arguments.join(" "));
        let mut make = self.command(&self.programs.join("bin/cargo-make"))?;
        make.arg("make")
            .args(arguments)
            .args(["--target", Target::Kernel.triple()]);
        process::run(&mut make)
    }

    /// A program that is run in the workspace, with the kit in its environment.
    fn command(&self, program: &Path) -> Result<Command> {
        let mut folders = vec![self.kit.programs.clone(), self.programs.join("bin")];
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let mut command = Command::new(program);
        command
            .current_dir(&self.workspace.folder)
            .env("PATH", env::join_paths(folders)?)
            .env("WDKContentRoot", &self.kit.root)
            .env("CARGO_INSTALL_ROOT", &self.programs)
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER", &self.linker)
            .env(tools::STORE, &self.store);
        // Of the cargo that runs this task, and of its caller.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if matches!(
                &*name,
                "RUSTFLAGS"
                    | "CARGO"
                    | "RUSTC"
                    | "CARGO_TARGET_DIR"
                    | "CARGO_MANIFEST_DIR"
                    | "RUSTUP_TOOLCHAIN"
                    | "RUST_RECURSION_COUNT"
                    | "LD_LIBRARY_PATH"
            ) || name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_PROFILE_")
            {
                command.env_remove(&*name);
            }
        }
        Ok(command)
    }
}
