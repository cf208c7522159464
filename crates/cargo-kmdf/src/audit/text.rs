//! Checks of what an image's text and constants give away.

use super::image::Image;
use super::{code, debug, places};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;
use std::str;

/// "RPNC", the bug check code of the panic handler; wdk-panic has the same.
const PANIC_BUG_CHECK: u64 = 0x5250_4E43;

/// Parts of the messages of Rust's core library.
const PANIC_MESSAGES: [&str; 16] = [
    "panicked at",
    "explicit panic",
    "called `Option::",
    "called `Result::",
    "index out of bounds",
    "out of range for slice",
    "slice index starts at",
    "source slice length",
    "attempt to divide by zero",
    "attempt to calculate the remainder",
    "with overflow",
    "assertion failed",
    "assertion `",
    "entered unreachable code",
    "already borrowed",
    "unsafe precondition",
];

/// Constants of the integer formatting of Rust's core library.
const FORMATTING_CONSTANTS: [&str; 2] = ["000102030405060708091011", "{invalid syntax}"];

/// Parts of paths that only a machine that builds has.
const PATH_PARTS: [&str; 8] = [
    "/home/",
    "/root/",
    "/tmp/",
    "/usr/",
    "/rustc/",
    "/.cargo/",
    "\\.cargo\\",
    "\\Users\\",
];

pub fn panic(image: &Image<'_>) -> Result<String> {
    let handler = handler(image)?;
    let sign = absent(image, &PANIC_MESSAGES, "the message of a panic").and_then(|()| {
        if let Some(handler) = handler {
            bail!("the panic handler is there, at {handler:#x}, so something can panic");
        }
        no_symbol_of(image, ["core::panicking::", "4core9panicking"])
    });
    let Err(sign) = sign else {
        return Ok("none".to_owned());
    };
    let callers = places::places(image, "; what panics is ", &panicking(image, handler)?);
    bail!("{sign:#}{callers}")
}

/// The addresses at which a driver's own functions call what panics, directly or by way of functions
/// of Rust's libraries.
fn panicking(image: &Image<'_>, handler: Option<u32>) -> Result<Vec<u32>> {
    let names = debug::functions_by_address(image)?;
    let panics = names
        .iter()
        .filter(|(_, name)| name.starts_with("core::panicking::"));
    let mut panics: BTreeSet<u32> = panics.map(|(&start, _)| start).collect();
    if let Some(handler) = handler {
        panics.insert(places::function(image, handler)?);
    }
    loop {
        let callers = places::callers(image, &panics)?;
        let known = panics.len();
        for &caller in &callers {
            let start = places::function(image, caller)?;
            let name = names.get(&start).map_or("", String::as_str);
            if name.starts_with("core::") || name.starts_with("alloc::") {
                panics.insert(start);
            }
        }
        if panics.len() == known {
            return Ok(callers);
        }
    }
}

/// The address of the instruction in the panic handler that has the code of the bug check.
fn handler(image: &Image<'_>) -> Result<Option<u32>> {
    for section in image.code()? {
        let found = code::instructions(&section).find(|instruction| {
            (0..instruction.op_count())
                .any(|operand| instruction.try_immediate(operand).ok() == Some(PANIC_BUG_CHECK))
        });
        if let Some(found) = found {
            return Ok(Some(found.ip() as u32));
        }
    }
    Ok(None)
}

pub fn formatting(image: &Image<'_>) -> Result<String> {
    absent(image, &FORMATTING_CONSTANTS, "a constant of core::fmt")?;
    no_symbol_of(image, ["core::fmt::", "4core3fmt"])?;
    Ok("none".to_owned())
}

pub fn paths(image: &Image<'_>) -> Result<String> {
    absent(image, &PATH_PARTS, "part of a path")?;
    for section in image.sections()? {
        for text in texts(section.bytes) {
            let source = text.match_indices(".rs").any(|(index, _)| {
                let next = text[index + 3..].chars().next();
                !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
            });
            ensure!(
                !source,
                "{} has the name of a source file: {text}",
                section.name
            );
        }
    }
    let name = debug::pdb_name(image).unwrap_or_default();
    ensure!(
        !name.contains(['/', '\\']),
        "the PDB is named with its folder: {name}"
    );
    Ok("none".to_owned())
}

/// Fails if a section contains one of the texts.
fn absent(image: &Image<'_>, texts: &[&str], what: &str) -> Result<()> {
    for section in image.sections()? {
        for text in texts {
            let mut windows = section.bytes.windows(text.len());
            ensure!(
                !windows.any(|window| window == text.as_bytes()),
                "{} has {what}: \"{text}\"",
                section.name
            );
        }
    }
    Ok(())
}

/// Fails if the PDB names a function of a module, given plain and mangled.
fn no_symbol_of(image: &Image<'_>, module: [&str; 2]) -> Result<()> {
    let symbols = debug::symbols(image)?;
    let found = symbols
        .iter()
        .find(|symbol| module.iter().any(|name| symbol.contains(name)));
    ensure!(
        found.is_none(),
        "{} is linked in",
        found.map_or("", String::as_str)
    );
    Ok(())
}

/// The runs of printable ASCII.
fn texts(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes
        .split(|byte| !(b' '..=b'~').contains(byte))
        .filter_map(|run| str::from_utf8(run).ok())
        .filter(|run| !run.is_empty())
}
