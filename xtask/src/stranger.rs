//! `cargo xtask stranger`: what a driver author does who has nothing but this checkout and a Rust toolchain.
//!
//! `cargo kmdf` is installed, makes a driver in a folder outside the repository, and takes it, unchanged, through
//! every command. The driver of the README's section [`SECTION`] and that of [`EXAMPLE`] go the same way.

use crate::project;
use anyhow::{Context, Result, ensure};
use cargo_kmdf::process;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The heading of the README's section with a driver. Each of its blocks begins with a comment that names its file,
/// as in `// src/lib.rs` or `# Cargo.toml`.
const SECTION: &str = "## A driver";

/// The example that goes through every command too.
const EXAMPLE: &str = "examples/packet-ring";

/// What a driver goes through, in this order.
const COMMANDS: &str = "test, kmdf build, kmdf audit, kmdf package, kmdf wine";

/// The crates that a driver may depend on, which its manifest takes from a registry.
const CRATES: &str = "kmdf kmdf-build kmdf-model kmdf-sys kmdf-test nt-model";

/// What the cargo that runs this task sets for its own build.
const VARIABLES: &str = "CARGO CARGO_TARGET_DIR RUSTC RUSTFLAGS CARGO_ENCODED_RUSTFLAGS";

/// Takes a new driver, and that of the README, through every command.
pub fn run() -> Result<String> {
    let root = project::root();
    let author = Author::install(&root)?;
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    author.cargo(folder.path(), "kmdf new hello")?;
    let hello = folder.path().join("hello");
    author.cargo(&hello, "fmt --all --check")?;
    author.run_all(&hello)?;
    let text = fs::read_to_string(root.join("README.md")).context("README.md cannot be read")?;
    let blocks = blocks(&text);
    ensure!(
        !blocks.is_empty(),
        "README.md has no section \"{SECTION}\" with a driver in it"
    );
    author.readme(folder.path(), &blocks, &root)?;
    author.run_all(&root.join(EXAMPLE))?;
    Ok(format!(
        "a new driver, that of the README and {EXAMPLE} went through every command"
    ))
}

/// A driver author who has installed `cargo kmdf`.
pub struct Author {
    /// `PATH` with the program's folder first.
    path: OsString,
}

impl Author {
    /// Installs the program into the target folder.
    pub fn install(root: &Path) -> Result<Self> {
        let folder = project::target(root).join("stranger");
        let mut install = Command::new(env!("CARGO"));
        install
            .args(["install", "--debug", "--force", "--locked", "--path"])
            .arg(root.join("crates/cargo-kmdf"))
            .arg("--root")
            .arg(&folder)
            .arg("--target-dir")
            .arg(project::target(root));
        process::run(&mut install)?;
        let others = env::var_os("PATH").unwrap_or_default();
        let folders = [folder.join("bin")]
            .into_iter()
            .chain(env::split_paths(&others));
        Ok(Self {
            path: env::join_paths(folders)?,
        })
    }

    /// Takes the driver in a folder through every command.
    pub fn run_all(&self, driver: &Path) -> Result<()> {
        for command in COMMANDS.split(", ") {
            self.cargo(driver, command)?;
        }
        Ok(())
    }

    /// Makes a driver of the README's blocks and takes it through every command.
    fn readme(&self, folder: &Path, blocks: &[(PathBuf, String)], root: &Path) -> Result<()> {
        let manifest = blocks
            .iter()
            .find(|(file, _)| file == Path::new("Cargo.toml"));
        let (_, manifest) = manifest.context("the README's driver has no `# Cargo.toml`")?;
        let manifest: toml::Table = toml::from_str(manifest).context("its Cargo.toml")?;
        let name = manifest["package"]["name"]
            .as_str()
            .context("it has no name")?;
        let driver = folder.join("readme").join(name);
        // What the README leaves out is said there to come from here.
        fs::create_dir_all(folder.join("readme"))?;
        self.cargo(&folder.join("readme"), &format!("kmdf new {name}"))?;
        for own in ["client", "src", "tests"] {
            fs::remove_dir_all(driver.join(own))?;
        }
        for (file, text) in blocks {
            let path = driver.join(file);
            fs::create_dir_all(path.parent().unwrap_or(&driver))?;
            let mut text = text.clone();
            if file == Path::new("Cargo.toml") {
                text.push_str(&unpublished(root));
            }
            fs::write(path, text)?;
        }
        self.run_all(&driver).context("the driver of the README")
    }

    fn cargo(&self, folder: &Path, arguments: &str) -> Result<()> {
        println!("\n$ cargo {arguments}");
        let mut command = Command::new("cargo");
        command
            .args(arguments.split(' '))
            .current_dir(folder)
            .env("PATH", &self.path);
        for name in VARIABLES.split(' ') {
            command.env_remove(name);
        }
        process::run(&mut command)
    }
}

/// Takes the crates of this checkout in place of those of the registry.
fn unpublished(root: &Path) -> String {
    let mut patch = "\n[patch.crates-io]\n".to_owned();
    for name in CRATES.split(' ') {
        let path = root.join("crates").join(name);
        patch.push_str(&format!("{name} = {{ path = '{}' }}\n", path.display()));
    }
    patch
}

/// The blocks of the section that name a file, with that file.
fn blocks(readme: &str) -> Vec<(PathBuf, String)> {
    let mut blocks = Vec::new();
    let mut in_section = false;
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
            in_section = line.trim_end() == SECTION;
        }
        if !line.starts_with("```") {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let named = block.first().and_then(|first| file(first));
        if let Some(file) = named.filter(|_| in_section) {
            blocks.push((file, block.join("\n") + "\n"));
        }
    }
    blocks
}

/// The file that a comment names and nothing else.
fn file(line: &str) -> Option<PathBuf> {
    let marks = ["// ", "# ", "; "];
    let name = marks.iter().find_map(|mark| line.strip_prefix(mark))?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "./_-".contains(letter);
    let is_file = name.contains('.') && !name.contains("..") && name.chars().all(plain);
    is_file.then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::{SECTION, blocks};
    use std::path::Path;

    #[test]
    fn blocks_with_the_name_of_a_file_are_taken_from_the_section_alone() {
        let readme = format!(
            "## Before\n```rust\n// src/lib.rs\nno\n```\n{SECTION}\ntext\n```rust\n// src/lib.rs\nfn f() {{}}\n```\n\
             ```toml\n# Cargo.toml\n[package]\n```\n```console\n$ cargo test\n```\n## After\n```rust\n// build.rs\n```\n"
        );
        let found = blocks(&readme);
        let names: Vec<&Path> = found.iter().map(|(file, _)| &**file).collect();
        assert_eq!(names, [Path::new("src/lib.rs"), Path::new("Cargo.toml")]);
        assert_eq!(found[0].1, "// src/lib.rs\nfn f() {}\n");
    }

    #[test]
    fn a_comment_that_is_no_file_is_part_of_the_text() {
        let readme = format!(
            "{SECTION}\n```rust\n// A driver. It reverses.\n```\n```text\n# ../../x.rs\n```\n"
        );
        assert!(blocks(&readme).is_empty());
    }
}
