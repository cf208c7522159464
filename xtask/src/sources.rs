//! The packages of the workspace and their Rust sources.

use anyhow::{Context, Result};
use cargo_metadata::{MetadataCommand, Package};
use std::fs;
use std::path::{Path, PathBuf};

/// The packages of the workspace at `root`.
pub fn packages(root: &Path) -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new()
        .cargo_path(env!("CARGO"))
        .current_dir(root)
        .no_deps()
        .exec()?;
    Ok(metadata.packages)
}

/// The Rust files of the package in `folder`, sorted. Packages inside of it, hidden folders and
/// build output, which cargo marks with CACHEDIR.TAG, are left out.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let has = |file: &str| path.join(file).exists();
            if !name.starts_with(b".") && !has("Cargo.toml") && !has("CACHEDIR.TAG") {
                files.extend(self::files(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A path from the root of the workspace, with slashes.
pub fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).iter();
    let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Whether a file, named as [`relative`] does, is compiled for tests only.
pub fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests") || path.ends_with("tests.rs")
}

/// A workspace in a folder for temporary files.
#[cfg(test)]
pub struct Scratch(tempfile::TempDir);

#[cfg(test)]
impl Scratch {
    /// A workspace with the package `one` in `crates/one`, and these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let scratch = Self(tempfile::tempdir().expect("a temporary folder"));
        scratch.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n",
        );
        scratch.write(
            "crates/one/Cargo.toml",
            "[package]\nname = \"one\"\nedition = \"2024\"\n",
        );
        scratch.write("crates/one/src/lib.rs", "");
        for (path, text) in files {
            scratch.write(path, text);
        }
        scratch
    }

    /// The same for a test that runs cargo on it, which one compiled for another system cannot.
    pub fn for_cargo(files: &[(&str, &str)]) -> Option<Self> {
        if cargo_kmdf::process::is_built_elsewhere() {
            eprintln!("skipped: the cargo that compiled this test is of another system");
            return None;
        }
        Some(Self::new(files))
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a file in the folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).expect("readable")
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(test)]
mod tests {
    use super::{Scratch, files, is_test, packages, relative};

    #[test]
    fn files_belong_to_the_innermost_package() {
        let tree = Scratch::for_cargo(&[
            ("crates/one/src/target/mod.rs", ""),
            ("crates/one/tests/all/main.rs", ""),
            ("crates/one/target/CACHEDIR.TAG", ""),
            ("crates/one/target/build.rs", ""),
            ("crates/one/.hidden/x.rs", ""),
            ("crates/one/inner/Cargo.toml", ""),
            ("crates/one/inner/lib.rs", ""),
        ]);
        let Some(tree) = tree else { return };
        let packages = packages(tree.root()).expect("reads");
        assert_eq!(packages[0].name.as_str(), "one");
        let files = files(&tree.root().join("crates/one")).expect("reads");
        let found: Vec<_> = (files.iter())
            .map(|file| relative(tree.root(), file))
            .collect();
        let expected = ["src/lib.rs", "src/target/mod.rs", "tests/all/main.rs"];
        assert_eq!(found, expected.map(|file| format!("crates/one/{file}")));
        assert_eq!(
            [0, 1, 2].map(|at| is_test(&found[at])),
            [false, false, true]
        );
        assert!(is_test("crates/one/src/deep/tests.rs"));
    }
}
