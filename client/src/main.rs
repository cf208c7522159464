//! `wdfmem`: drives the wdfmem driver, through the model or on Windows.

mod arguments;
mod calls;
#[cfg(windows)]
mod devices;
mod failure;
#[cfg(windows)]
mod installed;
#[cfg(not(wdk))]
mod model;
mod platform;
mod reply;
mod report;
mod script;
mod selftest;
mod session;
mod stress;
mod system;
mod values;
mod vm;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory, Parser};
use clap_complete::Shell;

use crate::{
    arguments::{Arguments, Command, Context, SelfTest},
    calls::CallCommand,
    failure::{EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, Failure},
    platform::Setup,
    script::{Script, Step},
};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code.into(),
        Err(failure) => {
            let code = failure.exit_code();
            // Nothing is left to try if standard error cannot be written either.
            let _ = writeln!(anstream::stderr(), "wdfmem: {failure}");
            code.into()
        }
    }
}

/// Carries out a command. The exit code.
fn run(arguments: Arguments) -> Result<u8, Failure> {
    let Arguments { context, command } = arguments;
    match command.unwrap_or_else(|| Command::Selftest(SelfTest::default())) {
        Command::Selftest(options) => self_test(context, &options),
        Command::Script { file } => run_lines(context, Lines::File(file)),
        Command::Do { lines } => run_lines(context, Lines::Given(lines)),
        Command::Stress { calls } => stress_test(context, calls),
        Command::Completions { shell } => completions(shell),
        Command::Vm(command) => vm::run(command, context.json),
        Command::Call(call) => run_lines(context, Lines::Call(call)),
    }
}

fn self_test(context: Context, options: &SelfTest) -> Result<u8, Failure> {
    let setup = Setup::choose(context)?;
    let progress = report::self_test_progress(options);
    let report = selftest::run(setup, &options.chapters(), progress)?;
    report::self_test(&report, options, context.json)?;
    let code = exit_code(report.passed());
    report.stop.map_or(Ok(code), Err)
}

fn stress_test(context: Context, calls: u64) -> Result<u8, Failure> {
    let setup = Setup::choose(context)?;
    let progress = report::stress_progress(calls);
    stress::end_on_interrupt();
    let (outcome, verdict) =
        platform::on_system(setup, move |system| stress::run(system, calls, &progress))?;
    let outcome = outcome?;
    report::stress(&outcome, &verdict, context.json)?;
    let passed = outcome.passed() && verdict.is_clean();
    Ok(if passed && outcome.interrupted {
        EXIT_INTERRUPTED
    } else {
        exit_code(passed)
    })
}

fn completions(shell: Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "wdfmem", &mut script);
    report::script(&script)?;
    Ok(EXIT_OK)
}

const fn exit_code(passed: bool) -> u8 {
    if passed { EXIT_OK } else { EXIT_FAILED }
}

/// Where the lines of a script come from.
enum Lines {
    File(PathBuf),
    Given(Vec<String>),
    Call(CallCommand),
}

/// Makes the calls of these lines, until one does not end as expected.
fn run_lines(context: Context, lines: Lines) -> Result<u8, Failure> {
    let (outcome, verdict) = platform::on_system(Setup::choose(context)?, move |system| {
        let mut script = Script::new(system)?;
        let show = |step: Option<Step>| {
            step.map_or(Ok(true), |step| {
                report::step(&step, context.json)?;
                Ok::<bool, Failure>(step.ok)
            })
        };
        match lines {
            Lines::Call(call) => {
                let line = arguments::line(std::env::args().skip(1));
                let step = script.call(&line, &call, None, wdfmem_ioctl::Status::SUCCESS)?;
                show(Some(step))
            }
            Lines::Given(lines) => all(lines.into_iter().map(Ok), |line| show(script.line(&line)?)),
            Lines::File(path) => all(reader(&path)?.lines(), |line| show(script.line(&line)?)),
        }
    })?;
    let passed = outcome?;
    report::after_steps(&verdict)?;
    Ok(exit_code(passed && verdict.is_clean()))
}

fn all(
    lines: impl Iterator<Item = io::Result<String>>,
    mut run: impl FnMut(String) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    for line in lines {
        let line = line.map_err(|error| {
            let help = if error.kind() == io::ErrorKind::InvalidData {
                "give text in UTF-8"
            } else {
                NAME_A_FILE
            };
            Failure::usage(format!("the script cannot be read: {error}"), help)
        })?;
        if !run(line)? {
            return Ok(false);
        }
    }
    Ok(true)
}

const NAME_A_FILE: &str = "name a file with one command on each line, or `-` for standard input";

fn reader(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) => Err(Failure::usage(
            format!("`{}` cannot be opened: {error}", path.display()),
            NAME_A_FILE,
        )),
    }
}
