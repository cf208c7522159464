//! The example of docs/adding-a-call.md: a patch that adds a call, in four files at most.

#![cfg(not(wdk))]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PATCH: &str = "docs/adding-a-call.patch";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of this repository")
}

/// Runs a program in a folder and returns what it prints.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        // A copy of the repository below its own folder is no part of it.
        .env(
            "GIT_CEILING_DIRECTORIES",
            folder.parent().expect("a folder"),
        )
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("target"),
        )
        .output()
        .unwrap_or_else(|error| panic!("{program} could not be started: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{text}{errors}"
    );
    text
}

#[test]
fn a_call_is_added_in_at_most_four_files_that_the_page_names() {
    let (patch, page) = (read(PATCH), read("docs/adding-a-call.md"));
    let files: Vec<&str> = patch
        .lines()
        .filter_map(|line| line.strip_prefix("+++ b/"))
        .collect();
    assert!((1..=4).contains(&files.len()), "{files:?}");
    for file in files {
        assert!(page.contains(&format!("`{file}`")), "{file}");
    }
    run(root(), "git", &["apply", "--check", PATCH]);
}

#[test]
#[ignore = "builds the driver and its client once more"]
fn the_added_call_passes_the_tests_of_all_calls_and_works_in_the_client() {
    let copy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("with-another-call");
    let _ = fs::remove_dir_all(&copy);
    for file in run(root(), "git", &["ls-files"]).lines() {
        let (from, to) = (root().join(file), copy.join(file));
        fs::create_dir_all(to.parent().expect("a folder")).expect("the folder is made");
        fs::copy(from, to).expect("the file is copied");
    }
    run(&copy, "git", &["apply", PATCH]);
    let tests = ["--test", "contract", "--test", "bad_input"];
    let mut arguments = vec!["test", "--package", "wdfmem-ioctl", "--package", "wdfmem"];
    arguments.extend(tests);
    run(&copy, env!("CARGO"), &arguments);
    let client = ["run", "--package", "wdfmem-client", "--", "--model"];
    let lines = [
        "a = create --size 600",
        "b = create --size 600 --pool paged",
        "write a x --offset 400",
        "compare a b",
        "expect STATUS_BUFFER_TOO_SMALL compare a b --length 601",
    ];
    let arguments = [&client[..], &["do"], &lines].concat();
    assert!(run(&copy, env!("CARGO"), &arguments).contains("400 bytes are equal"));
    let malformed = "compare: 9 malformed requests are rejected";
    let arguments = [&client[..], &["selftest", "--json"]].concat();
    assert!(run(&copy, env!("CARGO"), &arguments).contains(malformed));
}
