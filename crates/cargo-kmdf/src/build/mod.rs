//! `cargo kmdf build`: a driver's image and its client, built without a WDK.

mod version_resource;

use crate::driver::{Driver, Selection};
use crate::process;
use crate::terminal;
use crate::toolchain::{Choice, Target, Toolchain};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use version_resource::VersionResource;

/// Which driver to build, and with what.
#[derive(Args, Default)]
pub struct Options {
    #[expect(missing_docs, reason = "clap would show the text")]
    #[command(flatten)]
    pub selection: Selection,
    /// Where the compiler comes from
    #[arg(long, value_enum, default_value_t)]
    pub toolchain: Choice,
    /// Build a second time in another folder and compare the bytes
    #[arg(long)]
    pub twice: bool,
    /// Print what was made as JSON
    #[arg(long)]
    pub json: bool,
}

/// Builds the driver, and says what was made.
pub fn run(options: &Options) -> Result<String> {
    let driver = Driver::find(&options.selection)?;
    let images = build(&driver, options.toolchain)?;
    let mut files = Vec::new();
    for name in [Some(driver.image()), driver.program()]
        .into_iter()
        .flatten()
    {
        let size = fs::metadata(images.join(&name))?.len();
        files.push((name, size));
    }
    let mut reproduced = None;
    if options.twice {
        let again = driver.products().join("again");
        fs::remove_dir_all(&again).ok();
        let toolchain = Toolchain::find(options.toolchain, &targets(&driver))?;
        let builder = Builder::new(&driver, &toolchain, &again);
        compare(&images, &builder.build_all(&again.join("image"))?)?;
        fs::remove_dir_all(&again).ok();
        reproduced = Some(true);
    }
    if options.json {
        let files: Vec<_> = files
            .iter()
            .map(|(name, size)| json!({ "path": images.join(name), "bytes": size }))
            .collect();
        let made = json!({ "folder": images, "files": files, "reproduced": reproduced });
        println!("{made:#}");
    }
    let sizes = files
        .iter()
        .map(|(name, size)| format!("{name} {size} bytes"));
    let mut said: Vec<String> = sizes.collect();
    said.extend(reproduced.map(|_| "a second build is byte-identical".to_owned()));
    Ok(format!("{}, in {}", said.join(", "), images.display()))
}

/// Builds the driver and its client into [`Driver::images`], which holds either all of one build or what it held
/// before.
pub fn build(driver: &Driver, choice: Choice) -> Result<PathBuf> {
    let toolchain = Toolchain::find(choice, &targets(driver))?;
    terminal::status("Using", toolchain.description()?);
    Builder::new(driver, &toolchain, &driver.target).build_all(&driver.images())
}

/// Builds the model of the framework that the driver's tests run on as `WDFLDR.SYS`, for Wine only, and returns its
/// path.
pub fn framework(driver: &Driver, choice: Choice) -> Result<PathBuf> {
    let model = driver.model.as_ref().with_context(|| {
        format!(
            "{} has no dependency kmdf-model, which stands in for the framework under Wine: add kmdf-test to its \
             [dev-dependencies]",
            driver.package
        )
    })?;
    let toolchain = Toolchain::find(choice, &[Target::Kernel])?;
    let folder = driver.products().join("framework");
    let source = folder.join("src");
    fs::create_dir_all(&source).with_context(|| format!("{} cannot be made", source.display()))?;
    // Cargo builds no package that is only a dev-dependency as something else than that: it gets one of its own.
    let manifest = include_str!("framework.toml").replace("MODEL", model);
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(
        source.join("lib.rs"),
        "#![no_std]\nextern crate kmdf_model as _;\n",
    )?;
    fs::copy(
        driver.workspace.join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )
    .ok();
    let builder = Builder {
        root: &folder,
        ..Builder::new(driver, &toolchain, &driver.target)
    };
    let image = KernelImage {
        package: "wdfldr",
        library: "wdfldr",
        file: FRAMEWORK,
        description: "Model of the Kernel-Mode Driver Framework",
        product: "kmdf-model",
        company: "kmdf-model",
        copyright: &driver.license,
        version: driver.release.version,
        // Wine may or may not call an entry point of what a driver imports: there is none, and
        // the first bind initialises.
        arguments: &[
            "/DLL",
            "/NOENTRY",
            "/NOIMPLIB",
            "/EXPORT:WdfVersionBind",
            "/EXPORT:WdfVersionUnbind",
        ],
    };
    builder
        .kernel_image(&image, &folder)
        .with_context(|| format!("{FRAMEWORK} was not built"))?;
    Ok(folder.join(FRAMEWORK))
}

/// The framework's image, for Wine only.
pub const FRAMEWORK: &str = "WDFLDR.SYS";

/// What the driver's package needs a compiler for.
fn targets(driver: &Driver) -> Vec<Target> {
    let program = driver.client.as_ref().map(|_| Target::Program);
    [Some(Target::Kernel), program]
        .into_iter()
        .flatten()
        .collect()
}

/// One kernel image: a package, and how it is linked.
struct KernelImage<'a> {
    package: &'a str,
    /// The package's library, as rustc names it.
    library: &'a str,
    file: &'a str,
    description: &'a str,
    product: &'a str,
    company: &'a str,
    copyright: &'a str,
    version: [u32; 4],
    /// Arguments of the linker beside [`LINK_ARGUMENTS`].
    arguments: &'a [&'a str],
}

/// How every kernel image is linked.
///
/// `/RELEASE` writes the checksum that Windows insists on. `/BREPRO`, `/PDBALTPATH` and
/// `/PDBSOURCEPATH` keep the time and the folders of the build out of it. A section that the
/// linker leaves without flags crashes Windows, so the flags of the likely ones are given.
const LINK_ARGUMENTS: [&str; 15] = [
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

/// One build into one target folder.
struct Builder<'a> {
    driver: &'a Driver,
    toolchain: &'a Toolchain,
    /// The folder that cargo runs in.
    root: &'a Path,
    target: &'a Path,
}

impl<'a> Builder<'a> {
    fn new(driver: &'a Driver, toolchain: &'a Toolchain, target: &'a Path) -> Self {
        Self {
            driver,
            toolchain,
            root: &driver.folder,
            target,
        }
    }

    fn build_all(&self, made: &Path) -> Result<PathBuf> {
        let partial = made.with_extension("partial");
        fs::remove_dir_all(&partial).ok();
        fs::create_dir_all(&partial)
            .with_context(|| format!("{} cannot be made", partial.display()))?;
        self.build_into(&partial).inspect_err(|_| {
            // What is there is not whole, and of no use.
            fs::remove_dir_all(&partial).ok();
        })?;
        fs::remove_dir_all(made).ok();
        fs::rename(&partial, made)
            .with_context(|| format!("{} cannot be put in place", made.display()))?;
        Ok(made.to_owned())
    }

    fn build_into(&self, folder: &Path) -> Result<()> {
        let driver = self.driver;
        // Without an INX, the image is built all the same; the package describes it.
        let contents = match driver.inx {
            Some(_) => driver.installs()?,
            None => Default::default(),
        };
        let named = |text: &'_ str| {
            Some(text)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let description = named(&contents.display_name).or_else(|| driver.description.clone());
        let company = named(&contents.provider);
        let file = driver.image();
        let image = KernelImage {
            package: &driver.package,
            library: &driver.name,
            file: &file,
            description: description.as_ref().unwrap_or(&driver.package),
            product: &driver.package,
            company: company.as_ref().unwrap_or(&driver.package),
            copyright: &driver.license,
            version: driver.release.version,
            arguments: &["/ENTRY:FxDriverEntry"],
        };
        self.kernel_image(&image, folder)
            .with_context(|| format!("{file} was not built"))?;
        if let Some(program) = driver.program() {
            self.client(folder)
                .with_context(|| format!("{program} was not built"))?;
        }
        Ok(())
    }

    /// Compiles a package to one library and links that, rather than have rustc link: its own
    /// linking leaves a random path in the PDB, and marks the image as a DLL.
    fn kernel_image(&self, image: &KernelImage<'_>, to: &Path) -> Result<()> {
        let mut compile = self.cargo("rustc", Target::Kernel);
        compile
            .args(["--package", image.package, "--lib"])
            .args(["--crate-type", "staticlib"]);
        process::run(&mut compile)?;

        let (stem, _) = image.file.split_once('.').unwrap_or((image.file, ""));
        let compiled = format!("{}.lib", image.library);
        let compiled = self.products(Target::Kernel).join(compiled);
        terminal::status("Linking", image.file);
        // The linker writes the names of its inputs into the PDB: they are given without a folder.
        let library = to.join(format!("{stem}.lib"));
        fs::copy(&compiled, &library)
            .with_context(|| format!("{} was not made", compiled.display()))?;
        let resource = to.join(format!("{stem}.res"));
        let [major, minor, patch, _] = image.version;
        let version = VersionResource {
            version: &format!("{major}.{minor}.{patch}"),
            file_name: image.file,
            description: image.description,
            product: image.product,
            company: image.company,
            copyright: image.copyright,
        };
        fs::write(
            &resource,
            version.to_resource_file().map_err(anyhow::Error::msg)?,
        )?;

        let mut link = self.toolchain.kernel_linker();
        link.current_dir(to)
            .args(LINK_ARGUMENTS)
            .args(image.arguments)
            .arg(format!("/PDBSOURCEPATH:/{}", self.driver.name))
            .arg(format!("/VERSION:{major}.{minor}"))
            .arg(format!("/OUT:{}", image.file))
            .arg(format!("/PDB:{stem}.pdb"))
            .arg(format!("{stem}.res"))
            .arg(format!("{stem}.lib"));
        process::run(&mut link)?;
        fs::remove_file(library)?;
        fs::remove_file(resource)?;
        Ok(())
    }

    fn client(&self, to: &Path) -> Result<()> {
        let (Some(client), Some(program)) = (&self.driver.client, self.driver.program()) else {
            return Ok(());
        };
        let mut compile = self.cargo("build", Target::Program);
        compile.args(["--package", &client.package, "--bins"]);
        process::run(&mut compile)?;
        let made = format!("{}.exe", client.binary);
        let made = self.products(Target::Program).join(made);
        fs::copy(&made, to.join(program))
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
        let mut remap = |path: &Path, name: &str| {
            flags.push(format!("--remap-path-prefix={}={name}", path.display()));
        };
        for (path, name) in self.toolchain.own_paths() {
            remap(&path, name);
        }
        for (path, name) in &self.driver.path_dependencies {
            remap(path, name);
        }
        remap(&self.driver.workspace, &format!("/{}", self.driver.name));
        // Last, because the last one that fits counts and this folder may lie in the one before.
        remap(self.target, "/target");
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
