//! `cargo xtask unsafe`: how much unsafe code there is, by crate.
//!
//! That each block and each implementation says why it is sound, and is one operation, the lints of
//! the workspace check: `undocumented_unsafe_blocks` and `multiple_unsafe_ops_per_block`.

use crate::sources;
use anyhow::{Context, Result, anyhow, bail, ensure};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
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
}

/// The columns of the table: how often a crate says `unsafe`, and what for. Of its tests, only blocks
/// are counted.
const COLUMNS: &str = "\
| crate | unsafe blocks | impls | functions | traits | extern blocks | blocks in tests |
| --- | --- | --- | --- | --- | --- | --- |
";
const BLOCKS: usize = 0;
const IMPLS: usize = 1;
const FUNCTIONS: usize = 2;
const TRAITS: usize = 3;
const EXTERN_BLOCKS: usize = 4;
const BLOCKS_IN_TESTS: usize = 5;

/// Prints the table and returns the summary; fails where the page has another table.
pub fn run(root: &Path, options: Options) -> Result<String> {
    let driver = fs::read_to_string(root.join("src/lib.rs"))?;
    let forbids = driver.contains("#![forbid(unsafe_code)]");
    ensure!(forbids, "the driver's src/lib.rs must forbid unsafe_code");
    let mut packages = sources::packages(root)?;
    packages.sort_by(|left, right| left.name.cmp(&right.name));
    let mut table = COLUMNS.to_owned();
    let mut all = [0; 6];
    for package in packages {
        let folder = package.manifest_path.parent().context("a manifest")?;
        let mut counts = [0; 6];
        for file in sources::files(folder.as_std_path())? {
            let tokens = fs::read_to_string(&file)?.parse();
            let tokens = tokens.map_err(|error| anyhow!("{}: {error}", file.display()))?;
            let is_test = sources::is_test(&sources::relative(root, &file));
            add(&mut counts, tokens, is_test);
        }
        let cells = counts.map(|count| count.to_string()).join(" | ");
        writeln!(table, "| {} | {cells} |", package.name)?;
        all = std::array::from_fn(|column| all[column] + counts[column]);
    }
    println!("{table}");
    let page = root.join(PAGE);
    let found = fs::read_to_string(&page).with_context(|| format!("{PAGE} is missing"))?;
    let marks = (found.split_once(BEGIN), found.split_once(END));
    let (Some((before, _)), Some((_, after))) = marks else {
        bail!("{PAGE} has not both marks of the table, `{BEGIN}` and `{END}`");
    };
    let wanted = format!("{before}{BEGIN}\n\n{table}\n{END}{after}");
    if options.write {
        fs::write(&page, wanted)?;
    } else {
        ensure!(
            found == wanted,
            "{PAGE} is out of date: `cargo xtask unsafe --write`"
        );
    }
    let (blocks, in_tests) = (all[BLOCKS], all[BLOCKS_IN_TESTS]);
    Ok(format!("{blocks} unsafe blocks, {in_tests} more in tests"))
}

/// Adds what the tokens say. Unlike a syntax tree, they show what is inside of macros too.
fn add(counts: &mut [usize; 6], tokens: TokenStream, is_test: bool) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut for_test = is_test;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "unsafe" => match kind(&tokens[at + 1..]) {
                Some(BLOCKS) if for_test => counts[BLOCKS_IN_TESTS] += 1,
                Some(kind) if !for_test => counts[kind] += 1,
                _ => {}
            },
            TokenTree::Group(group) => {
                let attribute = group.stream().to_string().replace(' ', "");
                for_test |= group.delimiter() == Delimiter::Bracket && attribute == "cfg(test)";
                add(counts, group.stream(), for_test);
                // An attribute is for one item, which ends with its braces or a semicolon.
                for_test &= is_test || group.delimiter() != Delimiter::Brace;
            }
            TokenTree::Punct(mark) if mark.as_char() == ';' => for_test = is_test,
            _ => {}
        }
    }
}

/// What an `unsafe` before these tokens is for; none in the type of a function pointer, or in
/// `#[unsafe(no_mangle)]`.
fn kind(tokens: &[TokenTree]) -> Option<usize> {
    let is_block = |tokens: &[TokenTree]| matches!(tokens, [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::Brace);
    let [TokenTree::Ident(word), rest @ ..] = tokens else {
        return is_block(tokens).then_some(BLOCKS);
    };
    match (word.to_string().as_str(), rest) {
        ("extern", [TokenTree::Literal(_), rest @ ..] | rest) if is_block(rest) => {
            Some(EXTERN_BLOCKS)
        }
        ("extern", [TokenTree::Literal(_), rest @ ..] | rest) => kind(rest),
        ("impl", _) => Some(IMPLS),
        ("trait", _) => Some(TRAITS),
        // Also `fn $name` of a macro.
        ("fn", [TokenTree::Ident(_) | TokenTree::Punct(_), ..]) => Some(FUNCTIONS),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
