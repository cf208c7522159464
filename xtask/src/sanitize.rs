//! The test suite in the model, under a sanitizer of the nightly compiler.
//!
//! Nothing is suppressed. AddressSanitizer works with the prebuilt standard library. ThreadSanitizer
//! does not: it takes the locks and reference counts of a standard library that it did not compile
//! for races, so that the library is built as well, from the component rust-src.

use crate::project;
use anyhow::{Context, Result, ensure};
use cargo_kmdf::process;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A sanitizer of the compiler that the tests can run under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sanitizer {
    /// Accesses outside of what is allocated, or after it was freed; leaks.
    Address,
    /// ThreadSanitizer: finds data races.
    Thread,
}

/// The nightly compiler, which alone has the sanitizers.
struct Compiler {
    version: String,
    host: String,
    /// Whether the sources of the standard library are there.
    sources: bool,
}

/// Runs the tests under one sanitizer, or under both in turn, and says how it went. A sanitizer that
/// this machine cannot run is skipped, which is no failure.
pub fn run(which: Option<Sanitizer>) -> Result<String> {
    let compiler = nightly();
    let mut outcomes = Vec::new();
    for sanitizer in [Sanitizer::Address, Sanitizer::Thread] {
        if which.is_some_and(|wanted| wanted != sanitizer) {
            continue;
        }
        let name = sanitizer.name();
        let able = compiler
            .as_ref()
            .map_err(|missing| format!("{missing:#}"))
            .and_then(|compiler| sanitizer.obstacle(compiler).map_or(Ok(compiler), Err));
        let outcome = match able {
            Ok(compiler) => {
                sanitizer.run(compiler)?;
                "found nothing".to_owned()
            }
            Err(obstacle) => format!("skipped, {obstacle}"),
        };
        outcomes.push(format!("{name} sanitizer: {outcome}"));
    }
    Ok(outcomes.join("; "))
}

/// A program of the nightly toolchain.
fn program(name: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", name]);
    // What cargo and rustup set for this program is about another toolchain.
    for variable in ["RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO"] {
        command.env_remove(variable);
    }
    command
}

/// What the nightly compiler says, without the last line's end.
fn ask(options: &[&str]) -> Result<String> {
    const MISSING: &str = "no nightly toolchain is installed: `rustup toolchain install nightly \
                           --profile minimal --component rust-src` adds one";
    let output = program("rustc").args(options).output().context(MISSING)?;
    ensure!(output.status.success(), MISSING);
    let text =
        String::from_utf8(output.stdout).context("the compiler printed text that is not UTF-8")?;
    Ok(text.trim_end().to_owned())
}

fn nightly() -> Result<Compiler> {
    let system_root = PathBuf::from(ask(&["--print", "sysroot"])?);
    let sources = system_root.join("lib/rustlib/src/rust/library/Cargo.lock");
    Ok(Compiler {
        version: ask(&["--version"])?,
        host: ask(&["--print", "host-tuple"])?,
        sources: sources.exists(),
    })
}

impl Sanitizer {
    /// What the compiler calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    /// Why this machine cannot run it, if it cannot.
    fn obstacle(self, compiler: &Compiler) -> Option<String> {
        if !compiler.host.ends_with("-linux-gnu") && !compiler.host.ends_with("-apple-darwin") {
            return Some(format!("the compiler has none for {}", compiler.host));
        }
        let obstacle = "the sources of the standard library are missing: `rustup component add \
                        rust-src --toolchain nightly` adds them";
        (self == Self::Thread && !compiler.sources).then(|| obstacle.to_owned())
    }

    fn run(self, compiler: &Compiler) -> Result<()> {
        let name = self.name();
        println!("{name} sanitizer: {}", compiler.version);
        process::run(&mut self.command(compiler, &project::root())).with_context(|| {
            format!("the {name} sanitizer, or a test under it, found what is above")
        })
    }

    fn command(self, compiler: &Compiler, root: &Path) -> Command {
        let mut command = program("cargo");
        command
            .current_dir(root)
            .arg("test")
            .args(["--workspace", "--tests"])
            // Programs of the host, without unsafe code.
            .args(["cargo-kmdf", "wdk-stand-in", "xtask"].map(|name| format!("--exclude={name}")))
            .arg("--no-fail-fast")
            // With a target named, build scripts and macros are built without the sanitizer.
            .args(["--target", &compiler.host])
            .env(
                "RUSTFLAGS",
                format!("-Zsanitizer={} --cfg unbounded_stack", self.name()),
            )
            // Builds of other flags beside the usual ones would replace each other.
            .arg("--target-dir")
            .arg(project::target(root).join(format!("sanitize-{}", self.name())));
        if self == Self::Thread {
            command
                .arg("-Zbuild-std")
                // Otherwise the library is built twice, for either way to panic, and clashes.
                .env("CARGO_PROFILE_DEV_PANIC", "unwind");
            // Random sequences take ten times as long, and few of their steps race.
            if std::env::var_os("PROPTEST_CASES").is_none() {
                command.env("PROPTEST_CASES", "8");
            }
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::{Compiler, Sanitizer};

    fn compiler(host: &str, sources: bool) -> Compiler {
        Compiler {
            version: "rustc 1.0.0-nightly".to_owned(),
            host: host.to_owned(),
            sources,
        }
    }

    #[test]
    fn a_sanitizer_that_cannot_run_says_why() {
        let linux = compiler("x86_64-unknown-linux-gnu", false);
        assert_eq!(Sanitizer::Address.obstacle(&linux), None);
        let missing = Sanitizer::Thread.obstacle(&linux).expect("no sources");
        assert!(missing.contains("rust-src"), "{missing}");
        let linux = compiler("x86_64-unknown-linux-gnu", true);
        assert_eq!(Sanitizer::Thread.obstacle(&linux), None);
        let windows = compiler("x86_64-pc-windows-msvc", true);
        assert!(Sanitizer::Address.obstacle(&windows).is_some());
    }
}
