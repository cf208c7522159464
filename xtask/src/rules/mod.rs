//! `cargo xtask rules`: every rule has a test that shows it, and the page of the rules says which.

mod book;
mod discovery;
mod ids;
mod page;

use crate::sources;
use anyhow::{Result, anyhow, ensure};
use book::{Book, EXCEPTIONS, Exception, Rule};
use discovery::Test;
use ids::Known;
use page::PAGE;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What to do beside checking.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Options {
    /// Write docs/rules.md instead of checking that it is up to date.
    #[arg(long, conflicts_with = "framework")]
    pub write: bool,
    /// Check the numbered rules of the framework, docs/rules/*.md, instead
    ///
    /// A rule that no test can show is in docs/framework-exceptions.toml, with the reason.
    #[arg(long)]
    pub framework: bool,
}

/// A rule with the tests that show it.
#[derive(Debug)]
pub struct Shown<'a> {
    rule: &'a Rule,
    tests: Vec<&'a Test>,
}

/// Compiles the tests, checks, prints what was found, and returns the summary; an error names every
/// check that failed.
pub fn run(root: &Path, options: Options) -> Result<String> {
    let tests = discovery::find(root)?;
    if options.framework {
        framework(root, &tests)
    } else {
        calls(root, &tests, options)
    }
}

/// Checks that each rule of the four calls has a test, and that [`PAGE`] is up to date.
fn calls(root: &Path, tests: &[Test], options: Options) -> Result<String> {
    let book = Book::read(root)?;
    let claims = Claims::of(tests, book.rules().map(|rule| rule.id.clone()))?;
    let tests = |rule: &Rule| claims.by_id.get(&rule.id).cloned().unwrap_or_default();
    let all = book.rules().map(|rule| Shown {
        rule,
        tests: tests(rule),
    });
    let all: Vec<_> = all.collect();
    let page = page::render(&book, &all);
    if options.write {
        fs::write(root.join(PAGE), &page)?;
    }
    let stale = fs::read_to_string(root.join(PAGE)).unwrap_or_default() != page;

    let missing: Vec<_> = (all.iter())
        .filter(|shown| shown.tests.is_empty())
        .map(|shown| shown.rule.id.as_str())
        .collect();
    let shown = all.len() - missing.len();
    let summary = format!(
        "{} rules, {shown} shown, {} missing",
        all.len(),
        missing.len()
    );
    let mut problems = claims.unknown.clone();
    if !missing.is_empty() {
        problems.push(format!("no test shows {}", missing.join(", ")));
    }
    problems.extend(unknown_items(root, &book)?);
    if stale {
        problems.push(format!(
            "{PAGE} is out of date: `cargo xtask rules --write`"
        ));
    }
    judge(summary, &problems)
}

/// Prints the summary; fails if there are problems.
fn judge(summary: String, problems: &[String]) -> Result<String> {
    println!("{summary}");
    ensure!(
        problems.is_empty(),
        "{summary}\n  {}",
        problems.join("\n  ")
    );
    Ok(summary)
}

/// What the tests say they show.
struct Claims<'a> {
    by_id: BTreeMap<String, Vec<&'a Test>>,
    /// Ids that no rule has, each with its place.
    unknown: Vec<String>,
    /// Ranges of ids, each with its place.
    ranges: Vec<String>,
}

impl<'a> Claims<'a> {
    fn of(tests: &'a [Test], ids: impl IntoIterator<Item = String>) -> Result<Self> {
        let known = Known::new(ids)?;
        let mut by_id = BTreeMap::<String, Vec<&Test>>::new();
        let (mut unknown, mut ranges) = (Vec::new(), Vec::new());
        for test in tests {
            let place = format!("{}:{}: `{}`", test.file, test.line, test.name);
            let mut mentions = known.in_text(&test.text);
            // A doctest is named after an item, which may be called anything.
            if test.kind != discovery::Kind::Doctest {
                mentions.ids.extend(known.in_name(&test.name));
            }
            for id in BTreeSet::from_iter(mentions.ids) {
                if !known.contains(&id) {
                    unknown.push(format!("{place} names {id}, which is no rule"));
                }
                by_id.entry(id).or_default().push(test);
            }
            let places = mentions.ranges.iter();
            ranges.extend(places.map(|range| format!("{place}, {range}")));
        }
        Ok(Self {
            by_id,
            unknown,
            ranges,
        })
    }
}

/// The items that are said to enforce rules and that the wrappers do not have.
fn unknown_items(root: &Path, book: &Book) -> Result<Vec<String>> {
    fn collect(tokens: TokenStream, words: &mut BTreeSet<String>) {
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    words.insert(word.to_string());
                }
                TokenTree::Group(group) => collect(group.stream(), words),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    let mut words = BTreeSet::from(["kmdf".to_owned()]);
    for file in sources::files(&root.join("crates/kmdf/src"))? {
        let tokens = fs::read_to_string(&file)?.parse();
        let tokens = tokens.map_err(|error| anyhow!("{}: {error}", file.display()))?;
        collect(tokens, &mut words);
    }
    let items =
        (book.rules()).flat_map(|rule| rule.items().into_iter().map(move |item| (rule, item)));
    let unknown = items.filter(|(_, item)| !words.contains(*item));
    let sentence = |(rule, item): (&Rule, &str)| {
        format!(
            "{} is said to be enforced by `{item}`, which is nowhere in kmdf",
            rule.id
        )
    };
    Ok(unknown.map(sentence).collect())
}

/// Checks that each rule of the framework has a test, or a reason why none can show it.
fn framework(root: &Path, tests: &[Test]) -> Result<String> {
    let ids = book::framework_ids(root)?;
    let exceptions = book::exceptions(root)?;
    let claims = Claims::of(tests, ids.iter().cloned())?;
    let is_shown = |id: &str| claims.by_id.contains_key(id);
    let is_excepted = |id: &str| exceptions.iter().any(|exception| exception.id == id);
    let missing: Vec<_> = (ids.iter().map(String::as_str))
        .filter(|id| !is_shown(id) && !is_excepted(id))
        .collect();
    let shown = ids.iter().filter(|id| is_shown(id)).count();
    let summary = format!(
        "{} framework rules, {shown} shown, {} excepted with reasons, {} missing",
        ids.len(),
        exceptions.len(),
        missing.len()
    );
    let mut problems = claims.unknown.clone();
    for Exception { id, .. } in &exceptions {
        if !ids.contains(id) {
            problems.push(format!("{EXCEPTIONS} excepts {id}, which is no rule"));
        } else if is_shown(id) {
            problems.push(format!("{EXCEPTIONS} excepts {id}, which a test shows"));
        }
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        problems.push(format!(
            "no test shows {missing}, and {EXCEPTIONS} does not say why"
        ));
    }
    for range in &claims.ranges {
        println!("{range} is a range, which does not count: it shows nothing of what lies inside");
    }
    judge(summary, &problems)
}

#[cfg(test)]
mod tests;
