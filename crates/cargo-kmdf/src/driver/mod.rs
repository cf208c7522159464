//! The driver that a command works on, as its Cargo.toml and its INX describe it.

use crate::failure::usage;
use crate::inf::{self, Contents, Stamp};
use crate::package::date::Date;
use crate::release::{FLOOR, FLOOR_OF_WDK_ALLOC, Release};
use crate::terminal;
use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, TargetKind};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Which package is the driver.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// The driver's package, in a workspace with several
    #[arg(short, long, value_name = "NAME")]
    pub package: Option<String>,
    /// The Cargo.toml of the driver or of its workspace
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
}

/// A package with a KMDF driver.
#[derive(Clone, Debug)]
pub struct Driver {
    /// The name of the cargo package.
    pub package: String,
    /// The name of its library: `NAME.sys`, `NAME.inf`, `NAME.cat` are named after it.
    pub name: String,
    /// The package's description, if it has one.
    pub description: Option<String>,
    /// The package's license, for the version resource.
    pub license: String,
    /// Version, KMDF version and date.
    pub release: Release,
    /// The first Windows build that it runs on.
    pub floor: u32,
    /// The folder of its Cargo.toml.
    pub folder: PathBuf,
    /// The folder of its workspace.
    pub workspace: PathBuf,
    /// The folder that cargo builds into.
    pub target: PathBuf,
    /// The template of its INF.
    pub inx: Option<PathBuf>,
    /// The user-mode program that goes with it.
    pub client: Option<Client>,
    /// A page for the driver package, instead of the one that `cargo kmdf` has.
    pub instructions: Option<PathBuf>,
    /// The `[dependencies]` line, as TOML, of the framework's model that its tests run on.
    pub model: Option<String>,
    /// Folders of packages outside the workspace that are built into the image, by their packages' names.
    pub path_dependencies: Vec<(PathBuf, String)>,
}

/// The program that `client` in the manifest names.
#[derive(Clone, Debug)]
pub struct Client {
    /// The name of the client's cargo package.
    pub package: String,
    /// The name of the package's only binary target.
    pub binary: String,
    /// Its arguments for a run against the installed driver.
    pub arguments: Vec<String>,
}

/// `[package.metadata.kmdf]`, all of which may be left out.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    inx: Option<PathBuf>,
    client: Option<String>,
    client_arguments: Vec<String>,
    instructions: Option<PathBuf>,
}

impl Driver {
    /// The driver of the current folder, or the one that is asked for.
    pub fn find(selection: &Selection) -> Result<Self> {
        let mut command = MetadataCommand::new();
        if let Some(manifest) = &selection.manifest_path {
            command.manifest_path(manifest);
        }
        let metadata = command.exec().map_err(|error| unreadable(&error))?;
        let package = choose(&metadata, selection.package.as_deref())?;
        Self::read(&metadata, package)
            .with_context(|| format!("{} does not fit", package.manifest_path))
    }

    fn read(metadata: &Metadata, package: &Package) -> Result<Self> {
        let keys = package.metadata.get("kmdf").cloned().unwrap_or_default();
        let keys = match keys {
            Value::Null => Keys::default(),
            keys => serde_json::from_value(keys)
                .map_err(|error| usage(format!("[package.metadata.kmdf]: {error}")))?,
        };
        let folder = package.manifest_path.parent().context("it has no folder")?;
        let library = package.targets.iter().find(|target| {
            let kinds = &target.kind;
            kinds.contains(&TargetKind::Lib)
                || kinds.contains(&TargetKind::RLib)
                || kinds.contains(&TargetKind::CDyLib)
                || kinds.contains(&TargetKind::StaticLib)
        });
        let library =
            library.ok_or_else(|| usage("a driver is a library: the package has no src/lib.rs"))?;
        let client = keys.client.map(|name| {
            client(metadata, &name).map(|binary| Client {
                package: name,
                binary,
                arguments: keys.client_arguments,
            })
        });
        let floor = match package.dependencies.iter().any(|dependency| {
            dependency.name == "wdk-alloc" && dependency.kind == DependencyKind::Normal
        }) {
            true => FLOOR_OF_WDK_ALLOC,
            false => FLOOR,
        };
        let inx = match keys.inx {
            Some(inx) => Some(folder.as_std_path().join(inx)),
            None => only_inx(folder.as_std_path())?,
        };
        Ok(Self {
            package: package.name.to_string(),
            name: library.name.replace('-', "_"),
            description: package.description.clone(),
            license: package.license.clone().unwrap_or_default(),
            release: Release {
                version: numbers(package)?,
                kmdf: framework_version(metadata, package)?,
                committed: Release::committed(folder.as_std_path())?,
            },
            floor,
            folder: folder.into(),
            workspace: metadata.workspace_root.clone().into(),
            target: metadata.target_directory.clone().into(),
            inx,
            client: client.transpose()?,
            instructions: keys
                .instructions
                .map(|page| folder.as_std_path().join(page)),
            model: model(metadata),
            path_dependencies: path_dependencies(metadata),
        })
    }

    /// A driver in a folder without a manifest.
    #[cfg(test)]
    pub(crate) fn for_tests(name: &str, folder: &Path) -> Self {
        Self {
            package: name.to_owned(),
            name: name.to_owned(),
            description: None,
            license: "MIT".to_owned(),
            release: Release {
                version: [0, 1, 0, 0],
                kmdf: (1, 15),
                committed: 1_795_219_200,
            },
            floor: FLOOR,
            folder: folder.to_owned(),
            workspace: folder.to_owned(),
            target: folder.join("target"),
            inx: None,
            client: None,
            instructions: None,
            model: None,
            path_dependencies: Vec::new(),
        }
    }

    /// The folder of everything that `cargo kmdf` makes of this driver.
    pub fn products(&self) -> PathBuf {
        self.target.join("kmdf").join(&self.name)
    }

    /// The folder of what `cargo kmdf build` made.
    pub fn images(&self) -> PathBuf {
        self.products().join("image")
    }

    /// Warns of an image that is older than the driver's own sources: the command works on what was built before.
    pub fn warn_if_changed(&self) {
        let image = self.images().join(self.image());
        if let Some(source) = self.changed_since(&image) {
            terminal::warning(format!(
                "{} was changed after {} was built: run `cargo kmdf build`, then this again",
                source
                    .strip_prefix(&self.folder)
                    .unwrap_or(&source)
                    .display(),
                self.image()
            ));
        }
    }

    /// A source file of the driver's package that is newer than its image.
    fn changed_since(&self, image: &Path) -> Option<PathBuf> {
        let changed = |path: &Path| fs::metadata(path)?.modified();
        let built = changed(image).ok()?;
        let mut sources: Vec<PathBuf> = ["Cargo.toml", "build.rs", "src"]
            .map(|name| self.folder.join(name))
            .into();
        while let Some(path) = sources.pop() {
            if let Ok(entries) = fs::read_dir(&path) {
                sources.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
            } else if changed(&path).is_ok_and(|changed| changed > built) {
                return Some(path);
            }
        }
        None
    }

    /// The folder of the driver package.
    pub fn driver_package(&self) -> PathBuf {
        self.products().join("package")
    }

    /// The file name of the image.
    pub fn image(&self) -> String {
        format!("{}.sys", self.name)
    }

    /// The file name of the client in the images and in the driver package.
    pub fn program(&self) -> Option<String> {
        self.client.as_ref().map(|_| format!("{}.exe", self.name))
    }

    /// The file name of the INF.
    pub fn inf(&self) -> String {
        format!("{}.inf", self.name)
    }

    /// The file name of the catalog.
    pub fn catalog(&self) -> String {
        format!("{}.cat", self.name)
    }

    /// The template of the INF, or what to do for want of one.
    pub fn template(&self) -> Result<&Path> {
        self.inx.as_deref().ok_or_else(|| {
            usage(format!(
                "there is no INX in {}: put the template of the INF there as {}.inx, or name it in \
                 [package.metadata.kmdf] as `inx = \"FILE\"`",
                self.folder.display(),
                self.package
            ))
        })
    }

    /// The INF as the driver package holds it.
    pub fn stamped_inf(&self) -> Result<String> {
        let template = self.template()?;
        let text = fs::read_to_string(template)
            .map_err(|error| usage(format!("{} cannot be read: {error}", template.display())))?;
        let values = Stamp {
            architecture: "amd64",
            kmdf: self.release.kmdf,
            date: Date::of(self.release.committed),
            version: self.release.version,
            catalog: self.catalog(),
        };
        inf::stamp(&text, &values)
            .with_context(|| format!("{} cannot be stamped", template.display()))
    }

    /// What the INF installs, which must be this driver.
    pub fn installs(&self) -> Result<Contents> {
        let contents = inf::contents(self.stamped_inf()?.as_bytes());
        anyhow::ensure!(
            contents.binary.eq_ignore_ascii_case(&self.image()),
            "{} installs \"{}\", and the package builds {}: correct ServiceBinary and the lists of files",
            self.template()?.display(),
            contents.binary,
            self.image()
        );
        Ok(contents)
    }

    /// The first hardware ID that the INF installs the driver for.
    pub fn hardware_id(&self) -> Result<String> {
        let first = self.installs()?.hardware_ids.into_iter().next();
        first.with_context(|| {
            format!(
                "{} gives no hardware ID: `cargo kmdf inf` says where one is missing",
                self.inf()
            )
        })
    }
}

/// What to do when cargo finds no manifest, or one that it cannot read.
fn unreadable(error: &cargo_metadata::Error) -> anyhow::Error {
    let error = error.to_string();
    if error.contains("could not find `Cargo.toml`") {
        return usage(
            "there is no Cargo.toml in this folder or above it: change to the driver's folder, name its manifest with \
             --manifest-path, or make a driver with `cargo kmdf new NAME`",
        );
    }
    usage(format!(
        "cargo cannot read the manifest: {}",
        error.trim_end()
    ))
}

/// The package that is named, that cargo takes for the current one, or that is the only driver.
fn choose<'a>(metadata: &'a Metadata, name: Option<&str>) -> Result<&'a Package> {
    let members = metadata.workspace_packages();
    let is_driver = |package: &Package| driver_model(metadata, package).is_some();
    let drivers: Vec<&Package> = members
        .iter()
        .copied()
        .filter(|package| is_driver(package))
        .collect();
    let names: Vec<&str> = drivers
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let chosen = match name {
        Some(name) => members.into_iter().find(|package| package.name == name),
        None => metadata.root_package(),
    };
    match (chosen, name, &drivers[..]) {
        (Some(package), ..) if is_driver(package) => Ok(package),
        (_, None, [only]) => Ok(only),
        (_, _, []) => Err(usage(
            "there is no KMDF driver here: a driver's Cargo.toml has [package.metadata.wdk.driver-model] with \
             driver-type = \"KMDF\"; `cargo kmdf new NAME` makes a driver to start from",
        )),
        (None, Some(name), _) => Err(usage(format!(
            "the workspace has no package {name}; its drivers are {}",
            names.join(", ")
        ))),
        (Some(package), ..) => Err(usage(format!(
            "{} is no KMDF driver; name one with -p: {}",
            package.name,
            names.join(", ")
        ))),
        (None, None, _) => Err(usage(format!(
            "the workspace has several drivers; name one with -p: {}",
            names.join(", ")
        ))),
    }
}

/// `[package.metadata.wdk.driver-model]` of a KMDF driver. As for wdk-build, it may stand in the workspace's
/// metadata, for the packages whose libraries can be images.
fn driver_model<'a>(metadata: &'a Metadata, package: &'a Package) -> Option<&'a Value> {
    let of_workspace = || {
        let image = |target: &cargo_metadata::Target| target.kind.contains(&TargetKind::CDyLib);
        let model = &metadata.workspace_metadata["wdk"]["driver-model"];
        package.targets.iter().any(image).then_some(model)
    };
    let own = &package.metadata["wdk"]["driver-model"];
    Some(own)
        .filter(|model| model.is_object())
        .or_else(of_workspace)
        .filter(|model| model["driver-type"] == "KMDF")
}

fn framework_version(metadata: &Metadata, package: &Package) -> Result<(u32, u32)> {
    let model = driver_model(metadata, package);
    let number = |key: &str| {
        let number = model?[key].as_u64()?;
        u32::try_from(number).ok()
    };
    let version = number("kmdf-version-major").zip(number("target-kmdf-version-minor"));
    version.ok_or_else(|| {
        usage(
            "[package.metadata.wdk.driver-model] does not say which KMDF version to bind to: add \
             kmdf-version-major = 1 and target-kmdf-version-minor = 15",
        )
    })
}

/// The version in four numbers, each of which must fit a field of 16 bits.
fn numbers(package: &Package) -> Result<[u32; 4]> {
    let version = &package.version;
    let numbers = [version.major, version.minor, version.patch, 0];
    if numbers.iter().any(|number| *number > u16::MAX.into()) {
        return Err(usage(format!(
            "the version {version} has a number above 65535, which drivers' versions cannot have"
        )));
    }
    Ok(numbers.map(|number| number as u32))
}

/// The only file in the folder that ends in `.inx`.
fn only_inx(folder: &Path) -> Result<Option<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "inx"))
        .collect();
    if found.len() > 1 {
        return Err(usage(format!(
            "{} has several .inx files: name one in [package.metadata.kmdf] as `inx = \"FILE\"`",
            folder.display()
        )));
    }
    Ok(found.pop())
}

/// The name of the client's only binary.
fn client(metadata: &Metadata, name: &str) -> Result<String> {
    let members = metadata.workspace_packages();
    let package = members.into_iter().find(|package| package.name == name);
    let package = package.ok_or_else(|| {
        usage(format!(
            "[package.metadata.kmdf] names the client {name}, which is no package of the workspace: correct the \
             name, or add the package's folder to `members` in [workspace]"
        ))
    })?;
    let mut binaries = package.targets.iter().filter(|target| target.is_bin());
    match (binaries.next(), binaries.next()) {
        (Some(binary), None) => Ok(binary.name.clone()),
        _ => Err(usage(format!(
            "the client {name} must have exactly one binary"
        ))),
    }
}

/// The framework's model in the dependency graph, as a dependency of the same source.
fn model(metadata: &Metadata) -> Option<String> {
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name == "kmdf-model")?;
    let source = package.source.as_ref().map(|source| source.repr.as_str());
    Some(match source {
        // A git source is `git+URL?query#commit`.
        Some(source) if source.starts_with("git+") => {
            let (url, commit) = source["git+".len()..].split_once('#')?;
            let url = url.split('?').next().unwrap_or(url);
            format!("{{ git = {url:?}, rev = {commit:?} }}")
        }
        Some(_) => format!("\"={}\"", package.version),
        None => format!("{{ path = {:?} }}", package.manifest_path.parent()?),
    })
}

fn path_dependencies(metadata: &Metadata) -> Vec<(PathBuf, String)> {
    let packages = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_none());
    packages
        .filter_map(|package| Some((package.manifest_path.parent()?, package)))
        .filter(|(folder, _)| !folder.starts_with(&metadata.workspace_root))
        .map(|(folder, package)| (folder.into(), format!("/{}", package.name)))
        .collect()
}

#[cfg(test)]
mod tests;
