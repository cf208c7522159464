//! The example of docs/adding-a-call.md: a call that is added in four files at most.

#![cfg(not(wdk))]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A change that the page describes.
struct Change {
    file: String,
    /// Begins the line that the change is about.
    place: String,
    /// Whether the line is replaced, not kept below.
    replaces: bool,
    text: String,
}

/// The changes: each has a heading with the file above it, ends a paragraph that says where, and is a block of code.
fn changes(page: &str) -> Vec<Change> {
    let mut file = "";
    let mut changes = Vec::new();
    let parts: Vec<&str> = page.split("```").collect();
    for (index, prose) in parts.iter().enumerate().step_by(2) {
        let mut headings = prose.lines().filter_map(|line| line.strip_prefix("## `"));
        if let Some(heading) = headings.next_back() {
            file = heading.trim_end_matches('`');
        }
        let Some(code) = parts.get(index + 1) else {
            break;
        };
        let text = code.strip_prefix("rust\n").expect("a block of Rust");
        let (before, place) = prose
            .trim_end()
            .strip_suffix("`:")
            .and_then(|prose| prose.rsplit_once('`'))
            .expect("the paragraph ends with a place");
        let replaces = before.trim_end().ends_with("Instead of");
        assert!(replaces || before.trim_end().ends_with("Before"), "{place}");
        changes.push(Change {
            file: file.to_owned(),
            place: place.to_owned(),
            replaces,
            text: text.to_owned(),
        });
    }
    changes
}

impl Change {
    /// The file with this change.
    fn apply(&self, source: &str) -> String {
        let lines: Vec<&str> = source.split_inclusive('\n').collect();
        let places: Vec<usize> = (0..lines.len())
            .filter(|line| lines[*line].starts_with(&self.place))
            .collect();
        let &[place] = places.as_slice() else {
            panic!(
                "`{}` is {} times in {}",
                self.place,
                places.len(),
                self.file
            );
        };
        let is_attached = |line: &&&str| {
            let line = line.trim_start();
            line.starts_with("///") || line.starts_with("#[")
        };
        let attached = lines[..place].iter().rev().take_while(is_attached).count();
        let (begin, end) = if self.replaces {
            (place, place + 1)
        } else {
            (place - attached, place - attached)
        };
        [&lines[..begin].concat(), &self.text, &lines[end..].concat()]
            .map(String::as_str)
            .concat()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository, with the line ends of a checkout on any system.
fn read(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    text.replace("\r\n", "\n")
}

fn page() -> Vec<Change> {
    changes(&read(&root().join("docs/adding-a-call.md")))
}

#[test]
fn a_call_is_added_in_at_most_four_files_at_places_that_exist() {
    let changes = page();
    let files: BTreeSet<&str> = changes.iter().map(|change| change.file.as_str()).collect();
    assert!((1..=4).contains(&files.len()), "{files:?}");
    for change in &changes {
        let source = read(&root().join(&change.file));
        assert_ne!(change.apply(&source), source);
    }
}

/// Runs a program in a folder and returns what it prints.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("target");
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
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
#[ignore = "builds the driver and its client once more"]
fn the_added_call_passes_the_tests_of_all_calls_and_works_in_the_client() {
    let copy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("with-another-call");
    let _ = fs::remove_dir_all(&copy);
    for file in run(root(), "git", &["ls-files"]).lines() {
        let (from, to) = (root().join(file), copy.join(file));
        fs::create_dir_all(to.parent().expect("a folder")).expect("the folder is made");
        fs::copy(from, to).expect("the file is copied");
    }
    for change in page() {
        let file = copy.join(&change.file);
        let source = read(&file);
        fs::write(file, change.apply(&source)).expect("the file is written");
    }
    let packages = ["test", "--package", "wdfmem-ioctl", "--package", "wdfmem"];
    let tests = ["--test", "contract", "--test", "bad_input"];
    run(&copy, env!("CARGO"), &[&packages[..], &tests].concat());
    let client = ["run", "--package", "wdfmem-client", "--", "--model"];
    let lines = [
        "do",
        "a = create --size 600",
        "b = create --size 600 --pool paged",
        "write a x --offset 400",
        "compare a b",
        "expect STATUS_BUFFER_TOO_SMALL compare a b --length 601",
    ];
    let text = run(&copy, env!("CARGO"), &[&client[..], &lines].concat());
    assert!(text.contains("400 bytes are equal"), "{text}");
    let selftest = ["selftest", "--json"];
    let text = run(&copy, env!("CARGO"), &[&client[..], &selftest].concat());
    assert!(text.contains("compare: 9 malformed requests are rejected"));
}
