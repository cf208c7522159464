//! Results on standard output: tables and colours for people on a terminal, JSON for programs.

pub mod table;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;
use textwrap::Options;

use crate::{
    arguments::SelfTest,
    script::Step,
    selftest::{Report, Row},
    stress,
    system::Verdict,
};
use table::Layout;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const TITLE: Style = Style::new().bold().underline();
const QUIET: Style = Style::new().dimmed();

/// A result as JSON, with what the system observed from outside the driver.
#[derive(Serialize)]
struct Json<'a, T: Serialize> {
    ok: bool,
    #[serde(flatten)]
    result: T,
    verifier: VerifierReport<'a>,
}

impl<'a, T: Serialize> Json<'a, T> {
    fn new(ok: bool, result: T, verdict: &'a Verdict) -> Self {
        let verifier = VerifierReport {
            ok: verdict.is_clean(),
            verdict,
        };
        Self {
            ok,
            result,
            verifier,
        }
    }
}

#[derive(Serialize)]
struct SelfTestReport<'a> {
    total: usize,
    failed: usize,
    rows: &'a [&'a Row],
}

#[derive(Serialize)]
struct VerifierReport<'a> {
    ok: bool,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Ignores that the reader of the output has gone: the exit code reports the result all the same.
fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    // Wine reports ERROR_PIPE_NOT_CONNECTED, which the standard library does not know as a broken pipe.
    const PIPE_NOT_CONNECTED: i32 = 233;
    let is_closed = |error: &io::Error| {
        let code = error.raw_os_error();
        error.kind() == io::ErrorKind::BrokenPipe
            || cfg!(windows) && code == Some(PIPE_NOT_CONNECTED)
    };
    match printed {
        Err(error) if is_closed(&error) => Ok(()),
        other => other,
    }
}

/// Progress of the self-test on a terminal, by chapter.
pub fn self_test_progress(options: &SelfTest) -> ProgressBar {
    if options.quiet {
        return ProgressBar::hidden();
    }
    progress(ProgressBar::new_spinner(), "{spinner} check {pos}: {msg}")
}

/// Progress of the stress test on a terminal: calls made, rate and time.
pub fn stress_progress(calls: u64) -> ProgressBar {
    progress(
        ProgressBar::new(calls),
        "{wide_bar} {human_pos}/{human_len} calls, {per_sec:0}, {elapsed}, {eta} left",
    )
}

/// On standard error, and only if that is a terminal.
fn progress(bar: ProgressBar, template: &str) -> ProgressBar {
    let bar = bar.with_finish(ProgressFinish::AndClear);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Prints the results of the self-test.
pub fn self_test(report: &Report, options: &SelfTest, json: bool) -> io::Result<()> {
    unless_closed(print_self_test(report, options, json))
}

fn print_self_test(report: &Report, options: &SelfTest, json: bool) -> io::Result<()> {
    let Report { rows, verdict, .. } = report;
    let failed: Vec<&Row> = rows.iter().filter(|row| !row.ok).collect();
    let all: Vec<&Row> = rows.iter().collect();
    let shown = match options {
        SelfTest { quiet: true, .. } => &[],
        SelfTest { failed: true, .. } => failed.as_slice(),
        SelfTest { .. } => all.as_slice(),
    };
    if json {
        let result = SelfTestReport {
            total: rows.len(),
            failed: failed.len(),
            rows: shown,
        };
        return print_json(&Json::new(report.passed(), result, verdict));
    }
    let mut out = anstream::stdout().lock();
    if !options.quiet {
        for system in &verdict.systems {
            print_text(&mut out, QUIET, system)?;
        }
        let layout = Layout::new(&all, table::width());
        for chapter in shown.chunk_by(|one, next| one.chapter == next.chapter) {
            let title = chapter.first().map_or("", |row| row.chapter);
            print_section(&mut out, layout, title, chapter)?;
        }
        writeln!(out)?;
        print_verdict(&mut out, verdict)?;
        // They may be far up on the screen by now.
        if !failed.is_empty() && !options.failed {
            print_section(&mut out, layout, "Failed checks", &failed)?;
        }
        writeln!(out)?;
    }
    let total = rows.len();
    if report.passed() {
        return print_text(&mut out, GOOD, &format!("All {total} checks passed."));
    }
    let mut text = format!("{} of {total} checks failed.", failed.len());
    if report.stop.is_some() {
        text = format!("{text} Then the driver stopped the system.");
    }
    print_text(&mut out, BAD, &text)
}

fn print_section(
    out: &mut impl Write,
    layout: Layout,
    title: &str,
    rows: &[&Row],
) -> io::Result<()> {
    writeln!(out)?;
    print_text(out, TITLE, title)?;
    writeln!(out, "{}", layout.table(title, rows).trim_fmt())
}

/// Prints text in lines that fit the terminal.
fn print_text(out: &mut impl Write, style: Style, text: &str) -> io::Result<()> {
    let options = Options::new(table::width())
        .subsequent_indent("  ")
        .break_words(false);
    for line in textwrap::wrap(text, options) {
        writeln!(out, "{style}{line}{style:#}")?;
    }
    Ok(())
}

/// Prints what the system observed from outside the driver.
fn print_verdict(out: &mut impl Write, verdict: &Verdict) -> io::Result<()> {
    let plain = Style::new();
    for finding in &verdict.findings {
        print_text(out, BAD, &format!("Violation: {finding}"))?;
    }
    if !verdict.watched {
        if !verdict.findings.is_empty() {
            return Ok(());
        }
        let text = "Nothing observed the driver from outside. On Windows, Driver Verifier can: `wdfmem verify on`.";
        return print_text(out, plain, text);
    }
    let text = format!(
        "The verifier watched {} pool allocations and made {} of them fail, with these checks on: {}.",
        verdict.allocations,
        verdict.failed_on_purpose,
        verdict.checks.join(", ")
    );
    print_text(out, plain, &text)?;
    if verdict.findings.is_empty() {
        print_text(out, GOOD, "It reported no violation.")?;
    }
    let left = verdict.left;
    let style = if left.blocks == 0 { GOOD } else { BAD };
    let text = format!(
        "After the driver was unloaded, {} blocks with {} bytes were still allocated.",
        left.blocks, left.bytes
    );
    print_text(out, style, &text)
}

/// Prints the result of the stress test.
pub fn stress(outcome: &stress::Outcome, verdict: &Verdict, json: bool) -> io::Result<()> {
    unless_closed(print_stress(outcome, verdict, json))
}

fn print_stress(outcome: &stress::Outcome, verdict: &Verdict, json: bool) -> io::Result<()> {
    let ok = outcome.passed() && verdict.is_clean();
    if json {
        return print_json(&Json::new(ok, outcome, verdict));
    }
    if let Some(step) = &outcome.failed {
        print_step(step, json)?;
    }
    let mut out = anstream::stdout().lock();
    if !verdict.is_clean() {
        print_verdict(&mut out, verdict)?;
    }
    let memory = &outcome.memory;
    let result = match (ok, outcome.interrupted) {
        (true, false) => "Passed",
        (true, true) => "Stopped with Ctrl-C, no errors so far",
        (false, _) => "Failed",
    };
    let text = format!(
        "{result}: {} calls in {:.1} s, {:.0} calls per second, {} errors. Memory in use before: {}; after: {}.",
        outcome.calls, outcome.seconds, outcome.rate, outcome.errors, memory.before, memory.after
    );
    print_text(&mut out, if ok { GOOD } else { BAD }, &text)
}

/// Prints a call of a script and how it ended.
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
    let fits = step.status.len() + step.call.len() + 4 <= table::width();
    let gap = if fits { "  " } else { "\n  " };
    writeln!(
        out,
        "  {style}{}{style:#}{gap}{QUIET}{}{QUIET:#}",
        step.status, step.call
    )?;
    if !step.ok {
        writeln!(out, "  {BAD}expected {}{BAD:#}", step.expected)?;
    }
    if !step.reply.is_nothing() {
        for line in step.reply.to_string().lines() {
            let line = format!("  {line}");
            if line.chars().count() <= table::width() {
                writeln!(out, "{line}")?;
            } else {
                print_text(&mut out, Style::new(), &line)?;
            }
        }
    }
    Ok(())
}

/// Prints what the system observed after the calls, if the driver broke a rule or left memory allocated.
pub fn after_steps(verdict: &Verdict) -> io::Result<()> {
    if verdict.is_clean() {
        return Ok(());
    }
    unless_closed(print_verdict(&mut anstream::stderr().lock(), verdict))
}

/// Prints a script for a shell, byte by byte as it is.
pub fn script(script: &[u8]) -> io::Result<()> {
    unless_closed(io::stdout().write_all(script))
}

/// Prints a value as JSON.
pub fn json(value: &impl Serialize) -> io::Result<()> {
    unless_closed(print_json(value))
}

/// Prints the status of a machine.
#[cfg(windows)]
pub fn status(rows: &[crate::vm::status::Row]) -> io::Result<()> {
    let table = table::of_machine(rows, table::width());
    unless_closed(writeln!(anstream::stdout().lock(), "{}", table.trim_fmt()))
}

/// Prints lines, with headings in bold.
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

/// Prints one line of text on standard output.
#[cfg(windows)]
pub fn say(line: &str) -> io::Result<()> {
    writeln!(anstream::stdout().lock(), "{line}")
}
