//! A throw-away Wine prefix: made, filled with a driver package, and gone in the end.

use crate::build::FRAMEWORK;
use crate::driver::Driver;
use crate::failure::{Unable, usage};
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The first Wine that is known to run the driver.
const OLDEST: u32 = 8;
/// Where Debian puts the server that the `wine` command starts.
const DEBIAN_SERVER: &str = "/usr/lib/wine/wineserver64";
/// Source of the library that Wine lacks for a program in Rust.
const RANDOM_LIBRARY_SOURCE: &str = include_str!("../../assets/bcryptprimitives.c");
/// Source of the program that installs, opens and removes devices.
const DEVICE_SOURCE: &str = include_str!("../../assets/device.c");
/// That program in the folder of the driver package.
pub const DEVICE: &str = "device.exe";
/// The driver package in a prefix.
const PACKAGE: &str = "drive_c/pkg";
/// The compiler of Windows programs, and the package that it is in.
const COMPILER: (&str, &str) = ("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64");

/// The programs of an installed Wine.
pub struct Wine {
    program: PathBuf,
    server: PathBuf,
    /// What `wine --version` prints.
    pub version: String,
}

impl Wine {
    /// Finds Wine and the compiler that fills a prefix, and rejects a Wine that is too old.
    pub fn find() -> Result<Self> {
        if !cfg!(target_os = "linux") {
            return Err(usage(
                "`cargo kmdf wine` needs Linux: it looks for the driver's process in /proc",
            ));
        }
        let purpose = "running the driver under Wine";
        let missing = || Unable::missing_packages(purpose, &["wine", "wine64", COMPILER.1]);
        if process::find(COMPILER.0).is_none() {
            return Err(missing().into());
        }
        let program = process::find("wine").ok_or_else(missing)?;
        let version = Command::new(&program)
            .arg("--version")
            .stderr(Stdio::null())
            .output()
            .context("wine could not be started")?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let major = major_version(&version)
            .with_context(|| format!("`wine --version` said \"{version}\", not a version"))?;
        ensure!(
            major >= OLDEST,
            "{version} is too old: version {OLDEST} is the first known to load the driver; \
             install that of Debian 12 or a newer one"
        );
        let server = match process::find("wineserver") {
            _ if process::is_program(DEBIAN_SERVER.as_ref()) => DEBIAN_SERVER.into(),
            Some(server) => server,
            None => bail!("{version} has no wineserver in PATH: install the rest of it"),
        };
        Ok(Self {
            program,
            server,
            version,
        })
    }
}

/// The number before the first dot in `wine-8.0 (Debian 8.0~repack-4)`.
fn major_version(version: &str) -> Option<u32> {
    let number = version.strip_prefix("wine-")?;
    number
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// A prefix of our own, without anything but Wine in it at first.
///
/// Dropping it ends every program in it and removes it, unless it is kept.
pub struct Prefix {
    wine: Wine,
    folder: PathBuf,
    keep: bool,
}

impl Prefix {
    /// Makes the prefix in a folder that is emptied first.
    pub fn make(wine: Wine, folder: &Path, keep: bool) -> Result<Self> {
        let mut prefix = Self {
            wine,
            folder: folder.to_owned(),
            keep: false,
        };
        if folder.exists() {
            // Of a run that was ended from outside: its programs may still be there.
            prefix.server("--kill")?;
            fs::remove_dir_all(folder)
                .with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        prefix.folder = fs::canonicalize(folder)?;
        prefix.keep = keep;
        let mut boot = prefix.command();
        boot.args(["wineboot", "--init"])
            .env("WINEDEBUG", "-all")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = boot.status().context("wine could not be started")?;
        prefix.server("--wait")?;
        ensure!(
            status.success() && prefix.system_folder().join("ntoskrnl.exe").is_file(),
            "`wineboot --init` ended with {status} and left no Windows in {}: \
             try it by hand with WINEPREFIX set to an empty folder",
            prefix.folder.display()
        );
        Ok(prefix)
    }

    /// Puts the framework where drivers find it, and the driver package into `C:\pkg`.
    pub fn fill(&self, driver: &Driver, images: &Path, framework: &Path) -> Result<()> {
        copy(
            framework,
            &self.system_folder().join("drivers").join(FRAMEWORK),
        )?;
        let package = self.folder.join(PACKAGE);
        fs::create_dir_all(&package)?;
        for name in [Some(driver.image()), driver.program()]
            .into_iter()
            .flatten()
        {
            copy(&images.join(&name), &package.join(&name))?;
        }
        fs::write(package.join(driver.inf()), for_wine(&driver.stamped_inf()?))?;
        let mut options = vec!["-municode", "-Os"];
        options.extend(["-lsetupapi", "-lnewdev", "-lole32"]);
        self.compile(DEVICE_SOURCE, &package.join(DEVICE), &options)?;
        self.add_random_library()
    }

    /// Copies a file into the driver package.
    pub fn add_to_package(&self, file: &Path, name: &str) -> Result<()> {
        copy(file, &self.folder.join(PACKAGE).join(name))
    }

    /// Rust's standard library imports bcryptprimitives.dll, which Wine has from version 9 on.
    pub fn add_random_library(&self) -> Result<()> {
        let library = self.system_folder().join("bcryptprimitives.dll");
        if library.exists() {
            return Ok(());
        }
        let options = ["-shared", "-nostdlib", "-Os", "-Wl,--entry,0", "-ladvapi32"];
        self.compile(RANDOM_LIBRARY_SOURCE, &library, &options)
    }

    /// Compiles a program or library of Windows from one file of C.
    fn compile(&self, source: &str, to: &Path, options: &[&str]) -> Result<()> {
        let file = self.folder.join("source.c");
        fs::write(&file, source)?;
        let mut compile = Command::new(COMPILER.0);
        // Libraries come after what needs them.
        compile.arg("-o").arg(to).arg(&file).args(options);
        process::run(&mut compile)
    }

    /// `wine` in this prefix.
    pub fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        self.enter(&mut command);
        command
    }

    /// The path of the program `wine`.
    pub fn program(&self) -> &Path {
        &self.wine.program
    }

    /// Has what `command` starts in Wine run in this prefix, with no display and no add-ons to ask
    /// for.
    pub fn enter(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.folder)
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
    }

    /// Tells the server of this prefix something.
    pub fn server(&self, argument: &str) -> Result<()> {
        Command::new(&self.wine.server)
            .arg(argument)
            .env("WINEPREFIX", &self.folder)
            .env("WINEDEBUG", super::session::DEBUG_CHANNELS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("`wineserver {argument}` could not be started"))?;
        Ok(())
    }

    /// The folder of the prefix.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder in the prefix that is `C:\windows\system32`.
    pub fn system_folder(&self) -> PathBuf {
        self.folder.join("drive_c/windows/system32")
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // A server that cannot be ended leaves files open, which does not keep them from going.
        self.server("--kill").ok();
        if self.keep {
            println!("the prefix is kept in {}", self.folder.display());
        } else {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display()))?;
    Ok(())
}

/// The INF without what Wine does not read: it knows no decoration of a models section beyond the
/// architecture.
fn for_wine(inf: &str) -> String {
    let mut text = inf.to_owned();
    while let Some(start) = text.find("NTamd64.") {
        let version = start + "NTamd64".len();
        let end = text[version..]
            .find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
            .map_or(text.len(), |length| version + length);
        text.replace_range(version..end, "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_with_and_without_a_distribution() {
        assert_eq!(major_version("wine-8.0 (Debian 8.0~repack-4)"), Some(8));
        assert_eq!(major_version("wine-10.3"), Some(10));
        assert_eq!(major_version("Wine"), None);
    }

    #[test]
    fn the_windows_version_of_a_models_section_is_left_out() {
        let inf = "%P% = D,NTamd64.10.0...17763\r\n[D.NTamd64.10.0...17763]\r\n[I.NT]\r\n";
        assert_eq!(
            for_wine(inf),
            "%P% = D,NTamd64\r\n[D.NTamd64]\r\n[I.NT]\r\n"
        );
    }
}
