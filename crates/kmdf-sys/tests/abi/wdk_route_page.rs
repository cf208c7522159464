//! The table of kernel functions in `docs/wdk-route.md` is complete and true.

use crate::facts::facts;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a function is declared on the WDK route, and the checks claimed for it, by the page.
fn rows(page: &str) -> BTreeMap<&str, (&str, &str)> {
    let (_, table) = page
        .split_once("| function | declared in | checked | remark |")
        .expect("the page has the table");
    let rows = table.lines().skip(2).take_while(|line| !line.is_empty());
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_matches('`'), (cells[1], cells[2]))
    })
    .collect()
}

/// The functions called as `ntddk::Name` in the Rust files of a folder.
fn called(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            called(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("source is text");
            for rest in text.split("ntddk::").skip(1) {
                let name: String = rest
                    .chars()
                    .take_while(|letter| letter.is_alphanumeric())
                    .collect();
                assert!(
                    !name.is_empty(),
                    "{}: name each function at its call, as `ntddk::Name`",
                    path.display()
                );
                names.push(name);
            }
        }
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    fs::read_to_string(repository().join("docs/wdk-route.md")).expect("the page is there")
}

#[test]
fn the_page_lists_every_kernel_function_that_the_wrappers_and_the_driver_call() {
    let mut names = Vec::new();
    called(&repository().join("src"), &mut names);
    called(&repository().join("crates/kmdf/src"), &mut names);
    names.sort();
    names.dedup();
    let page = page();
    let listed: Vec<&str> = rows(&page).into_keys().collect();
    assert_eq!(listed, names, "docs/wdk-route.md has the first list");
}

#[test]
fn the_page_names_the_crate_that_declares_each_function_on_the_wdk_route() {
    let by_hand =
        fs::read_to_string(repository().join("crates/kmdf-sys/src/wdk.rs")).expect("text");
    let facts = facts();
    for (name, (declared, checked)) in rows(&page()) {
        let fact = facts.find("functions", name);
        let generated = fact.is_some_and(|fact| fact["wdk_sys"] == format!("ntddk::{name}"));
        let own = by_hand.contains(&format!("pub fn {name}("));
        assert_ne!(generated, own, "{name} is declared once");
        let expected = if own {
            "`kmdf_sys::ntddk`"
        } else {
            "`wdk_sys::ntddk`"
        };
        assert_eq!(declared, expected, "{name}");
        let exported = fact.is_some_and(|fact| {
            let evidence = fact["evidence"].as_array().expect("a list");
            evidence.iter().any(|found| {
                found
                    .as_str()
                    .is_some_and(|found| found.contains("import list"))
            })
        });
        for (mark, holds) in [("S", fact.is_some()), ("G", generated), ("X", exported)] {
            let claimed = checked.split(' ').any(|claimed| claimed == mark);
            assert_eq!(claimed, holds, "{mark} of {name}");
        }
    }
}
