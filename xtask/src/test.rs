//! The whole test run: each step a command or a check of this repository, then one summary.

use crate::{
    folding, interleavings, msrv, rules, sanitize, unsafe_code, wdk_route, wine, wine_tests,
};
use anyhow::{Context, Result, bail, ensure};
use cargo_kmdf::{audit, build as image, package, project};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs every step, stops at the first that does not hold, and prints what each took.
pub fn run() -> Result<()> {
    let root = project::root();
    let images = project::target(&root).join("image");
    let steps: [(&str, &dyn Fn() -> Result<String>); 20] = [
        ("format", &|| cargo(&root, &["fmt", "--all", "--check"])),
        ("lints", &|| {
            let arguments = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ];
            cargo(&root, &arguments)
        }),
        ("tests", &|| cargo(&root, &["test", "--workspace"])),
        ("interleavings", &|| {
            interleavings::run(&interleavings::Options::default())
        }),
        ("documentation", &|| {
            cargo(&root, &["doc", "--workspace", "--no-deps"])
        }),
        ("oldest Rust", &msrv::run),
        ("publish, dry run", &|| {
            // Uncommitted changes are no reason to stop a developer's own run.
            let arguments = ["publish", "--workspace", "--dry-run", "--allow-dirty"];
            cargo(&root, &arguments)
        }),
        ("rules", &|| rules::run(&root, rules::Options::default())),
        ("framework rules", &|| {
            rules::run(&root, rules::Options::FRAMEWORK)
        }),
        ("unsafe code", &|| {
            unsafe_code::run(&root, unsafe_code::Options::default())
        }),
        ("self-test", &|| cargo(&root, &["run", "--release"])),
        ("self-test as JSON", &|| self_test_as_json(&root)),
        ("WDK route", &wdk_route::run),
        ("context types, folded", &folding::run),
        ("image, built twice", &|| {
            image::run(&image::Options {
                twice: true,
                ..image::Options::default()
            })
        }),
        ("audit of the images", &|| {
            let audit = |name| {
                audit::run(&audit::Options {
                    file: images.join(name),
                    json: false,
                    skip: Vec::new(),
                    page: None,
                })
            };
            Ok(format!(
                "{}; {}",
                audit(image::DRIVER)?,
                audit(image::EXAMPLE)?
            ))
        }),
        ("Wine", &|| {
            wine::run(&wine::Options {
                images: Some(images.clone()),
                ..wine::Options::default()
            })
        }),
        ("tests in Wine", &wine_tests::run),
        ("package", &|| {
            package::run()?;
            Ok("made, signed and verified".to_owned())
        }),
        ("sanitizers", &|| sanitize::run(None)),
    ];
    let mut summary: Vec<(&str, String, Duration)> = Vec::new();
    for (name, step) in steps {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = step().with_context(|| format!("the step \"{name}\" did not hold"))?;
        summary.push((name, outcome, start.elapsed()));
    }
    println!("\n== summary");
    for (name, outcome, time) in summary {
        println!("{name:<22} {:>6.1} s  {outcome}", time.as_secs_f64());
    }
    Ok(())
}

/// A cargo command in the workspace; warnings of the documentation are errors.
fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(arguments)
        .current_dir(root)
        .env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let said = format!("cargo {}", arguments.join(" "));
    println!("{said}");
    let status = command(root, arguments)
        .status()
        .with_context(|| format!("`{said}` could not be started"))?;
    ensure!(
        status.success(),
        "`{said}` ended with {status}; its output is above"
    );
    Ok(said)
}

/// Runs the self-test for programs and reads its report as a program would.
fn self_test_as_json(root: &Path) -> Result<String> {
    let arguments = ["run", "--release", "--quiet", "--", "selftest", "--json"];
    let output = command(root, &arguments)
        .output()
        .context("the self-test could not be started")?;
    let report: Value =
        serde_json::from_slice(&output.stdout).context("the self-test's report is not JSON")?;
    let Some(rows) = report["rows"].as_array().filter(|rows| !rows.is_empty()) else {
        bail!("the report has no `rows`");
    };
    for row in rows {
        for key in ["rule", "call", "status", "ok"] {
            ensure!(!row[key].is_null(), "a row has no `{key}`: {row}");
        }
        ensure!(row["ok"] == true, "a row did not hold: {row}");
    }
    ensure!(
        report["verifier"].is_object(),
        "the report has no `verifier`"
    );
    ensure!(
        output.status.success(),
        "the self-test ended with {}",
        output.status
    );
    Ok(format!("{} rows, all held", rows.len()))
}
