//! `cargo xtask wine`: the driver image in Wine's kernel, driven by every part of its client.
//!
//! `cargo kmdf wine` shows what it shows of any driver; this adds what only this driver and its client have.

use crate::{project, report as self_test};
use anyhow::{Context, Result, ensure};
use cargo_kmdf::driver::Driver;
use cargo_kmdf::wine::prefix::Wine;
use cargo_kmdf::wine::session::{Outcome, Session};
use cargo_kmdf::wine::{Machine, Report, SHORT, print_not_shown};
use clap::Args;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How to run the driver.
#[derive(Args)]
pub struct Options {
    /// Calls of the stress run
    #[arg(long, default_value_t = Options::default().calls)]
    pub calls: u64,
    /// Leave the Wine prefix in place
    #[arg(long)]
    pub keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            calls: 100_000,
            keep: false,
        }
    }
}

/// Calls before the first measurement, for what is allocated once.
const WARM_UP_CALLS: u64 = 10_000;
/// Growth of the driver's process that is none: a leak of 16 bytes in each of 100,000 calls is more.
const GROWTH_ALLOWED: u64 = 1 << 20;
/// How long each thousand calls of a stress run may take.
const PER_THOUSAND_CALLS: Duration = Duration::from_secs(2);
/// Calls that must have the same results in the model and in Wine.
const SCRIPT: &str = "xtask/assets/calls.script";

/// Runs everything, prints a line for each step, and leaves nothing but the log.
pub fn run(options: &Options) -> Result<String> {
    let root = project::root();
    let driver = Driver::find(&project::driver("wdfmem"))?;
    let wine = Wine::find()?;
    let version = wine.version.clone();
    println!("{version}");
    let machine = Machine::build(&driver)?;
    let mut report = Report::default();
    let prefix = machine.prefix(&mut report, wine, options.keep)?;
    prefix.add_to_package(&root.join(SCRIPT), "calls.script")?;
    let session = Session::start(&prefix, &machine.folder, &driver)?;
    first_cycle(&mut report, &session, &root, options.calls)?;
    second_cycle(&mut report, &session)?;
    report.step("driver output", || {
        let lines = session.driver_lines();
        for said in ["wdfmem: loaded", "wdfmem: unloaded"] {
            let times = lines.iter().filter(|line| *line == said).count();
            ensure!(
                times == 2,
                "\"{said}\" was printed {times} times in two cycles"
            );
        }
        let log = machine.folder.join("debug.log");
        said(format!("{} lines, in {}", lines.len(), log.display()))
    })?;
    print_not_shown();
    Ok(format!(
        "{} steps in {version}, {} calls of stress",
        report.count(),
        options.calls
    ))
}

/// The client's command line for the installed driver, never for the model that the client has in it.
fn client<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["wdfmem.exe", "--driver"], arguments].concat()
}

/// What a step found.
fn said(found: impl Into<String>) -> Result<((), String)> {
    Ok(((), found.into()))
}

fn succeeds(session: &Session<'_>, arguments: &[&str], limit: Duration) -> Result<Outcome> {
    session.succeeds(&client(arguments), limit)
}

fn ends(session: &Session<'_>, arguments: &[&str], code: i32) -> Result<Outcome> {
    session.ends(&client(arguments), code, SHORT)
}

fn first_cycle(report: &mut Report, session: &Session<'_>, root: &Path, calls: u64) -> Result<()> {
    install(report, session)?;
    // First, while handles still count from where they do in the model.
    report.step("same as the model", || said(same_as_model(session, root)?))?;
    report.step("self-test", || {
        let outcome = succeeds(session, &["selftest"], SHORT)?;
        said(format!(
            "exit code 0, {} lines",
            outcome.output.lines().count()
        ))
    })?;
    report.step("self-test as JSON", || {
        let outcome = succeeds(session, &["--json", "selftest"], SHORT)?;
        let report = serde_json::from_str(&outcome.output);
        said(self_test::rows(&report.context("the report is not JSON")?)?)
    })?;
    on_the_machine(report, session)?;
    report.step("two processes", || {
        let each = (calls / 10).to_string();
        let command = client(&["stress", "--calls", &each]);
        for outcome in session.run(&[&command, &command], limit(calls / 5))? {
            session.check(&command, &outcome)?;
        }
        said(format!("{each} calls each, at once"))
    })?;
    report.step("stress", || said(stress(session, calls)?))?;
    uninstall(report, session)
}

/// What a person does on a virtual machine beside installing: as far as there is something to see in Wine.
fn on_the_machine(report: &mut Report, session: &Session<'_>) -> Result<()> {
    report.step("status", || {
        let status = status(session, 0)?;
        let device = &status["facts"]["devices"][0];
        ensure!(
            device["started"] == true && device["instance"] == r"ROOT\WDFMEM\0000",
            "the device is not shown as started: {device}"
        );
        let version = &status["facts"]["driver"]["version"];
        ensure!(
            *version == concat!(env!("CARGO_PKG_VERSION"), ".0"),
            "the driver's version is shown as {version}"
        );
        let rows = array(&status["rows"])?.len();
        said(format!("{rows} rows, driver {version}"))
    })?;
    report.step("verify", || {
        // Wine has no Driver Verifier, and this must be said; the framework's is in the registry.
        let on = ends(session, &["verify", "on"], 1)?;
        ensure!(
            on.output.contains("verifier.exe cannot be run"),
            "`wdfmem verify on` does not say that there is no Driver Verifier:\n{}",
            on.output
        );
        let values = |status: &Value| status["facts"]["framework_verifier"]["numbers"].clone();
        let set = values(&status(session, 0)?);
        ensure!(set["VerifierOn"] == 1, "`verify on` set only {set}");
        ends(session, &["verify", "off"], 0)?;
        let left = values(&status(session, 0)?);
        ensure!(
            left.as_object().is_some_and(serde_json::Map::is_empty),
            "`verify off` left {left}"
        );
        said("the framework's on and off; Wine has no Driver Verifier")
    })?;
    report.step("logs", || {
        let logs = ends(session, &["--json", "logs"], 1)?;
        let logs: Value = serde_json::from_str(&logs.output).context("the logs are not JSON")?;
        for part in ["setup", "events"] {
            let why = logs[part]["unread"].as_str();
            let why = why.with_context(|| format!("Wine has no {part} log, but one is shown"))?;
            ensure!(why.contains("cannot be read"), "{part}: {why}");
        }
        said("Wine writes none, and each is said to be missing")
    })
}

/// What `wdfmem --json status` prints, when it ends with the given code.
fn status(session: &Session<'_>, code: i32) -> Result<Value> {
    let outcome = ends(session, &["--json", "status"], code)?;
    serde_json::from_str(&outcome.output).context("the status is not JSON")
}

fn array(value: &Value) -> Result<&Vec<Value>> {
    value
        .as_array()
        .with_context(|| format!("{value} is no list"))
}

fn second_cycle(report: &mut Report, session: &Session<'_>) -> Result<()> {
    install(report, session)?;
    report.step("self-test", || {
        succeeds(session, &["selftest"], SHORT)?;
        said("exit code 0")
    })?;
    uninstall(report, session)
}

fn install(report: &mut Report, session: &Session<'_>) -> Result<()> {
    report.step("install", || {
        succeeds(session, &["install", r"C:\pkg"], SHORT)?;
        let process = session.device_process();
        let process = process.context("the client installed the driver, but no process has it")?;
        said(format!("loaded in process {process}"))
    })
}

fn uninstall(report: &mut Report, session: &Session<'_>) -> Result<()> {
    report.step("remove", || {
        succeeds(session, &["remove"], SHORT)?;
        session.stop_service()?;
        session.is_unloaded()?;
        // There is nothing left to find, and nothing left to remove.
        let status = status(session, 1)?;
        ensure!(
            array(&status["facts"]["devices"])?.is_empty(),
            "a device is still shown: {}",
            status["facts"]["devices"]
        );
        said("device removed, driver unloaded")
    })
}

/// Runs the same calls on the model and on Wine, and fails on any difference between the results.
fn same_as_model(session: &Session<'_>, root: &Path) -> Result<String> {
    let model = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--release",
            "--",
            "--json",
            "script",
            SCRIPT,
        ])
        .current_dir(root)
        .output()
        .context("the model's side could not be started")?;
    let model = String::from_utf8_lossy(&model.stdout).into_owned();
    let wine = succeeds(
        session,
        &["--json", "script", r"C:\pkg\calls.script"],
        SHORT,
    )?;
    let differences = differences(&model, &wine.output);
    ensure!(
        differences.is_empty(),
        "the model and Wine behave differently:\n{}",
        differences.join("\n")
    );
    let calls = model.lines().count();
    ensure!(calls > 0, "the model printed nothing for {SCRIPT}");
    Ok(format!("{calls} calls, the same results"))
}

/// Lines that differ between two traces, with their numbers.
fn differences(model: &str, wine: &str) -> Vec<String> {
    let longest = model.lines().count().max(wine.lines().count());
    let padded = |text| str::lines(text).chain(std::iter::repeat("(nothing)"));
    let pairs = padded(model).zip(padded(wine)).take(longest);
    (1..)
        .zip(pairs)
        .filter(|(_, (one, other))| one != other)
        .map(|(number, (one, other))| format!("{number}: model {one}\n{number}: Wine  {other}"))
        .collect()
}

/// Sends many calls, and fails if the driver's process keeps growing.
fn stress(session: &Session<'_>, calls: u64) -> Result<String> {
    let send = |calls: u64| {
        let number = calls.to_string();
        succeeds(session, &["stress", "--calls", &number], limit(calls))
    };
    send(WARM_UP_CALLS.min(calls))?;
    let before = session.device_memory()?;
    let outcome = send(calls)?;
    let after = session.device_memory()?;
    let growth = after.saturating_sub(before);
    ensure!(
        growth <= GROWTH_ALLOWED,
        "the driver's process grew from {before} to {after} bytes over {calls} calls: it leaks"
    );
    let each = outcome.time.as_secs_f64() * 1e6 / calls as f64;
    Ok(format!(
        "{calls} calls, {each:.0} µs each, memory {} KiB before and {} KiB after",
        before / 1024,
        after / 1024
    ))
}

fn limit(calls: u64) -> Duration {
    SHORT + PER_THOUSAND_CALLS * u32::try_from(calls / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_traces_have_no_differences_and_a_shorter_one_has() {
        assert!(differences("a\nb\n", "a\nb\n").is_empty());
        assert_eq!(
            differences("a\nb\n", "a\n"),
            ["2: model b\n2: Wine  (nothing)"]
        );
        assert_eq!(differences("a\n", "c\n"), ["1: model a\n1: Wine  c"]);
    }
}
