//! The Rust sources of the workspace, by package, as tokens.

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use std::fs;
use std::path::Path;
#[cfg(test)]
use std::path::PathBuf;

/// One file of Rust.
#[derive(Debug)]
pub struct SourceFile {
    /// From the root of the workspace, with slashes.
    pub path: String,
    /// The name of the package that it belongs to.
    pub package: String,
    /// Whether it is compiled for tests only.
    pub is_test: bool,
    /// Whether its compilation must fail, in a way that a file beside it describes.
    pub is_misuse: bool,
    /// As it stands in the file.
    pub text: String,
    /// The same as tokens. Unlike a syntax tree they show what is inside of macro calls too.
    pub tokens: TokenStream,
}

/// Reads all Rust sources under `root`, in the order of their paths. Build output and hidden
/// folders are passed over.
pub fn read(root: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    read_folder(root, root, "", &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn read_folder(
    root: &Path,
    folder: &Path,
    package: &str,
    files: &mut Vec<SourceFile>,
) -> Result<()> {
    let package = package_name(folder)?.unwrap_or_else(|| package.to_owned());
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                read_folder(root, &path, &package, files)?;
            }
        } else if name.ends_with(".rs") {
            files.push(read_file(root, &path, &package)?);
        }
    }
    Ok(())
}

/// The name in the folder's manifest, if it has one that describes a package.
fn package_name(folder: &Path) -> Result<Option<String>> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Ok(None);
    }
    let table: toml::Table = fs::read_to_string(&manifest)?
        .parse()
        .with_context(|| format!("{} is not TOML", manifest.display()))?;
    let name = table.get("package").and_then(|package| package.get("name"));
    Ok(name.and_then(|name| name.as_str()).map(str::to_owned))
}

fn read_file(root: &Path, path: &Path, package: &str) -> Result<SourceFile> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let relative = slashes(path.strip_prefix(root).unwrap_or(path));
    let tokens = text
        .parse()
        .map_err(|error| anyhow!("{relative} is not Rust: {error}"))?;
    let is_misuse = path.with_extension("stderr").is_file();
    let is_test = relative.split('/').any(|part| part == "tests") || relative.ends_with("tests.rs");
    Ok(SourceFile {
        path: relative,
        package: package.to_owned(),
        is_test,
        is_misuse,
        text,
        tokens,
    })
}

fn slashes(path: &Path) -> String {
    let parts: Vec<_> = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

/// The attributes in front of `tokens[0]`: their contents, and how many tokens they are.
pub fn attributes(tokens: &[TokenTree], inner: bool) -> (Vec<&Group>, usize) {
    let mut found = Vec::new();
    let mut at = 0;
    while is_punctuation(tokens.get(at), '#') {
        let is_inner = is_punctuation(tokens.get(at + 1), '!');
        let content = tokens.get(at + 1 + usize::from(is_inner));
        match content {
            Some(TokenTree::Group(group))
                if group.delimiter() == Delimiter::Bracket && is_inner == inner =>
            {
                found.push(group);
                at += 2 + usize::from(is_inner);
            }
            _ => break,
        }
    }
    (found, at)
}

/// Whether the attribute is this one, as tokens: `test`, `cfg (test)`.
pub fn is_attribute(group: &Group, text: &str) -> bool {
    let wanted: String = text.split_whitespace().collect();
    let found: String = group.stream().to_string().split_whitespace().collect();
    found == wanted
}

pub fn is_punctuation(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == wanted)
}

pub fn identifier(token: Option<&TokenTree>) -> Option<&Ident> {
    match token {
        Some(TokenTree::Ident(found)) => Some(found),
        _ => None,
    }
}

/// A tree of files for a test, deleted with the value.
#[cfg(test)]
pub struct Scratch(PathBuf);

#[cfg(test)]
impl Scratch {
    pub fn new(files: &[(&str, &str)]) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wdfmem-xtask-{}-{number}", std::process::id());
        let scratch = Self(std::env::temp_dir().join(name));
        for (path, text) in files {
            scratch.write(path, text);
        }
        scratch
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a file in the tree")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).expect("readable")
    }

    pub fn root(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it lies in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::{Scratch, read};

    #[test]
    fn files_are_told_apart_by_package_and_purpose() {
        let tree = Scratch::new(&[
            ("Cargo.toml", "[package]\nname = \"top\"\n[workspace]\n"),
            ("src/lib.rs", ""),
            ("crates/one/Cargo.toml", "[package]\nname = \"one\"\n"),
            ("crates/one/src/lib.rs", ""),
            ("crates/one/src/deep/tests.rs", ""),
            ("crates/one/tests/all/main.rs", ""),
            ("crates/one/tests/misuse/bad.rs", ""),
            ("crates/one/tests/misuse/bad.stderr", "error"),
            ("target/debug/build.rs", "not Rust }"),
            (".hidden/x.rs", "not Rust }"),
        ]);
        let found: Vec<_> = read(tree.root())
            .expect("reads")
            .into_iter()
            .map(|file| (file.path, file.package, file.is_test, file.is_misuse))
            .collect();
        let expected = [
            ("crates/one/src/deep/tests.rs", "one", true, false),
            ("crates/one/src/lib.rs", "one", false, false),
            ("crates/one/tests/all/main.rs", "one", true, false),
            ("crates/one/tests/misuse/bad.rs", "one", true, true),
            ("src/lib.rs", "top", false, false),
        ];
        let expected = expected.map(|(path, package, is_test, is_misuse)| {
            (path.to_owned(), package.to_owned(), is_test, is_misuse)
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_rust_is_named() {
        let tree = Scratch::new(&[("src/lib.rs", "fn f() {")]);
        let error = read(tree.root()).expect_err("unbalanced").to_string();
        assert!(error.starts_with("src/lib.rs is not Rust"), "{error}");
    }
}
