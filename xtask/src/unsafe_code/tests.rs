//! The count, and each check of `cargo xtask unsafe`, on small workspaces.

use super::{BEGIN, END, Options, PAGE, add, run};
use crate::sources::Scratch;

const ONE_BLOCK: &str = "fn f() {\n    // SAFETY: It is.\n    unsafe { g() };\n}\n";

/// A workspace with this source, and a page whose table is not filled in yet.
fn workspace(source: &str) -> Option<Scratch> {
    Scratch::for_cargo(&[
        ("src/lib.rs", "#![forbid(unsafe_code)]\n"),
        ("crates/one/src/lib.rs", source),
        (PAGE, &format!("# Why\n\n{BEGIN}{END}\n\nThe end.\n")),
    ])
}

fn check(tree: &Scratch, write: bool) -> Result<String, String> {
    run(tree.root(), Options { write }).map_err(|error| format!("{error:#}"))
}

#[test]
fn unsafe_code_is_counted_by_kind() {
    let source = r#"
        fn safe(pointer: unsafe fn(u8), other: unsafe extern "C" fn()) {
            unsafe { f() };
            call!(a, unsafe { b });
            array([unsafe { c }]);
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
        #[cfg(test)]
        mod more;
        fn after() { unsafe { "unsafe { text }" } }
    "#;
    let count = |is_test| {
        let mut counts = [0; 6];
        add(&mut counts, source.parse().expect("Rust"), is_test);
        counts
    };
    assert_eq!(count(false), [5, 1, 3, 1, 1, 1]);
    assert_eq!(count(true), [0, 0, 0, 0, 0, 6]);
}

#[test]
fn the_table_keeps_the_rest_of_the_page() {
    let Some(tree) = workspace(ONE_BLOCK) else {
        return;
    };
    check(&tree, true).expect("writes");
    tree.write("crates/one/tests/all.rs", ONE_BLOCK);
    check(&tree, true).expect("writes again");
    let page = tree.read(PAGE);
    assert!(page.starts_with("# Why\n\n<!-- unsafe"), "{page}");
    assert!(page.contains("| one | 1 | 0 | 0 | 0 | 0 | 1 |"), "{page}");
    assert!(page.ends_with("\nThe end.\n"), "{page}");
    assert_eq!(page.matches("| one |").count(), 1, "{page}");
}

#[test]
fn a_stale_table_fails() {
    let Some(tree) = workspace(ONE_BLOCK) else {
        return;
    };
    let stale = "docs/soundness.md is out of date";
    let error = check(&tree, false).expect_err("no table yet");
    assert!(error.contains(stale), "{error}");
    check(&tree, true).expect("writes");
    let summary = check(&tree, false).expect("up to date");
    assert_eq!(summary, "1 unsafe blocks, 0 more in tests");
    tree.write("crates/one/src/more.rs", ONE_BLOCK);
    let error = check(&tree, false).expect_err("one more block");
    assert!(error.contains(stale), "{error}");
}

#[test]
fn half_a_pair_of_marks_fails() {
    let Some(tree) = workspace(ONE_BLOCK) else {
        return;
    };
    tree.write(PAGE, BEGIN);
    let error = check(&tree, true).expect_err("no end");
    assert!(error.contains("not both marks"), "{error}");
}

#[test]
fn a_driver_that_may_be_unsafe_fails() {
    let Some(tree) = workspace(ONE_BLOCK) else {
        return;
    };
    tree.write("src/lib.rs", "#![deny(unsafe_code)]\n");
    let error = check(&tree, true).expect_err("only denied");
    assert!(error.contains("must forbid unsafe_code"), "{error}");
}
