//! Each check of `cargo xtask unsafe`, holding and failing, on small trees.

use super::{Kind, Options, PAGE, pieces, run};
use crate::tree::{Scratch, read};

const WRITE: Options = Options {
    write: true,
    json: false,
};

const ONE_BLOCK: &str = "fn f() {\n    // SAFETY: It is.\n    unsafe { g() };\n}\n";

fn workspace(source: &str) -> Scratch {
    Scratch::new(&[
        ("crates/one/Cargo.toml", "[package]\nname = \"one\"\n"),
        ("crates/one/src/lib.rs", source),
    ])
}

fn check(tree: &Scratch) -> Result<String, String> {
    run(tree.root(), Options::default()).map_err(|error| format!("{error:#}"))
}

#[test]
fn unsafe_code_is_counted_by_kind() {
    let source = r#"
        fn safe(pointer: unsafe fn(u8), other: unsafe extern "C" fn()) {
            unsafe { f() };
            call!(a, unsafe { b });
        }
        unsafe impl Send for A {}
        pub(crate) unsafe fn f() {}
        pub unsafe extern "C" fn g() {}
        pub unsafe trait T {}
        unsafe extern "C" { fn h(); }
        #[unsafe(no_mangle)]
        macro_rules! m { ($name:ident) => { unsafe fn $name() { unsafe { f() } } }; }
        // unsafe { comment }
        #[cfg(test)]
        mod tests { fn t() { unsafe { f() } } unsafe impl Send for B {} }
        fn after() { unsafe { "unsafe { text }" } }
    "#;
    let tree = workspace(source);
    let found = pieces(&read(tree.root()).expect("reads")[0]);
    let count = |kind, is_test| {
        let same = found
            .iter()
            .filter(|piece| piece.kind == kind && piece.is_test == is_test);
        same.count()
    };
    assert_eq!(count(Kind::Block, false), 4, "{found:?}");
    assert_eq!(count(Kind::Block, true), 1, "{found:?}");
    assert_eq!(count(Kind::Impl, false), 1, "{found:?}");
    assert_eq!(count(Kind::Impl, true), 1, "{found:?}");
    assert_eq!(count(Kind::Function, false), 3, "{found:?}");
    assert_eq!(count(Kind::Trait, false), 1, "{found:?}");
    assert_eq!(count(Kind::ExternBlock, false), 1, "{found:?}");
    assert_eq!(found[0].line, 3);
}

#[test]
fn a_comment_above_the_statement_counts() {
    for source in [
        ONE_BLOCK,
        "fn f() {\n    // SAFETY: It is,\n    // for long.\n    let x =\n        unsafe { g() };\n}\n",
        "fn f() -> A {\n    A {\n        // SAFETY: It is.\n        b: unsafe { g() },\n    }\n}\n",
        "fn f() {\n    // SAFETY: It is.\n    let A {\n        b,\n        ..\n    } = unsafe { g() };\n}\n",
        "// SAFETY: It is.\n#[cfg(windows)]\nunsafe impl Send for A {}\n",
    ] {
        let tree = workspace(source);
        run(tree.root(), WRITE).expect(source);
    }
}

#[test]
fn a_block_without_a_comment_fails() {
    for (source, line) in [
        ("fn f() {\n    unsafe { g() };\n}\n", 2),
        ("fn f() {\n    // It is.\n    unsafe { g() };\n}\n", 3),
        ("/// SAFETY: no\nfn f() -> u8 {\n    unsafe { g() }\n}\n", 3),
        (
            "fn f() {\n    // SAFETY: It is.\n    a();\n    unsafe { g() };\n}\n",
            4,
        ),
        ("unsafe impl Send for A {}\n", 1),
    ] {
        let tree = workspace(source);
        let error = run(tree.root(), WRITE).expect_err(source).to_string();
        let expected = format!("crates/one/src/lib.rs:{line}: no SAFETY comment");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn the_table_keeps_the_rest_of_the_page() {
    let tree = workspace(ONE_BLOCK);
    tree.write(PAGE, "# Why it is sound\n\nBecause.\n");
    run(tree.root(), WRITE).expect("holds");
    let page = tree.read(PAGE);
    assert!(
        page.starts_with("# Why it is sound\n\nBecause.\n\n## Unsafe code\n"),
        "{page}"
    );
    assert!(page.contains("| one | 1 | 0 | 0 | 0 | 0 | 0 |"), "{page}");
    tree.write(PAGE, &format!("{page}\nThe end.\n"));
    tree.write("crates/one/tests/all.rs", ONE_BLOCK);
    run(tree.root(), WRITE).expect("holds");
    let page = tree.read(PAGE);
    assert!(page.contains("| one | 1 | 0 | 0 | 0 | 0 | 1 |"), "{page}");
    assert!(page.ends_with("\nThe end.\n"), "{page}");
    assert_eq!(page.matches("| one |").count(), 1, "{page}");
}

#[test]
fn a_stale_table_fails() {
    let tree = workspace(ONE_BLOCK);
    let error = check(&tree).expect_err("no page yet");
    assert!(
        error.contains("docs/soundness.md is out of date"),
        "{error}"
    );
    run(tree.root(), WRITE).expect("holds");
    let summary = check(&tree).expect("up to date");
    assert_eq!(
        summary,
        "1 unsafe blocks, 0 more in tests, 0 without a SAFETY comment"
    );
    tree.write("crates/one/src/more.rs", ONE_BLOCK);
    let error = check(&tree).expect_err("one more block");
    assert!(
        error.contains("docs/soundness.md is out of date"),
        "{error}"
    );
}

#[test]
fn half_a_pair_of_marks_fails() {
    let tree = workspace(ONE_BLOCK);
    tree.write(PAGE, super::BEGIN);
    let error = run(tree.root(), WRITE).expect_err("no end").to_string();
    assert!(error.contains("one of the marks"), "{error}");
}
