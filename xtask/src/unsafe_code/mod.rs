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

/// How often a crate says `unsafe`, and what for. Of its tests, only blocks are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    blocks: usize,
    impls: usize,
    functions: usize,
    traits: usize,
    extern_blocks: usize,
    blocks_in_tests: usize,
}

/// Prints the table and returns the summary; fails where the page has another table.
pub fn run(root: &Path, options: Options) -> Result<String> {
    let driver = root.join("src/lib.rs");
    let forbids = fs::read_to_string(driver)?.contains("#![forbid(unsafe_code)]");
    ensure!(forbids, "the driver's src/lib.rs must forbid unsafe_code");
    let mut packages = sources::packages(root)?;
    packages.sort_by(|left, right| left.name.cmp(&right.name));
    let mut table = "\
| crate | unsafe blocks | impls | functions | traits | extern blocks | blocks in tests |
| --- | --- | --- | --- | --- | --- | --- |
"
    .to_owned();
    let (mut blocks, mut in_tests) = (0, 0);
    for package in packages {
        let folder = package.manifest_path.parent().context("a manifest")?;
        let mut counts = Counts::default();
        for file in sources::files(folder.as_std_path())? {
            let tokens = fs::read_to_string(&file)?.parse();
            let tokens = tokens.map_err(|error| anyhow!("{}: {error}", file.display()))?;
            let is_test = sources::is_test(&sources::relative(root, &file));
            counts.add(tokens, is_test);
        }
        writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} |",
            package.name,
            counts.blocks,
            counts.impls,
            counts.functions,
            counts.traits,
            counts.extern_blocks,
            counts.blocks_in_tests
        )?;
        blocks += counts.blocks;
        in_tests += counts.blocks_in_tests;
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
    Ok(format!("{blocks} unsafe blocks, {in_tests} more in tests"))
}

impl Counts {
    /// Adds what the tokens say. Unlike a syntax tree, they show what is inside of macros too.
    fn add(&mut self, tokens: TokenStream, is_test: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut for_test = is_test;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "unsafe" => {
                    if let Some(count) = self.count(&tokens[at + 1..], for_test) {
                        *count += 1;
                    }
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                    let attribute = group.stream().to_string().replace(' ', "");
                    for_test |= attribute == "cfg(test)";
                    self.add(group.stream(), for_test);
                }
                TokenTree::Group(group) => {
                    self.add(group.stream(), for_test);
                    // An attribute is for one item, which ends with its braces or a semicolon.
                    for_test &= is_test || group.delimiter() != Delimiter::Brace;
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' => for_test = is_test,
                _ => {}
            }
        }
    }

    /// The count of what an `unsafe` before these tokens is for; none in the type of a function
    /// pointer, or in `#[unsafe(no_mangle)]`.
    fn count(&mut self, tokens: &[TokenTree], is_test: bool) -> Option<&mut usize> {
        let is_block = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
        if is_block(tokens.first()) {
            return Some(if is_test {
                &mut self.blocks_in_tests
            } else {
                &mut self.blocks
            });
        }
        let TokenTree::Ident(word) = tokens.first()? else {
            return None;
        };
        let is_named = |token: Option<&TokenTree>| {
            matches!(token, Some(TokenTree::Ident(_) | TokenTree::Punct(_)))
        };
        match word.to_string().as_str() {
            "extern" => {
                let abi = usize::from(matches!(tokens.get(1), Some(TokenTree::Literal(_))));
                if is_block(tokens.get(1 + abi)) {
                    return (!is_test).then_some(&mut self.extern_blocks);
                }
                self.count(&tokens[1 + abi..], is_test)
            }
            _ if is_test => None,
            "impl" => Some(&mut self.impls),
            "trait" => Some(&mut self.traits),
            // Also `fn $name` of a macro.
            "fn" if is_named(tokens.get(1)) => Some(&mut self.functions),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
