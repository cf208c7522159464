//! `docs/rules.md`: each rule, what enforces it, and the tests that show it.

use super::Shown;
use super::book::Book;
use super::discovery::{Kind, Test};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where the page is.
pub const PAGE: &str = "docs/rules.md";

const HEAD: &str = "\
# The rules of the four calls

<!-- Made by `cargo xtask rules --write` from rules.toml and the tests. Edit those. -->

Every sentence of the four calls' documentation that says what a driver may or must do is a rule here. A test that
shows a rule carries its id, and so do the rows of the self-test. How the framework itself behaves underneath, where the
documentation is silent or says otherwise, is in [rules/](rules/README.md).

The third column says how the wrappers of `kmdf` enforce a rule, the best way first:

- **type**: breaking it does not compile;
- **typed error**: breaking it returns an error value;
- **guarantee**: the wrapper, or what is under it, sees to it, whatever its user does.
";

/// The page for these rules.
pub fn render(book: &Book, rules: &[Shown<'_>]) -> String {
    let mut page = HEAD.to_owned();
    let mut rules = rules.iter();
    for call in &book.call {
        let mut line = |text: String| {
            page.push_str(&text);
            page.push('\n');
        };
        line(format!("\n## {} — {}", call.letter, call.title));
        line("| id | rule | enforced by | shown by |".to_owned());
        line("| --- | --- | --- | --- |".to_owned());
        for shown in rules.by_ref().take(call.rule.len()) {
            let rule = shown.rule;
            let ways: Vec<_> = rule.enforced.iter().map(|way| way.name()).collect();
            line(format!(
                "| {} | {} | **{}**: {} | {} |",
                rule.id,
                cell(&rule.text),
                ways.join(", "),
                cell(&rule.by),
                tests(&shown.tests)
            ));
        }
    }
    page
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The tests, by file. Without line numbers, which change with everything.
fn tests(tests: &[&Test]) -> String {
    let mut by_file = BTreeMap::<&str, Vec<String>>::new();
    for test in tests {
        let name = match test.kind {
            Kind::Test => format!("`{}`", test.name),
            Kind::Doctest => format!("doctest of `{}`", test.name),
            // The file is the test.
            Kind::Misuse => "does not compile".to_owned(),
        };
        let names = by_file.entry(&test.file).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut cell = String::new();
    for (file, names) in by_file {
        if !cell.is_empty() {
            cell.push_str("<br>");
        }
        let short = file.strip_prefix("crates/").unwrap_or(file);
        write!(cell, "[{short}](../{file}): {}", names.join(", "))
            .expect("a string takes everything");
    }
    cell
}
