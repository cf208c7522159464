//! `cargo xtask rules`: every rule has a test that shows it, and the page of the rules says which.

mod book;
mod discovery;
mod ids;
mod page;

use crate::sources;
use anyhow::{Result, anyhow, bail};
use book::{Book, EXCEPTIONS, Exception, Rule};
use discovery::Test;
use ids::Known;
use page::PAGE;
use proc_macro2::{TokenStream, TokenTree};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What to do beside checking.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Options {
    /// Write docs/rules.md instead of checking that it is up to date.
    #[arg(long, conflicts_with = "framework")]
    pub write: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    /// Check the numbered rules of the framework, docs/rules/*.md, instead
    ///
    /// A rule that no test can show is in docs/framework-exceptions.toml, with the reason.
    #[arg(long)]
    pub framework: bool,
}

impl Options {
    /// The framework's rules.
    pub const FRAMEWORK: Self = Self {
        write: false,
        json: false,
        framework: true,
    };
}

/// A rule with the tests that show it.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    #[serde(flatten)]
    rule: &'a Rule,
    tests: Vec<&'a Test>,
}

/// Compiles the tests, checks, prints what was found, and returns the summary; an error names every
/// check that failed.
pub fn run(root: &Path, options: Options) -> Result<String> {
    let tests = discovery::find(root)?;
    if options.framework {
        framework(root, &tests, options)
    } else {
        calls(root, &tests, options)
    }
}

/// Checks that each rule of the four calls has a test, and that [`PAGE`] is up to date.
fn calls(root: &Path, tests: &[Test], options: Options) -> Result<String> {
    let book = Book::read(root)?;
    let claims = Claims::of(tests, book.rules().map(|rule| rule.id.clone()))?;
    let all: Vec<_> = book.rules().map(|rule| claims.of_rule(rule)).collect();
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
    if options.json {
        let report = json!({
            "rules": all, "shown": shown, "missing": missing, "unknown": claims.unknown,
            "stale": stale, "ok": problems.is_empty(),
        });
        println!("{report:#}");
    } else {
        println!("{summary}");
    }
    judge(summary, &problems)
}

fn judge(summary: String, problems: &[String]) -> Result<String> {
    if problems.is_empty() {
        Ok(summary)
    } else {
        bail!("{summary}\n  {}", problems.join("\n  "))
    }
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

    fn of_rule<'b>(&self, rule: &'b Rule) -> Shown<'b>
    where
        'a: 'b,
    {
        let tests = self.by_id.get(&rule.id).cloned().unwrap_or_default();
        Shown { rule, tests }
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
fn framework(root: &Path, tests: &[Test], options: Options) -> Result<String> {
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
    if options.json {
        let excepted: BTreeMap<_, _> = (exceptions.iter())
            .map(|exception| (&exception.id, &exception.reason))
            .collect();
        let report = json!({
            "rules": ids.len(), "shown": shown, "excepted": excepted, "missing": missing,
            "unknown": claims.unknown, "ranges": claims.ranges, "ok": problems.is_empty(),
        });
        println!("{report:#}");
    } else {
        print_families(&ids, &exceptions, &claims);
        println!("{summary}");
    }
    judge(summary, &problems)
}

/// Prints how many rules of each family have a test, the exceptions, and what looks like a test of
/// a rule and is none.
fn print_families(ids: &[String], exceptions: &[Exception], claims: &Claims<'_>) {
    let mut families = BTreeMap::<&str, (usize, usize)>::new();
    for id in ids {
        let family = id.split('-').next().unwrap_or(id);
        let (count, shown) = families.entry(family).or_default();
        *count += 1;
        *shown += usize::from(claims.by_id.contains_key(id));
    }
    for (family, (count, shown)) in families {
        println!("{family:<4} {shown:>3} of {count:>3}");
    }
    println!("No test can show:");
    for Exception { id, reason } in exceptions {
        println!("{id:<7} {reason}");
    }
    if !claims.ranges.is_empty() {
        println!("Ranges do not count, because they show nothing of what lies inside:");
    }
    for range in &claims.ranges {
        println!("        {range}");
    }
}

#[cfg(test)]
mod tests;
