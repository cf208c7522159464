//! `cargo xtask unsafe`: how much unsafe code there is, by crate, and whether each piece says why it
//! is sound.

use crate::tree::{self, SourceFile, is_attribute};
use anyhow::{Context, Result, bail};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The page with the table.
const PAGE: &str = "docs/soundness.md";
const BEGIN: &str = "<!-- unsafe: made by `cargo xtask unsafe --write` -->";
const END: &str = "<!-- unsafe: end -->";

/// What to do beside checking.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Options {
    /// Write the table in docs/soundness.md instead of checking that it is up to date.
    #[arg(long)]
    pub write: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// How often a crate says `unsafe`, and what for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Counts {
    blocks: usize,
    impls: usize,
    functions: usize,
    traits: usize,
    /// Blocks of functions that are defined elsewhere.
    extern_blocks: usize,
    /// Blocks in its tests, which are counted nowhere else.
    blocks_in_tests: usize,
}

/// What follows the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Block,
    Impl,
    Function,
    Trait,
    ExternBlock,
}

/// One piece of unsafe code.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    kind: Kind,
    line: usize,
    is_test: bool,
}

/// Checks, prints the table, and returns the summary; an error names all that does not hold.
pub fn run(root: &Path, options: Options) -> Result<String> {
    let mut crates = BTreeMap::<String, Counts>::new();
    let mut undocumented = Vec::new();
    for file in tree::read(root)? {
        let counts = crates.entry(file.package.clone()).or_default();
        for piece in pieces(&file) {
            counts.add(&piece);
            let needs_comment = matches!(piece.kind, Kind::Block | Kind::Impl);
            if needs_comment && !is_documented(&file.text, piece.line) {
                undocumented.push(format!("{}:{}", file.path, piece.line));
            }
        }
    }
    let table = table(&crates);
    let page = root.join(PAGE);
    let found = fs::read_to_string(&page).unwrap_or_default();
    let wanted = with_table(&found, &table)?;
    if options.write {
        let folder = page.parent().unwrap_or(root);
        fs::create_dir_all(folder)?;
        fs::write(&page, &wanted).with_context(|| format!("{PAGE} cannot be written"))?;
    }
    let stale = !options.write && found != wanted;

    let blocks: usize = crates.values().map(|counts| counts.blocks).sum();
    let in_tests: usize = crates.values().map(|counts| counts.blocks_in_tests).sum();
    let summary = format!(
        "{blocks} unsafe blocks, {in_tests} more in tests, {} without a SAFETY comment",
        undocumented.len()
    );
    let mut problems: Vec<_> = undocumented
        .iter()
        .map(|place| format!("{place}: no SAFETY comment"))
        .collect();
    if stale {
        problems.push(format!(
            "{PAGE} is out of date: `cargo xtask unsafe --write`"
        ));
    }
    if options.json {
        let report = json!({
            "crates": crates, "undocumented": undocumented, "stale": stale,
            "ok": problems.is_empty(),
        });
        println!("{report:#}");
    } else {
        println!("{table}\n{summary}");
    }
    if problems.is_empty() {
        Ok(summary)
    } else {
        bail!("{summary}\n  {}", problems.join("\n  "))
    }
}

impl Counts {
    fn add(&mut self, piece: &Piece) {
        match piece.kind {
            Kind::Block if piece.is_test => self.blocks_in_tests += 1,
            _ if piece.is_test => {}
            Kind::Block => self.blocks += 1,
            Kind::Impl => self.impls += 1,
            Kind::Function => self.functions += 1,
            Kind::Trait => self.traits += 1,
            Kind::ExternBlock => self.extern_blocks += 1,
        }
    }
}

/// The page with this table instead of the one between the marks; without marks, at the end.
fn with_table(page: &str, table: &str) -> Result<String> {
    let marked = format!("{BEGIN}\n\n{table}\n{END}");
    match (page.split_once(BEGIN), page.split_once(END)) {
        (Some((before, _)), Some((_, after))) => Ok(format!("{before}{marked}{after}")),
        (None, None) if page.is_empty() => {
            Ok(format!("# Soundness\n\n## Unsafe code\n\n{marked}\n"))
        }
        (None, None) => Ok(format!(
            "{}\n\n## Unsafe code\n\n{marked}\n",
            page.trim_end()
        )),
        _ => bail!("{PAGE} has one of the marks of the table without the other"),
    }
}

fn table(crates: &BTreeMap<String, Counts>) -> String {
    let mut table = "\
| crate | unsafe blocks | impls | functions | traits | extern blocks | blocks in tests |
| --- | --- | --- | --- | --- | --- | --- |
"
    .to_owned();
    for (name, counts) in crates {
        let Counts {
            blocks,
            impls,
            functions,
            traits,
            extern_blocks,
            blocks_in_tests,
        } = counts;
        writeln!(
            table,
            "| {name} | {blocks} | {impls} | {functions} | {traits} | {extern_blocks} | \
             {blocks_in_tests} |"
        )
        .expect("a string takes everything");
    }
    table
}

/// All unsafe code of a file, inside of macros too.
fn pieces(file: &SourceFile) -> Vec<Piece> {
    let mut found = Vec::new();
    scan(file.tokens.clone(), file.is_test, &mut found);
    found
}

fn scan(tokens: TokenStream, is_test: bool, found: &mut Vec<Piece>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    let mut for_test = false;
    while at < tokens.len() {
        let (attributes, count) = tree::attributes(&tokens[at..], false);
        if count > 0 {
            // Not looked into: `#[unsafe(no_mangle)]` is no unsafe code.
            for_test |= attributes
                .iter()
                .any(|group| is_attribute(group, "cfg(test)"));
            at += count;
            continue;
        }
        match &tokens[at] {
            TokenTree::Ident(word) if word == "unsafe" => {
                if let Some(kind) = kind(&tokens[at + 1..]) {
                    let line = word.span().start().line;
                    let is_test = is_test || for_test;
                    found.push(Piece {
                        kind,
                        line,
                        is_test,
                    });
                }
            }
            TokenTree::Group(group) => {
                scan(group.stream(), is_test || for_test, found);
                // An attribute is for one item, which ends with its braces.
                for_test &= group.delimiter() != Delimiter::Brace;
            }
            TokenTree::Punct(mark) if mark.as_char() == ';' => for_test = false,
            _ => {}
        }
        at += 1;
    }
}

/// What an `unsafe` before these tokens is for; `None` in the type of a function pointer.
fn kind(tokens: &[TokenTree]) -> Option<Kind> {
    let word = match tokens.first()? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            return Some(Kind::Block);
        }
        TokenTree::Ident(word) => word.to_string(),
        _ => return None,
    };
    match (word.as_str(), tokens.get(1)) {
        ("impl", _) => Some(Kind::Impl),
        ("trait", _) => Some(Kind::Trait),
        ("extern", Some(TokenTree::Literal(_))) => match tokens.get(2) {
            Some(TokenTree::Group(_)) => Some(Kind::ExternBlock),
            _ => kind(&tokens[2..]),
        },
        ("extern", Some(TokenTree::Group(_))) => Some(Kind::ExternBlock),
        ("extern", _) => kind(&tokens[1..]),
        ("fn", Some(TokenTree::Group(_))) => None,
        ("fn", _) => Some(Kind::Function),
        _ => None,
    }
}

/// Whether a SAFETY comment stands above the statement, or the part of it, that has the line.
///
/// Where a statement begins is told by how the line before it ends, and by indentation: as good as
/// rustfmt makes it.
fn is_documented(text: &str, line: usize) -> bool {
    let lines: Vec<_> = text.lines().take(line).collect();
    let indent = |at: usize| lines[at].len() - lines[at].trim_start().len();
    let is_comment = |line: &str| line.starts_with("//") && !line.starts_with("///");
    let mut at = line - 1;
    loop {
        if lines[at].trim_start().starts_with(['}', ')', ']']) {
            // To where the bracket was opened.
            let opened = (0..at).rev().find(|&above| indent(above) == indent(at));
            at = opened.unwrap_or(0);
        }
        let Some(above) = at.checked_sub(1) else {
            return false;
        };
        let line = lines[above].trim();
        if is_comment(line) {
            let comment = lines[..at].iter().rev().map(|line| line.trim());
            return comment
                .take_while(|line| is_comment(line))
                .any(|line| line.contains("SAFETY:"));
        }
        let is_over = line.is_empty() || line.ends_with([';', ',', '{', '}']);
        if is_over && !line.starts_with("#[") {
            return false;
        }
        at = above;
    }
}

#[cfg(test)]
mod tests;
