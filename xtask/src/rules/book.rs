//! The rules themselves: those of the four calls, and those of the framework.

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where the rules of the calls are written down, once.
pub const BOOK: &str = "docs/rules.toml";
/// The folder with the rules of the framework, one page per chapter.
pub const FRAMEWORK: &str = "docs/rules";

/// Which of them no test shows, and why.
pub const EXCEPTIONS: &str = "docs/framework-exceptions.toml";

/// All rules of the calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    pub call: Vec<Call>,
}

/// The rules of one call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub letter: String,
    pub title: String,
    pub rule: Vec<Rule>,
}

/// One rule, and what enforces it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    pub text: String,
    /// The best ways first.
    pub enforced: Vec<Way>,
    /// The items that enforce it, in a sentence.
    pub by: String,
}

/// How a rule is enforced.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Breaking it does not compile.
    #[serde(rename = "type")]
    Type,
    /// Breaking it returns an error value.
    #[serde(rename = "error")]
    Error,
    /// The wrapper, or what is under it, sees to it.
    #[serde(rename = "guarantee")]
    Guarantee,
}

impl Way {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Error => "typed error",
            Self::Guarantee => "guarantee",
        }
    }
}

impl Book {
    /// Reads [`BOOK`] and checks its form.
    pub fn read(root: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(root.join(BOOK)).with_context(|| format!("{BOOK} is missing"))?;
        let book: Self =
            toml::from_str(&text).with_context(|| format!("{BOOK} is not in its form"))?;
        let mut ids = BTreeSet::new();
        for Call { letter, rule, .. } in &book.call {
            for Rule { id, enforced, .. } in rule {
                let number = id.strip_prefix(letter.as_str());
                let numbered = number.is_some_and(|number| number.parse::<u8>().is_ok());
                ensure!(numbered, "{BOOK}: `{id}` is no id of `{letter}`");
                ensure!(ids.insert(id), "{BOOK}: `{id}` is there twice");
                ensure!(
                    !enforced.is_empty(),
                    "{BOOK}: `{id}` is enforced by nothing"
                );
                ensure!(
                    enforced.is_sorted(),
                    "{BOOK}: `{id}` names a lesser way first"
                );
            }
        }
        Ok(book)
    }

    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.call.iter().flat_map(|call| &call.rule)
    }
}

impl Rule {
    /// The names of items in [`Rule::by`]: what stands between backticks and looks like a path.
    pub fn items(&self) -> Vec<&str> {
        let spans = self.by.split('`').skip(1).step_by(2);
        spans
            .flat_map(|span| span.split("::"))
            .map(|part| part.split(['<', '(', '!']).next().unwrap_or_default())
            .filter(|part| !part.is_empty() && !part.contains(' '))
            .collect()
    }
}

/// The ids that the pages in [`FRAMEWORK`] define: each begins a list item, in bold.
pub fn framework_ids(root: &Path) -> Result<Vec<String>> {
    let folder = fs::read_dir(root.join(FRAMEWORK));
    let mut pages: Vec<_> = folder
        .with_context(|| format!("{FRAMEWORK} is missing"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    let mut text = String::new();
    for page in &pages {
        text += &fs::read_to_string(page)?;
    }
    let item = Regex::new(r"(?m)^- \*\*([A-Z]{2,}-\d+)\*\*")?;
    let mut ids: Vec<String> = Vec::new();
    for (_, [id]) in item.captures_iter(&text).map(|found| found.extract()) {
        ensure!(
            !ids.iter().any(|own| own == id),
            "{FRAMEWORK}: `{id}` is there twice"
        );
        ids.push(id.to_owned());
    }
    ensure!(!ids.is_empty(), "{FRAMEWORK} defines no rules");
    Ok(ids)
}

/// A rule of the framework that no test shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    pub id: String,
    /// Why no test can.
    pub reason: String,
}

/// Reads [`EXCEPTIONS`] and checks its form.
pub fn exceptions(root: &Path) -> Result<Vec<Exception>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        exception: Vec<Exception>,
    }

    let text = fs::read_to_string(root.join(EXCEPTIONS))
        .with_context(|| format!("{EXCEPTIONS} is missing"))?;
    let file: File =
        toml::from_str(&text).with_context(|| format!("{EXCEPTIONS} is not in its form"))?;
    let mut ids = BTreeSet::new();
    for Exception { id, reason } in &file.exception {
        ensure!(ids.insert(id), "{EXCEPTIONS}: `{id}` is there twice");
        ensure!(
            !reason.trim().is_empty(),
            "{EXCEPTIONS}: `{id}` is there without a reason"
        );
    }
    Ok(file.exception)
}

#[cfg(test)]
mod tests {
    use super::{BOOK, Book, EXCEPTIONS, Way, exceptions, framework_ids};
    use crate::sources::Scratch;

    fn book(rules: &str) -> Result<Book, String> {
        let text = format!("[[call]]\nletter = \"C\"\ntitle = \"Create\"\n{rules}");
        let tree = Scratch::new(&[(BOOK, &text)]);
        Book::read(tree.root()).map_err(|error| format!("{error:#}"))
    }

    fn rule(id: &str, ways: &str) -> String {
        format!(
            "[[call.rule]]\nid = \"{id}\"\ntext = \"t\"\nenforced = {ways}\nby = \"`A::b` is `c d`\"\n"
        )
    }

    #[test]
    fn rules_are_read_with_what_enforces_them() {
        let book = book(&rule("C1", "[\"type\", \"guarantee\"]")).expect("reads");
        let rule = book.rules().next().expect("one");
        assert_eq!(
            (book.call[0].letter.as_str(), rule.id.as_str()),
            ("C", "C1")
        );
        assert_eq!(rule.enforced, [Way::Type, Way::Guarantee]);
        assert_eq!(rule.items(), ["A", "b"]);
    }

    #[test]
    fn what_has_not_the_form_of_the_book_is_refused() {
        for (rules, says) in [
            (rule("C1", "[]"), "enforced by nothing"),
            (rule("C1", "[\"hope\"]"), "unknown variant `hope`"),
            (rule("C1", "[\"guarantee\", \"type\"]"), "lesser way first"),
            (rule("P1", "[\"type\"]"), "`P1` is no id of `C`"),
            (
                rule("C1", "[\"type\"]") + &rule("C1", "[\"type\"]"),
                "`C1` is there twice",
            ),
            (
                rule("C1", "[\"type\"]") + "more = 1\n",
                "unknown field `more`",
            ),
            (
                "[[call.rule]]\nid = \"C1\"\n".to_owned(),
                "missing field `text`",
            ),
        ] {
            let error = book(&rules).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
        let tree = Scratch::new(&[("docs/other", "")]);
        let error = Book::read(tree.root())
            .expect_err("no book there")
            .to_string();
        assert!(error.contains("is missing"), "{error}");
    }

    #[test]
    fn framework_rules_are_list_items_of_all_pages() {
        let objects = "- **OBJ-1** first\n- **DEV-1** † x\nsee OBJ-9\n- **UTF-8x** y\n- MEM-1 z\n";
        let tree = Scratch::new(&[
            ("docs/rules/objects.md", objects),
            ("docs/rules/memory.md", "# 2\n\n- **MEM-12** (V) row\n"),
            ("docs/rules/notes.txt", "- **OBJ-7** no page\n"),
        ]);
        let ids = framework_ids(tree.root()).expect("reads");
        assert_eq!(ids, ["MEM-12", "OBJ-1", "DEV-1"]);
        tree.write("docs/rules/other.md", "- **OBJ-1** again\n");
        let error = framework_ids(tree.root()).expect_err("twice").to_string();
        assert!(error.contains("`OBJ-1` is there twice"), "{error}");
    }

    #[test]
    fn an_exception_has_a_reason() {
        let one = "[[exception]]\nid = \"OBJ-1\"\n";
        let tree = Scratch::new(&[(EXCEPTIONS, &format!("{one}reason = \"inside\"\n"))]);
        let read = exceptions(tree.root()).expect("reads");
        assert_eq!(
            (read[0].id.as_str(), read[0].reason.as_str()),
            ("OBJ-1", "inside")
        );
        for (text, says) in [
            (one.to_owned(), "missing field `reason`"),
            (format!("{one}reason = \" \"\n"), "without a reason"),
            (format!("{one}reason = \"a\"\n").repeat(2), "twice"),
        ] {
            tree.write(EXCEPTIONS, &text);
            let error = format!("{:#}", exceptions(tree.root()).expect_err(says));
            assert!(error.contains(says), "{error}");
        }
    }
}
