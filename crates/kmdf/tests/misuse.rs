//! Misuse that does not compile: one program for each thing that the documentation of the calls
//! forbids, in `misuse/`, with what the compiler answers beside it.
//!
//! What is not here is no compile error but made harmless, and shown to be so by running it:
//!
//! * memory, locks and lists that outlive their parent (`wrappers/ownership.rs`): the object gets a
//!   reference for its value then, so that the buffer stays until the value goes;
//! * memory and entries that outlive the value of their list (`wrappers/lookaside.rs`,
//!   `wrappers/executive.rs`): they keep the list;
//! * pageable values dropped at DISPATCH_LEVEL (`wrappers/executive.rs`, `wrappers/memory.rs`,
//!   `sequences/`): `Drop` cannot ask for a witness, and so puts the release off;
//! * a list that moves as a value (`wrappers/executive.rs`): its storage stays where it is;
//! * forgotten values (`wrappers/ownership.rs`).

#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "tests are named after what they show")]

use std::env;
use std::path::Path;
use std::process::Command;

/// The compiler whose words are in the `.stderr` files: others put things differently.
const WORDED_BY: &str = "1.95";

/// What the compiler in use answers to an option, without the line's end.
fn compiler_says(option: &[&str]) -> Option<String> {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).args(option).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}

/// Why the words of the compiler in use cannot be compared, if they cannot.
fn incomparable() -> Option<String> {
    let version = compiler_says(&["--version"])?;
    let number = version.split_whitespace().nth(1).unwrap_or_default();
    let rest = number.strip_prefix(WORDED_BY);
    let same = rest.is_some_and(|rest| rest.starts_with('.') && !rest.contains('-'));
    (!same).then(|| format!("the expected messages are those of Rust {WORDED_BY}, not {version}"))
}

/// C2, C3, C8, C9, C10, C13, P2, P6, P8, P9, P10, L4, L6, E1, E4, E5, E6, and what goes with them.
#[test]
fn misuse_does_not_compile() {
    if let Some(reason) = incomparable() {
        eprintln!("skipped: {reason}");
        return;
    }
    let programs = trybuild::TestCases::new();
    programs.compile_fail("tests/misuse/*.rs");
    // The compiler quotes the standard library in these, where it finds its sources.
    let system_root = compiler_says(&["--print", "sysroot"]).unwrap_or_default();
    if Path::new(&system_root)
        .join("lib/rustlib/src/rust/library")
        .exists()
    {
        eprintln!(
            "skipped: tests/misuse/quoting_std, whose messages are those without the component \
             rust-src"
        );
        return;
    }
    programs.compile_fail("tests/misuse/quoting_std/*.rs");
}
