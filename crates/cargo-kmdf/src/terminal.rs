//! What a person at a terminal sees of a command at work.

use anstyle::{AnsiColor, Effects, Style};
use std::fmt::Display;

const WARNING: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
const VERB: Style = AnsiColor::Green.on_default().effects(Effects::BOLD);

/// Prints a line to standard error as cargo does: a verb, aligned to the right, and its object.
pub fn status(verb: &str, object: impl Display) {
    anstream::eprintln!("{VERB}{verb:>12}{VERB:#} {object}");
}

/// Prints a warning to standard error as cargo does.
pub fn warning(text: impl Display) {
    anstream::eprintln!("{WARNING}warning{WARNING:#}: {text}");
}
