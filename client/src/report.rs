//! Results on standard output: a table and colours for people on a terminal, JSON for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets,
};
use serde::Serialize;

use crate::{
    script::Step,
    selftest::{Results, Row},
    system::Verdict,
};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const TITLE: Style = Style::new().bold().underline();
const QUIET: Style = Style::new().dimmed();

/// The results of the self-test as JSON.
#[derive(Serialize)]
struct SelfTestReport<'a> {
    ok: bool,
    rows: &'a [Row],
    verifier: VerifierReport<'a>,
}

#[derive(Serialize)]
struct VerifierReport<'a> {
    ok: bool,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Takes it as printed if the reader has gone: what was done counts all the same, and the exit code tells
/// how it went.
fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints the results of the self-test.
pub fn results(results: &Results, verdict: &Verdict, json: bool) -> io::Result<()> {
    unless_closed(print_results(results, verdict, json))
}

fn print_results(results: &Results, verdict: &Verdict, json: bool) -> io::Result<()> {
    if json {
        return print_json(&SelfTestReport {
            ok: results.held() && verdict.is_clean(),
            rows: results.rows(),
            verifier: VerifierReport {
                ok: verdict.is_clean(),
                verdict,
            },
        });
    }
    let mut out = anstream::stdout().lock();
    for system in &verdict.systems {
        writeln!(out, "{QUIET}{system}{QUIET:#}")?;
    }
    for (chapter, rows) in results.chapters() {
        writeln!(out, "\n{TITLE}{chapter}{TITLE:#}")?;
        writeln!(out, "{}", table(rows).trim_fmt())?;
    }
    let failed = results.rows().iter().filter(|row| !row.ok).count();
    let total = results.rows().len();
    if failed == 0 {
        writeln!(out, "\n{GOOD}All {total} checks held.{GOOD:#}")?;
    } else {
        writeln!(
            out,
            "\n{BAD}{failed} of {total} checks did not hold.{BAD:#}"
        )?;
    }
    print_verdict(&mut out, verdict)
}

/// How wide the table is where there is no terminal to ask.
const WIDTH: u16 = 132;

/// How wide the columns are whose content is short.
const MARK: u16 = 4;
const RULE: u16 = 11;
const CALL: u16 = 36;

/// A table with these titles, as wide as the terminal.
fn plain_table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(
            titles
                .iter()
                .map(|title| Cell::new(title).add_attribute(Attribute::Bold)),
        );
    let width = table.width().unwrap_or(WIDTH);
    table.set_width(width);
    // The table asks the terminal alone; the rest of the output heeds the usual variables, too.
    if anstream::AutoStream::choice(&io::stdout()) == anstream::ColorChoice::Never {
        table.force_no_tty();
    } else {
        table.enforce_styling();
    }
    table
}

fn table(rows: &[Row]) -> Table {
    let mut table = plain_table(&["", "rule", "what was done", "Windows call", "status"]);
    let width = table.width().unwrap_or(WIDTH);
    for row in rows {
        let (mark, color) = if row.ok {
            ("ok", Color::Green)
        } else {
            ("NO", Color::Red)
        };
        let mut status = row.status.clone();
        if let Some(detail) = &row.detail {
            status = format!("{status}: {detail}");
        }
        if !row.ok {
            status = format!("{status}; expected {}", row.expected);
        }
        table.add_row([
            Cell::new(mark).fg(color),
            Cell::new(row.rule),
            Cell::new(&row.what),
            Cell::new(row.call),
            Cell::new(status),
        ]);
    }
    // All chapters have the same columns where there is room, so that the eye can run down them.
    if let Some(rest) = width
        .checked_sub(MARK + RULE + CALL)
        .filter(|rest| *rest >= 60)
    {
        let what = rest / 2 + 6;
        let columns = [MARK, RULE, what, CALL, rest - what];
        for (column, width) in table.column_iter_mut().zip(columns) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
    }
    table
}

/// Prints what was seen from outside.
fn print_verdict(out: &mut impl Write, verdict: &Verdict) -> io::Result<()> {
    if !verdict.watched {
        return writeln!(
            out,
            "Nothing watched the driver from outside; under Driver Verifier, Windows would."
        );
    }
    writeln!(
        out,
        "The verifier watched {} allocations with these checks on:",
        verdict.allocations
    )?;
    writeln!(out, "  {}", verdict.checks.join(", "))?;
    if verdict.failed_on_purpose > 0 {
        writeln!(out, "It made {} of them fail.", verdict.failed_on_purpose)?;
    }
    if verdict.findings.is_empty() {
        writeln!(out, "{GOOD}No check stopped the system.{GOOD:#}")?;
    }
    for finding in &verdict.findings {
        writeln!(out, "{BAD}It found: {finding}{BAD:#}")?;
    }
    let left = verdict.left;
    let style = if left.blocks == 0 { GOOD } else { BAD };
    writeln!(
        out,
        "{style}After the driver was unloaded, {} blocks with {} bytes are left allocated.{style:#}",
        left.blocks, left.bytes
    )
}

/// Prints what a line did.
pub fn step(step: &Step, json: bool) -> io::Result<()> {
    unless_closed(print_step(step, json))
}

fn print_step(step: &Step, json: bool) -> io::Result<()> {
    if json {
        return print_json(step);
    }
    let mut out = anstream::stdout().lock();
    let style = if step.ok { GOOD } else { BAD };
    writeln!(out, "{QUIET}>{QUIET:#} {}", step.line)?;
    writeln!(
        out,
        "  {style}{}{style:#}  {QUIET}{}{QUIET:#}",
        step.status, step.call
    )?;
    if !step.ok {
        writeln!(out, "  {BAD}expected {}{BAD:#}", step.expected)?;
    }
    if !step.reply.is_nothing() {
        for line in step.reply.to_string().lines() {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

/// Prints a warning when the verifier saw something after the commands ran.
pub fn after_steps(verdict: &Verdict) -> io::Result<()> {
    if verdict.is_clean() {
        return Ok(());
    }
    unless_closed(print_verdict(&mut anstream::stderr().lock(), verdict))
}

/// Prints a value for programs.
pub fn json(value: &impl Serialize) -> io::Result<()> {
    unless_closed(print_json(value))
}

/// Prints the status of a machine.
#[cfg(windows)]
pub fn status(rows: &[crate::vm::status::Row]) -> io::Result<()> {
    unless_closed(print_status(rows))
}

#[cfg(windows)]
fn print_status(rows: &[crate::vm::status::Row]) -> io::Result<()> {
    use crate::vm::status::Verdict;
    let mut table = plain_table(&["", "what", "found, and what to do"]);
    for row in rows {
        let (mark, color) = match row.verdict {
            Verdict::Good => ("ok", Color::Green),
            Verdict::Note => ("", Color::Reset),
            Verdict::Unknown => ("?", Color::Yellow),
            Verdict::Bad => ("NO", Color::Red),
        };
        let mut found = row.found.clone();
        if let Some(next) = &row.next {
            found.push_str("\n-> ");
            found.push_str(next);
        }
        table.add_row([
            Cell::new(mark).fg(color),
            Cell::new(row.what),
            Cell::new(found),
        ]);
    }
    writeln!(anstream::stdout().lock(), "{}", table.trim_fmt())
}

/// Prints lines; those that begin a part stand out.
pub fn lines(lines: &[String]) -> io::Result<()> {
    unless_closed(print_lines(lines))
}

fn print_lines(lines: &[String]) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    for line in lines {
        if line.is_empty() || line.starts_with(' ') {
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{TITLE}{line}{TITLE:#}")?;
        }
    }
    Ok(())
}

fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)
}

/// Prints one line.
pub fn say(line: &str) -> io::Result<()> {
    writeln!(anstream::stdout().lock(), "{line}")
}
