//! `cargo kmdf`: makes, builds, tests, checks and packages KMDF drivers written in Rust.

use cargo_kmdf::{audit, build, failure, inf, model, new, package, wine};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Makes, builds, tests, checks and packages KMDF drivers written in Rust, without a Windows Driver Kit.
///
/// Every command works on the driver of the current folder, as cargo does; -p and --manifest-path name another one.
#[derive(Parser)]
#[command(
    name = "cargo kmdf",
    bin_name = "cargo kmdf",
    version,
    styles = STYLES,
    after_help = "A driver in six commands: `cargo kmdf new hello`, and in its folder `cargo kmdf test`, `build`, `audit`, \
                  `wine`, `package`. `cargo kmdf --help` says more.",
    after_long_help = MANUAL
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const MANUAL: &str = r#"A driver in six commands:
  cargo kmdf new hello  a driver with one request, its INF, tests and a client
  cd hello
  cargo kmdf test       its tests, in a model of the kernel and the framework
  cargo kmdf build      hello.sys and hello.exe, in target/kmdf/hello/image
  cargo kmdf audit      would Windows load hello.sys, and can it panic?
  cargo kmdf wine       hello.sys in Wine's kernel, driven by hello.exe
  cargo kmdf package    INF, catalog, signature, in target/kmdf/hello/package

What is read from the driver's Cargo.toml:
  [package.metadata.wdk.driver-model]
    driver-type = "KMDF"
    kmdf-version-major = 1
    target-kmdf-version-minor = 15
  [package.metadata.kmdf]        every key may be left out
    inx = "FILE"                 the template of the INF; otherwise the only
                                 .inx file beside Cargo.toml
    client = "PACKAGE"           a program of the workspace that uses the driver:
                                 `wine` runs it and requires exit code 0, and
                                 the driver package has it as NAME.exe
    client-arguments = ["..."]   its arguments in `wine`
    instructions = "FILE"        a page for the driver package, instead of the
                                 general one
The service, the hardware IDs and the provider are read from the INX.

Exit codes:
  0  done, all checks passed
  1  a check failed or the driver does not build; the last lines say what
  2  wrong usage, a manifest that does not fit, or a program that is not
     installed; the last line says what to do"#;

#[derive(Subcommand)]
enum Command {
    /// Make a driver with an interface, a request, an INF, tests and a client, in a new folder
    New(new::Options),
    /// Build the driver's image and its client, without the Windows Driver Kit
    Build(build::Options),
    /// Run the driver's tests in a model of the kernel and of the framework
    Test(model::Options),
    /// Check whether Windows would load a kernel image, and whether it can panic
    Audit(audit::Options),
    /// Check an INF file against the documented rules
    Inf(inf::task::Options),
    /// Make a test-signed driver package of what `build` made
    Package(package::Options),
    /// Build the driver and run it in Wine's kernel: install, open, run the client, remove, twice
    Wine(wine::Options),
}

fn main() -> ExitCode {
    // Cargo runs `cargo-kmdf kmdf …` for `cargo kmdf …`.
    let arguments = std::env::args_os()
        .enumerate()
        .filter(|(index, argument)| (*index, argument.as_os_str()) != (1, "kmdf".as_ref()))
        .map(|(_, argument)| argument);
    let result = match Arguments::parse_from(arguments).command {
        Command::New(options) => new::run(&options),
        Command::Build(options) => build::run(&options),
        Command::Test(options) => model::run(&options),
        Command::Audit(options) => audit::run(&options),
        Command::Inf(options) => inf::task::run(&options),
        Command::Package(options) => package::run(&options),
        Command::Wine(options) => wine::run(&options),
    };
    match result {
        // What a command prints for programs stays alone on standard output.
        Ok(said) => {
            eprintln!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            failure::exit_code(&error).into()
        }
    }
}
