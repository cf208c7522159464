//! The whole test run: each step a command or a check of this repository, then one summary.

use crate::{
    folding, interleavings, msrv, packages, project, report, rules, sanitize, stranger,
    unsafe_code, wdk_route, wine, wine_tests,
};
use anyhow::{Context, Result, bail, ensure};
use cargo_kmdf::driver::Driver;
use cargo_kmdf::toolchain::Choice;
use cargo_kmdf::{audit, build, package, process};
use serde::Serialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Which steps to run.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Run only these steps, in the order of the whole run
    steps: Vec<String>,
    /// List the steps and run none
    #[arg(long)]
    list: bool,
    /// Write the summary to a file as JSON, also where a step fails
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A step: its name, and what runs it and says how it went.
type Step<'a> = (&'static str, &'a dyn Fn() -> Result<String>);

/// How a step went.
#[derive(Serialize)]
struct Outcome {
    step: &'static str,
    ok: bool,
    seconds: f64,
    /// What the step found, or why it failed.
    found: String,
}

/// Runs the steps, stops at the first that fails, and prints what each took.
pub fn run(options: &Options) -> Result<()> {
    let root = project::root();
    let steps: [Step<'_>; 22] = [
        ("format", &|| cargo(&root, "fmt --all --check")),
        ("lints", &|| {
            cargo(&root, "clippy --workspace --all-targets -- -D warnings")
        }),
        ("tests", &|| cargo(&root, "test --workspace")),
        ("adding a call", &|| {
            cargo(&root, "test --test adding_a_call -- --ignored")
        }),
        ("interleavings", &|| {
            interleavings::run(&interleavings::Options::default())
        }),
        ("documentation", &|| {
            cargo(&root, "doc --workspace --no-deps")
        }),
        ("msrv", &msrv::run),
        // Uncommitted changes are no reason to stop a developer's own run.
        ("publish", &|| {
            cargo(&root, "publish --workspace --dry-run --allow-dirty")
        }),
        ("rules", &|| rules(&root, false)),
        ("framework-rules", &|| rules(&root, true)),
        ("unsafe", &|| {
            unsafe_code::run(&root, unsafe_code::Options::default())
        }),
        ("self-test", &|| cargo(&root, "run --release")),
        ("self-test-json", &|| self_test_as_json(&root)),
        ("wdk-route", &wdk_route::run),
        ("folding", &folding::run),
        ("image", &images_twice),
        ("audit", &|| {
            let audit = |package| {
                audit::run(&audit::Options {
                    selection: project::driver(package),
                    ..audit::Options::default()
                })
            };
            Ok(format!("{}; {}", audit("wdfmem")?, audit("mailbox")?))
        }),
        ("wine", &|| wine::run(&wine::Options::default())),
        ("stranger", &stranger::run),
        ("wine-tests", &wine_tests::run),
        ("package", &|| {
            package::run(&package::Options {
                selection: project::driver("wdfmem"),
                json: false,
            })
        }),
        ("sanitize", &|| sanitize::run(None)),
    ];
    let names = steps.map(|(name, _)| name);
    for wanted in &options.steps {
        ensure!(
            names.contains(&wanted.as_str()),
            "there is no step `{wanted}`; there are {}",
            names.join(", ")
        );
    }
    if options.list {
        println!("{}", names.join("\n"));
        return Ok(());
    }
    let is_wanted = |name| options.steps.is_empty() || options.steps.iter().any(|own| own == name);
    let outcomes = run_steps(steps.iter().filter(|(name, _)| is_wanted(*name)));
    println!("\n== summary");
    for outcome in &outcomes {
        let verdict = if outcome.ok { "ok" } else { "FAILED" };
        let (step, found) = (outcome.step, &outcome.found);
        println!(
            "{step:<16} {verdict:<6} {:>7.1} s  {found}",
            outcome.seconds
        );
    }
    if let Some(file) = &options.json {
        fs::write(file, serde_json::to_string_pretty(&outcomes)?)
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    if let Some(step) = outcomes.iter().find(|outcome| !outcome.ok) {
        let step = step.step;
        bail!("the step {step} failed; `cargo xtask test {step}` runs it alone");
    }
    Ok(())
}

/// Runs the steps until one fails.
fn run_steps<'a>(steps: impl Iterator<Item = &'a Step<'a>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (name, step) in steps {
        println!("\n== {name}");
        let start = Instant::now();
        let result = packages::with_tools(step);
        let ok = result.is_ok();
        outcomes.push(Outcome {
            step: name,
            ok,
            seconds: start.elapsed().as_secs_f64(),
            found: result.unwrap_or_else(|error| format!("{error:#}")),
        });
        if !ok {
            break;
        }
    }
    outcomes
}

fn rules(root: &Path, framework: bool) -> Result<String> {
    let write = false;
    rules::run(root, rules::Options { write, framework })
}

/// Builds the drivers, the client and the framework for Wine twice, and compares the bytes.
fn images_twice() -> Result<String> {
    let mut built = Vec::new();
    for package in ["wdfmem", "mailbox"] {
        built.push(build::run(&build::Options {
            selection: project::driver(package),
            twice: true,
            ..build::Options::default()
        })?);
    }
    let driver = Driver::find(&project::driver("wdfmem"))?;
    let target = driver.products().join("framework-again");
    let again = Driver {
        target: target.clone(),
        ..driver.clone()
    };
    let framework =
        |driver| -> Result<Vec<u8>> { Ok(fs::read(build::framework(driver, Choice::Auto)?)?) };
    ensure!(
        framework(&driver)? == framework(&again)?,
        "{} differs between two builds of the same source",
        build::FRAMEWORK
    );
    fs::remove_dir_all(target)?;
    built.push(format!("{} too", build::FRAMEWORK));
    Ok(built.join("; "))
}

/// A cargo command in the workspace; warnings of the documentation are errors.
fn command(root: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(arguments.split(' '))
        .current_dir(root)
        .env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn cargo(root: &Path, arguments: &str) -> Result<String> {
    println!("cargo {arguments}");
    process::run(&mut command(root, arguments))?;
    Ok(format!("cargo {arguments}"))
}

/// Runs the self-test for programs and reads its report as a program would.
fn self_test_as_json(root: &Path) -> Result<String> {
    let output = command(root, "run --release --quiet -- selftest --json")
        .output()
        .context("the self-test could not be started")?;
    let report: Value =
        serde_json::from_slice(&output.stdout).context("the self-test's report is not JSON")?;
    ensure!(
        report["verifier"].is_object(),
        "the report has no `verifier`"
    );
    ensure!(
        output.status.success(),
        "the self-test ended with {}",
        output.status
    );
    report::rows(&report)
}

#[cfg(test)]
mod tests {
    use super::{Step, run_steps};
    use anyhow::bail;

    #[test]
    fn the_first_step_that_fails_is_the_last_that_runs() {
        let steps: [Step<'_>; 3] = [
            ("one", &|| Ok("found".to_owned())),
            ("two", &|| bail!("broken")),
            ("three", &|| panic!("it must not run")),
        ];
        let outcomes = run_steps(steps.iter());
        let outcomes: Vec<_> = (outcomes.iter())
            .map(|outcome| (outcome.step, outcome.ok, outcome.found.as_str()))
            .collect();
        assert_eq!(outcomes, [("one", true, "found"), ("two", false, "broken")]);
    }
}
