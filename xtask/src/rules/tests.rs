//! Each check of `cargo xtask rules`, holding and failing, on small trees.

use super::book::{BOOK, EXCEPTIONS};
use super::page::PAGE;
use super::{Options, calls, discovery, framework};
use crate::sources::Scratch;
use std::path::Path;

const RULES: &str = r#"
[[call]]
letter = "C"
title = "WdfMemoryCreate"
[[call.rule]]
id = "C1"
text = "Optional | attributes."
enforced = ["type"]
by = "`Memory::new` asks"
[[call.rule]]
id = "C2"
text = "The pool."
enforced = ["error"]
by = "`Memory`"
"#;

const WRAPPERS: &str = "pub struct Memory;\nimpl Memory { pub fn new() {} }\n";

/// Checks a small workspace, as if cargo had listed these tests of it.
fn run(root: &Path, options: Options) -> anyhow::Result<String> {
    let listed = ["one", "two", "c2_is_shown", "renamed", "other"];
    let listed = listed.map(str::to_owned).into();
    let tests = discovery::in_package(root, &root.join("crates/kmdf"), &listed)?;
    if options.framework {
        framework(root, &tests)
    } else {
        calls(root, &tests, options)
    }
}

const WRITE: Options = Options {
    write: true,
    framework: false,
};

const FRAMEWORK: Options = Options {
    write: false,
    framework: true,
};

/// A workspace with two rules and these tests.
fn workspace(tests: &str) -> Scratch {
    Scratch::new(&[
        (BOOK, RULES),
        (
            "docs/rules/all.md",
            "- **OBJ-1** a\n- **OBJ-2** b\n- **MEM-3** (V) c\n",
        ),
        ("crates/kmdf/Cargo.toml", "[package]\nname = \"kmdf\"\n"),
        ("crates/kmdf/src/lib.rs", WRAPPERS),
        ("crates/kmdf/tests/all.rs", tests),
    ])
}

const BOTH: &str = "/// C1, OBJ-2\n#[test]\nfn one() {}\n#[test]\nfn c2_is_shown() {}\n";

fn check(tree: &Scratch) -> Result<String, String> {
    run(tree.root(), Options::default()).map_err(|error| format!("{error:#}"))
}

#[test]
fn rules_with_tests_and_a_fresh_page_hold() {
    let tree = workspace(BOTH);
    run(tree.root(), WRITE).expect("passes once written");
    assert_eq!(check(&tree).as_deref(), Ok("2 rules, 2 shown, 0 missing"));
    let page = tree.read(PAGE);
    let row = "| C1 | Optional \\| attributes. | **type**: `Memory::new` asks | \
               [kmdf/tests/all.rs](../crates/kmdf/tests/all.rs): `one` |";
    assert!(page.contains(row), "{page}");
    assert!(page.contains("**typed error**: `Memory` |"), "{page}");
}

#[test]
fn misuse_that_does_not_compile_shows_a_rule() {
    let tree = workspace("/// C1\n#[test]\nfn one() {}\n");
    let case = "crates/kmdf/tests/misuse/bad.rs";
    tree.write(case, "//! C2: not here.\n\nfn main() {}\n");
    run(tree.root(), WRITE).expect_err("nothing says that it does not compile");
    tree.write("crates/kmdf/tests/misuse/bad.stderr", "error\n");
    run(tree.root(), WRITE).expect("passes");
    let page = tree.read(PAGE);
    let cell = "[kmdf/tests/misuse/bad.rs](../crates/kmdf/tests/misuse/bad.rs): does not compile |";
    assert!(page.contains(cell), "{page}");
}

#[test]
fn a_rule_without_a_test_fails() {
    for tests in [
        "/// C1\n#[test]\nfn one() {}\n",
        // Not even with a range around it, in a comment, on a function, in a test that is ignored.
        "/// C1; C1 to C2\n#[test]\nfn one() {}\n// C2\n#[test]\nfn two() {}\n/// C2\nfn three() {}\n\
         /// C2\n#[ignore]\n#[test]\nfn four() {}\n",
    ] {
        let tree = workspace(tests);
        let error = run(tree.root(), WRITE)
            .expect_err("C2 is missing")
            .to_string();
        assert!(error.contains("2 rules, 1 shown, 1 missing"), "{error}");
        assert!(error.contains("no test shows C2"), "{error}");
    }
}

#[test]
fn an_id_that_no_rule_has_fails() {
    let tree = workspace(&format!("{BOTH}/// C7\n#[test]\nfn other() {{}}\n"));
    let error = run(tree.root(), WRITE).expect_err("no rule").to_string();
    let expected = "crates/kmdf/tests/all.rs:6: `other` names C7, which is no rule";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_stale_page_fails() {
    let tree = workspace(BOTH);
    let error = check(&tree).expect_err("no page yet");
    assert!(error.contains("docs/rules.md is out of date"), "{error}");
    run(tree.root(), WRITE).expect("passes once written");
    let renamed = BOTH.replace("fn one", "fn renamed");
    tree.write("crates/kmdf/tests/all.rs", &renamed);
    let error = check(&tree).expect_err("a test was renamed");
    assert!(error.contains("docs/rules.md is out of date"), "{error}");
}

#[test]
fn an_item_that_is_not_there_fails() {
    let tree = workspace(BOTH);
    tree.write(BOOK, &RULES.replace("Memory::new", "Memory::made"));
    let error = run(tree.root(), WRITE)
        .expect_err("no such item")
        .to_string();
    assert!(
        error.contains("C1 is said to be enforced by `made`"),
        "{error}"
    );
}

/// Exceptions for two rules.
const EXCEPTED: &str = "[[exception]]\nid = \"OBJ-1\"\nreason = \"r\"\n\
                        [[exception]]\nid = \"MEM-3\"\nreason = \"r\"\n";

#[test]
fn the_frameworks_rules_have_tests_or_reasons() {
    let tree = workspace(BOTH);
    tree.write(EXCEPTIONS, EXCEPTED);
    let summary = run(tree.root(), FRAMEWORK).expect("passes");
    let expected = "3 framework rules, 1 shown, 2 excepted with reasons, 0 missing";
    assert_eq!(summary, expected);
}

#[test]
fn a_rule_of_the_framework_without_test_and_reason_fails() {
    for (exceptions, tests, says) in [
        ("", "", "no test shows OBJ-1, MEM-3, and docs/framework-e"),
        (
            EXCEPTED,
            "/// OBJ-3",
            "`other` names OBJ-3, which is no rule",
        ),
        (EXCEPTED, "/// OBJ-1", "excepts OBJ-1, which a test shows"),
        (
            &EXCEPTED.replace("MEM-3", "MEM-4"),
            "/// MEM-3",
            "excepts MEM-4, which is no rule",
        ),
    ] {
        let tree = workspace(BOTH);
        tree.write(EXCEPTIONS, exceptions);
        tree.write(
            "crates/kmdf/src/lib.rs",
            &format!("{tests}\n#[test]\nfn other() {{}}\n"),
        );
        let error = run(tree.root(), FRAMEWORK).expect_err(says).to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(error.lines().count(), 2, "{error}");
    }
}
