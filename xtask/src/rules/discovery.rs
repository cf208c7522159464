//! The tests of the workspace, as cargo lists them once they are compiled, with the words above
//! them that can name rules.

use crate::sources;
use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What kind of test shows something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function that runs.
    Test,
    /// An example in the documentation: it runs, or must not compile.
    Doctest,
    /// A file of its own that must not compile.
    Misuse,
}

/// One test function or documentation example that a test program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub kind: Kind,
    /// From the root of the workspace.
    pub file: String,
    pub line: usize,
    /// Of the function, of the documented item, or of the file.
    pub name: String,
    /// The doc comment; of a doctest the paragraph before it, and the test itself.
    pub text: String,
}

/// Compiles the tests of the workspace and returns those that run.
pub fn find(root: &Path) -> Result<Vec<Test>> {
    let mut found = Vec::new();
    for (folder, compiled) in functions(root)? {
        found.extend(in_package(root, &folder, &compiled)?);
    }
    let listed = output(cargo(root).args(["--doc", "--", "--list"]))?;
    for line in listed.lines() {
        found.extend(doctest(root, line));
    }
    found.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    Ok(found)
}

/// The test functions of a package that have these names, and its misuse cases.
pub fn in_package(root: &Path, folder: &Path, compiled: &BTreeSet<String>) -> Result<Vec<Test>> {
    let mut found = Vec::new();
    for path in sources::files(folder)? {
        let text = fs::read_to_string(&path)?;
        let file = sources::relative(root, &path);
        if path.with_extension("stderr").is_file() {
            found.push(misuse(file, &text));
        } else {
            found.extend(in_file(&file, &text, compiled));
        }
    }
    Ok(found)
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(["test", "--workspace"]);
    command
}

/// What a command prints; what it says on its way goes to the terminal.
fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// The names of the test functions that are compiled and not ignored, by the folder of their package.
fn functions(root: &Path) -> Result<BTreeMap<PathBuf, BTreeSet<String>>> {
    let built = output(cargo(root).args(["--no-run", "--message-format=json-render-diagnostics"]))?;
    let mut found = BTreeMap::<PathBuf, BTreeSet<String>>::new();
    for message in Message::parse_stream(built.as_bytes()) {
        let Message::CompilerArtifact(artifact) = message? else {
            continue;
        };
        let (true, Some(program)) = (artifact.profile.test, artifact.executable) else {
            continue;
        };
        let list = |which: &[&str]| -> Result<BTreeSet<String>> {
            let mut command = Command::new(&program);
            let listed = output(command.args(["--list", "--format", "terse"]).args(which))?;
            let paths = listed
                .lines()
                .filter_map(|line| line.strip_suffix(": test"));
            Ok(paths.map(str::to_owned).collect())
        };
        let folder = artifact.manifest_path.parent().context("a manifest")?;
        let names = found.entry(folder.into()).or_default();
        for path in list(&[])?.difference(&list(&["--ignored"])?) {
            names.insert(path.rsplit("::").next().unwrap_or(path).to_owned());
        }
    }
    Ok(found)
}

/// The functions of a file that are compiled as tests, with their doc comments.
fn in_file(file: &str, text: &str, compiled: &BTreeSet<String>) -> Vec<Test> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let name = line.strip_prefix("fn ");
        let name = name.and_then(|rest| rest.split(['(', '<']).next());
        let Some(name) = name.filter(|name| compiled.contains(*name)) else {
            continue;
        };
        // Attributes may have several lines; what stands before them ends in one of these letters.
        let is_above = |line: &&str| {
            line.starts_with("///") || !(line.is_empty() || line.ends_with(['}', ';', '{']))
        };
        let above = lines[..at].iter().rev().copied().take_while(is_above);
        let head = &lines[at - above.count()..at];
        if head.contains(&"#[test]") {
            let text: Vec<_> = head.iter().filter_map(|line| documentation(line)).collect();
            found.push(Test {
                kind: Kind::Test,
                file: file.to_owned(),
                line: at + 1 - head.len(),
                name: name.to_owned(),
                text: text.join("\n"),
            });
        }
    }
    found
}

/// The text of a line of a doc comment.
fn documentation(line: &str) -> Option<&str> {
    let line = line.trim();
    let text = line
        .strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"));
    text.map(str::trim)
}

/// A misuse case carries its ids in its file's name or in the comments that it opens with.
fn misuse(file: String, text: &str) -> Test {
    let is_comment = |line: &&str| line.starts_with("//") || line.is_empty();
    let comments = text.lines().map(str::trim).take_while(is_comment);
    let comments: Vec<_> = comments
        .map(|line| line.trim_start_matches(['/', '!']))
        .collect();
    let name = file.rsplit('/').next().unwrap_or_default();
    Test {
        kind: Kind::Misuse,
        line: 1,
        name: name.trim_end_matches(".rs").to_owned(),
        text: comments.join("\n"),
        file,
    }
}

/// What rustdoc lists as `src/lib.rs - Item::name (line 7) - compile fail: test`, unless it is only
/// compiled or ignored, or written in another file than the item.
fn doctest(root: &Path, listed: &str) -> Option<Test> {
    let (file, rest) = listed.strip_suffix(": test")?.split_once(" - ")?;
    let (item, rest) = rest.rsplit_once("(line ")?;
    let line: usize = rest.split(')').next()?.parse().ok()?;
    let text = fs::read_to_string(root.join(file)).ok()?;
    let lines: Vec<_> = text.lines().map(documentation).collect();
    // Examples of an included page are listed with lines that the item's file need not have.
    let (above, below) = lines.split_at_checked(line.checked_sub(1)?)?;
    let fence = (*below.first()?)?.strip_prefix("```")?;
    if fence.contains("no_run") || fence.contains("ignore") {
        return None;
    }
    let body = below[1..].iter().map_while(|line| *line);
    let body: Vec<_> = body.take_while(|line| !line.starts_with("```")).collect();
    let mut paragraph = Vec::new();
    let mut is_code = false;
    for line in above.iter().rev().map_while(|line| *line) {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        let is_text = !is_code && !line.is_empty() && !line.starts_with(['`', '#']);
        if is_text {
            paragraph.insert(0, line);
        } else if !paragraph.is_empty() {
            break;
        }
    }
    let item = item
        .trim()
        .rsplit("::")
        .next()
        .filter(|name| !name.is_empty());
    Some(Test {
        kind: Kind::Doctest,
        file: file.to_owned(),
        line,
        name: item.unwrap_or("this file").to_owned(),
        text: format!("{}\n{}", paragraph.join("\n"), body.join("\n")),
    })
}

#[cfg(test)]
mod tests {
    use super::{Test, find};
    use crate::sources::Scratch;

    const LIBRARY: &str = "\
//! C9 of the module.
//!
//! ```
//! assert!(true);
//! ```

/// C8 in the first paragraph.
///
/// It does not compile
/// (rule C1):
///
/// ```compile_fail
/// fn f() -> u8 { C2 }
/// ```
///
/// ```compile_fail,E0308
/// let second: u8 = 'C';
/// ```
///
/// C3, only compiled:
///
/// ```no_run
/// ```
/// ```text
/// C4
/// ```
/// C5, ignored:
/// ```ignore
/// ```
pub struct Value;

/// C6: no test.
pub fn function() {}
";

    const TESTS: &str = "\
/// C1: documented;
#[test]
#[cfg_attr(
    windows,
    should_panic = \"elsewhere\"
)]
#[should_panic = \"so\"]
/// And more.
fn first() { panic!(\"so\") }
mod inner {
    // C2: no doc comment.
    #[test]
    fn second() {}
    /// C3: no test, though it has the name of one.
    fn first() {}
}
/// C4
#[test]
#[ignore = \"slow\"]
fn ignored() {}
/// C5
#[cfg(windows)]
#[cfg(unix)]
#[test]
fn never_compiled() {}
macro_rules! each {
    ($($all:tt)*) => { $($all)* };
}
each! {
    /// C6
    #[test]
    fn third() {}
}
";

    #[test]
    fn what_is_compiled_and_runs_is_a_test() {
        let tree = Scratch::for_cargo(&[
            ("crates/one/src/lib.rs", LIBRARY),
            ("crates/one/tests/all.rs", TESTS),
            (
                "crates/one/tests/misuse/c5_bad.rs",
                "//! P10: used after.\n// L4\n\nfn main() {} // E1\n",
            ),
            ("crates/one/tests/misuse/c5_bad.stderr", "error"),
            (
                "crates/one/tests/misuse/c6_good.rs",
                "//! C6\nfn main() {}\n",
            ),
        ]);
        let Some(tree) = tree else { return };
        let tests = find(tree.root()).expect("compiles");
        let found = tests.iter().map(
            |Test {
                 kind,
                 line,
                 name,
                 text,
                 ..
             }| {
                format!(
                    "{kind:?} {line} {name}: {}",
                    text.trim().replace('\n', " / ")
                )
            },
        );
        let expected = [
            "Doctest 3 this file: C9 of the module. / assert!(true);",
            "Doctest 12 Value: It does not compile / (rule C1): / fn f() -> u8 { C2 }",
            "Doctest 16 Value: It does not compile / (rule C1): / let second: u8 = 'C';",
            "Test 1 first: C1: documented; / And more.",
            "Test 11 second: ",
            "Test 30 third: C6",
            "Misuse 1 c5_bad: P10: used after. /  L4",
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(tests[3].file, "crates/one/tests/all.rs");
    }
}
