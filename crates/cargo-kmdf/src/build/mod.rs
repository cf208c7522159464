//! `cargo kmdf build`: the driver, the framework for Wine and the client, built without a WDK.

mod version_resource;

use crate::toolchain::{Choice, Target, Toolchain};
use crate::{process, project};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use version_resource::VersionResource;

/// Which images to build, and with what.
#[derive(Args, Default)]
pub struct Options {
    /// Where the compiler comes from
    #[arg(long, value_enum, default_value_t)]
    pub toolchain: Choice,
    /// Build everything a second time in another folder and compare the bytes
    #[arg(long)]
    pub twice: bool,
}

/// The driver's image.
pub const DRIVER: &str = "wdfmem.sys";
/// The image of the example driver that uses the crate `alloc`.
pub const EXAMPLE: &str = "mailbox.sys";
/// The framework's image, for Wine only.
pub const FRAMEWORK: &str = "WDFLDR.SYS";
/// The Windows client.
pub const CLIENT: &str = "wdfmem.exe";
/// The client as cargo builds it.
const CLIENT_PROGRAM: &str = "wdfmem-client.exe";

/// Builds the images and says what was made.
pub fn run(options: &Options) -> Result<String> {
    let root = project::root();
    let images = build(&root, options.toolchain)?;
    let mut said = Vec::new();
    for name in [DRIVER, EXAMPLE, FRAMEWORK, CLIENT] {
        let size = fs::metadata(images.join(name))?.len();
        said.push(format!("{name} {size} bytes"));
    }
    if options.twice {
        let again = Builder {
            root: &root,
            toolchain: &Toolchain::find(options.toolchain)?,
            target: &project::target(&root).join("image-again"),
        };
        fs::remove_dir_all(again.target).ok();
        compare(&images, &again.build()?)?;
        fs::remove_dir_all(again.target).ok();
        said.push("a second build is byte-identical".to_owned());
    }
    Ok(format!("{}, in {}", said.join(", "), images.display()))
}

/// Builds all images into `target/image`, which holds either all of one build or what it held before.
pub fn build(root: &Path, choice: Choice) -> Result<PathBuf> {
    let toolchain = Toolchain::find(choice)?;
    println!("{}", toolchain.description()?);
    let builder = Builder {
        root,
        toolchain: &toolchain,
        target: &project::target(root),
    };
    builder.build()
}

/// One kernel image: a package of the workspace, and how it is linked.
struct KernelImage {
    package: &'static str,
    name: &'static str,
    description: &'static str,
    /// What the linker is told beside [`LINK_ARGUMENTS`].
    arguments: &'static [&'static str],
}

const KERNEL_IMAGES: [KernelImage; 3] = [
    KernelImage {
        package: "wdfmem",
        name: DRIVER,
        description: "wdfmem memory test driver",
        arguments: &["/ENTRY:FxDriverEntry"],
    },
    KernelImage {
        package: "mailbox",
        name: EXAMPLE,
        description: "mailbox example driver",
        arguments: &["/ENTRY:FxDriverEntry"],
    },
    KernelImage {
        package: "kmdf-model",
        name: FRAMEWORK,
        description: "Model of the Kernel-Mode Driver Framework",
        // Wine may or may not call an entry point of what a driver imports: there is none, and
        // the first bind initialises.
        arguments: &[
            "/DLL",
            "/NOENTRY",
            "/NOIMPLIB",
            "/EXPORT:WdfVersionBind",
            "/EXPORT:WdfVersionUnbind",
        ],
    },
];

/// How every kernel image is linked.
///
/// `/RELEASE` writes the checksum that Windows insists on. `/BREPRO`, `/PDBALTPATH` and
/// `/PDBSOURCEPATH` keep the time and the folders of the build out of it. A section that the
/// linker leaves without flags crashes Windows, so the flags of the likely ones are given.
const LINK_ARGUMENTS: [&str; 16] = [
    "/NOLOGO",
    "/MACHINE:X64",
    "/DRIVER",
    "/SUBSYSTEM:NATIVE,10.0",
    "/NODEFAULTLIB",
    "/NXCOMPAT",
    "/DYNAMICBASE",
    "/TSAWARE:NO",
    "/OPT:REF,ICF",
    "/MERGE:.retplne=INIT",
    "/SECTION:INIT,ERD",
    "/DEBUG",
    "/RELEASE",
    "/BREPRO",
    "/PDBALTPATH:%_PDB%",
    "/PDBSOURCEPATH:/wdfmem",
];

/// The profile of kernel images: a release, optimised as a whole so that no
/// panic path remains which the compiler can prove away, with debugging information in the PDB.
const KERNEL_PROFILE: [&str; 6] = [
    "profile.kernel.inherits='release'",
    "profile.kernel.panic='abort'",
    "profile.kernel.lto='fat'",
    "profile.kernel.codegen-units=1",
    "profile.kernel.debug='full'",
    "profile.kernel.strip='none'",
];

/// One build of everything into one target folder.
struct Builder<'a> {
    root: &'a Path,
    toolchain: &'a Toolchain,
    target: &'a Path,
}

impl Builder<'_> {
    fn build(&self) -> Result<PathBuf> {
        let made = self.target.join("image");
        let partial = self.target.join("image-partial");
        fs::remove_dir_all(&partial).ok();
        fs::create_dir_all(&partial)
            .with_context(|| format!("{} cannot be made", partial.display()))?;
        self.build_into(&partial).inspect_err(|_| {
            // What is there is not whole, and of no use.
            fs::remove_dir_all(&partial).ok();
        })?;
        fs::remove_dir_all(&made).ok();
        fs::rename(&partial, &made)
            .with_context(|| format!("{} cannot be put in place", made.display()))?;
        Ok(made)
    }

    fn build_into(&self, folder: &Path) -> Result<()> {
        for image in &KERNEL_IMAGES {
            self.kernel_image(image, folder)
                .with_context(|| format!("{} was not built", image.name))?;
        }
        self.client(folder)
            .with_context(|| format!("{CLIENT} was not built"))
    }

    /// Compiles a package to one library and links that, rather than have rustc link: its own
    /// linking leaves a random path in the PDB, and marks the image as a DLL.
    fn kernel_image(&self, image: &KernelImage, to: &Path) -> Result<()> {
        let mut compile = self.cargo("rustc", Target::Kernel);
        compile
            .args(["--package", image.package, "--lib"])
            .args(["--crate-type", "staticlib"]);
        process::run(&mut compile)?;

        let (stem, _) = image.name.split_once('.').unwrap_or((image.name, ""));
        let compiled = format!("{}.lib", image.package.replace('-', "_"));
        let compiled = self.products(Target::Kernel).join(compiled);
        // The linker writes the names of its inputs into the PDB: they are given without a folder.
        let library = to.join(format!("{stem}.lib"));
        fs::copy(&compiled, &library)
            .with_context(|| format!("{} was not made", compiled.display()))?;
        let resource = to.join(format!("{stem}.res"));
        let version = VersionResource {
            version: env!("CARGO_PKG_VERSION"),
            file_name: image.name,
            description: image.description,
            product: "wdfmem",
            company: "wdfmem project",
            copyright: "MIT OR Apache-2.0",
        };
        fs::write(
            &resource,
            version.to_resource_file().map_err(anyhow::Error::msg)?,
        )?;

        let mut link = self.toolchain.kernel_linker();
        link.current_dir(to)
            .args(LINK_ARGUMENTS)
            .args(image.arguments)
            .arg(format!("/VERSION:{}", major_and_minor()))
            .arg(format!("/OUT:{}", image.name))
            .arg(format!("/PDB:{stem}.pdb"))
            .arg(format!("{stem}.res"))
            .arg(format!("{stem}.lib"));
        process::run(&mut link)?;
        fs::remove_file(library)?;
        fs::remove_file(resource)?;
        Ok(())
    }

    fn client(&self, to: &Path) -> Result<()> {
        let mut compile = self.cargo("build", Target::Program);
        compile.args(["--package", "wdfmem-client", "--bins"]);
        process::run(&mut compile)?;
        let made = self.products(Target::Program).join(CLIENT_PROGRAM);
        fs::copy(&made, to.join(CLIENT))
            .with_context(|| format!("{} was not made", made.display()))?;
        Ok(())
    }

    /// `cargo SUBCOMMAND` with the profile and the compiler flags of the target.
    fn cargo(&self, subcommand: &str, target: Target) -> Command {
        let mut command = self.toolchain.cargo(subcommand, target);
        command
            .current_dir(self.root)
            .args(["--profile", profile(target), "--target-dir"])
            .arg(self.target)
            .env("CARGO_ENCODED_RUSTFLAGS", self.compiler_flags(target));
        if target == Target::Kernel {
            for setting in KERNEL_PROFILE {
                command.args(["--config", setting]);
            }
        }
        command
    }

    /// Flags for rustc, as cargo takes them from the environment.
    fn compiler_flags(&self, target: Target) -> String {
        let mut flags = match target {
            Target::Kernel => vec!["--cfg".to_owned(), "image".to_owned()],
            // MinGW's linker writes the time of the build unless told not to.
            Target::Program => vec![
                "-Clink-arg=-Wl,--no-insert-timestamp".to_owned(),
                "-Cstrip=symbols".to_owned(),
            ],
        };
        let mut paths = self.toolchain.own_paths();
        paths.push((self.root.to_owned(), "/wdfmem"));
        // Last, because the last one that fits counts and this folder may lie in the one before.
        paths.push((self.target.to_owned(), "/target"));
        for (path, name) in paths {
            flags.push(format!("--remap-path-prefix={}={name}", path.display()));
        }
        flags.join("\x1f")
    }

    fn products(&self, target: Target) -> PathBuf {
        self.target.join(target.triple()).join(profile(target))
    }
}

/// The cargo profile that a target is built with. Cargo keeps a folder of its name beside those of
/// the targets, so none is called as the folder of the images is.
fn profile(target: Target) -> &'static str {
    match target {
        Target::Kernel => "kernel",
        Target::Program => "release",
    }
}

/// The first two numbers of the version, which is all that an image's header holds.
fn major_and_minor() -> String {
    let version = env!("CARGO_PKG_VERSION");
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// Fails unless both folders hold the same files with the same bytes.
fn compare(first: &Path, second: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(first)? {
        names.push(entry?.file_name());
    }
    for name in names {
        let [one, other] = [first, second].map(|folder| fs::read(folder.join(&name)));
        ensure!(
            one? == other?,
            "{} differs between two builds of the same source",
            name.display()
        );
    }
    Ok(())
}
