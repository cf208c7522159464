//! `cargo xtask rules`: every rule has a test that shows it, and the page of the rules says which.

mod book;
mod discovery;
mod ids;
mod page;

use crate::tree::{self, SourceFile};
use anyhow::{Result, bail};
use book::{Book, Call, EXCEPTIONS, Exception, Rule};
use discovery::Test;
use ids::Known;
use page::PAGE;
use proc_macro2::{TokenStream, TokenTree};
use serde_json::{Value, json};
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
    /// Look at the numbered rules of the framework, docs/rules/*.md, instead. One that no
    /// test can show is in docs/framework-exceptions.toml, with the reason.
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
#[derive(Debug)]
pub struct Shown<'a> {
    rule: &'a Rule,
    tests: Vec<&'a Test>,
}

/// Checks, prints what was found, and returns the summary; an error names all that does not hold.
pub fn run(root: &Path, options: Options) -> Result<String> {
    let files = tree::read(root)?;
    let tests: Vec<_> = files.iter().flat_map(discovery::in_file).collect();
    if options.framework {
        return framework(root, &tests, options);
    }
    let book = Book::read(root)?;
    let known = Known::new(book.rules().map(|(_, rule)| rule.id.clone()));
    let claims = Claims::of(&tests, &known);
    let calls: Vec<(&Call, Vec<Shown<'_>>)> = (book.call.iter())
        .map(|call| {
            (
                call,
                call.rule.iter().map(|rule| claims.of_rule(rule)).collect(),
            )
        })
        .collect();
    let page = page::render(&calls);
    if options.write {
        fs::write(root.join(PAGE), &page)?;
    }
    let stale = fs::read_to_string(root.join(PAGE)).unwrap_or_default() != page;

    let all: Vec<_> = calls.iter().flat_map(|(_, rules)| rules).collect();
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
    problems.extend(unknown_items(&book, &files));
    if stale {
        problems.push(format!(
            "{PAGE} is out of date: `cargo xtask rules --write`"
        ));
    }
    if options.json {
        let rules: Vec<_> = all.iter().map(|shown| rule_as_json(shown)).collect();
        let report = json!({
            "rules": rules, "shown": shown, "missing": missing, "unknown": claims.unknown,
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

fn rule_as_json(shown: &Shown<'_>) -> Value {
    let tests: Vec<_> = (shown.tests.iter())
        .map(|test| json!({"kind": test.kind, "file": test.file, "line": test.line, "name": test.name}))
        .collect();
    let held: Vec<_> = shown.rule.held.iter().map(|held| held.name()).collect();
    json!({
        "id": shown.rule.id, "text": shown.rule.text, "held": held, "by": shown.rule.by,
        "tests": tests,
    })
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
    fn of(tests: &'a [Test], known: &Known) -> Self {
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
            let places = mentions
                .ranges
                .iter()
                .map(|range| format!("{place}, {range}"));
            ranges.extend(places);
        }
        Self {
            by_id,
            unknown,
            ranges,
        }
    }

    fn of_rule<'b>(&self, rule: &'b Rule) -> Shown<'b>
    where
        'a: 'b,
    {
        let tests = self.by_id.get(&rule.id).cloned().unwrap_or_default();
        Shown { rule, tests }
    }
}

/// The items that are said to hold rules and that the wrappers do not have.
fn unknown_items(book: &Book, files: &[SourceFile]) -> Vec<String> {
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
    let wrappers = files
        .iter()
        .filter(|file| file.package == "kmdf" && !file.is_test);
    for file in wrappers {
        collect(file.tokens.clone(), &mut words);
    }
    let mut unknown = Vec::new();
    for (_, rule) in book.rules() {
        for item in rule.items() {
            if !words.contains(item) {
                unknown.push(format!(
                    "{} is said to be held by `{item}`, which is nowhere in kmdf",
                    rule.id
                ));
            }
        }
    }
    unknown
}

/// Checks that each rule of the framework has a test, or a reason why none can show it.
fn framework(root: &Path, tests: &[Test], options: Options) -> Result<String> {
    let ids = book::framework_ids(root)?;
    let exceptions = book::exceptions(root)?;
    let claims = Claims::of(tests, &Known::new(ids.iter().cloned()));
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
