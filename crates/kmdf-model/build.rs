//! Links the tests against another framework than the model, to hold the one against the other.
//!
//! `KMDF_OTHER_FRAMEWORK` names a static library that exports `WdfVersionBind` and `WdfVersionUnbind`
//! as WDFLDR.SYS does, and calls the kernel by the names that `nt-model` defines. The tests in
//! `tests/io` and `tests/objects` then run over it, without their assertions about the model's own
//! wording and stops (`tests/common`):
//!
//! ```text
//! KMDF_OTHER_FRAMEWORK=/path/to/framework.a cargo test -p kmdf-model --tests
//! ```
//!
//! The library and `nt-model` need each other, so the linker must not mind the order of archives:
//! lld, which is Rust's own on x64 Linux, and link.exe do not.

/// Where the other framework is.
const VARIABLE: &str = "KMDF_OTHER_FRAMEWORK";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(other_framework)");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let Some(library) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return;
    };
    let library = std::path::absolute(&library).unwrap_or_else(|_| library.into());
    assert!(
        library.is_file(),
        "{VARIABLE} names {}, where there is no file: build the framework's static library first, or unset it",
        library.display()
    );
    println!("cargo::rerun-if-changed={}", library.display());
    println!("cargo::rustc-cfg=other_framework");
    println!("cargo::rustc-link-arg-tests={}", library.display());
}
