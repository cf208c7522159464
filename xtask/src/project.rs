//! Where the repository and what is built from it lie.

use cargo_kmdf::driver::Selection;
use std::env;
use std::path::{Path, PathBuf};

/// The folder of the workspace, found from where this program's source lies.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The folder that cargo builds into.
pub fn target(root: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(target) => root.join(target),
        None => root.join("target"),
    }
}

/// A driver of the workspace, by its package's name.
pub fn driver(package: &str) -> Selection {
    Selection {
        package: Some(package.to_owned()),
        manifest_path: Some(root().join("Cargo.toml")),
    }
}
