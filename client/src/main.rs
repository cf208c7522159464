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

use clap::Parser;

use crate::{
    arguments::{Arguments, Command, SystemChoice},
    calls::CallCommand,
    failure::{EXIT_OK, EXIT_REFUSED, Failure},
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

/// Does what was asked. The exit code.
fn run(arguments: Arguments) -> Result<u8, Failure> {
    let Arguments {
        json,
        system,
        command,
    } = arguments;
    let held = match command.unwrap_or(Command::Selftest) {
        Command::Vm(command) => return vm::run(command, json),
        Command::Selftest => {
            let (results, verdict) = selftest::run(system)?;
            report::results(&results, &verdict, json)?;
            Ok(results.held() && verdict.is_clean())
        }
        Command::Script { file } => run_lines(system, Lines::File(file), json),
        Command::Do { lines } => run_lines(system, Lines::Given(lines), json),
        Command::Stress { calls } => run_stress(system, calls, json),
        Command::Call(call) => run_lines(system, Lines::Call(call), json),
    }?;
    Ok(if held { EXIT_OK } else { EXIT_REFUSED })
}

/// Sends many calls; whether all held.
fn run_stress(system: SystemChoice, calls: u64, json: bool) -> Result<bool, Failure> {
    let setup = Setup::choose(system)?;
    let (outcome, verdict) = platform::on_system(setup, move |system| stress::run(system, calls))?;
    match outcome? {
        Ok(sent) => {
            report::say(&format!("{sent} calls, all as they should be"))?;
            report::after_steps(&verdict)?;
            Ok(verdict.is_clean())
        }
        Err(step) => {
            report::step(&step, json)?;
            Ok(false)
        }
    }
}

/// Where lines come from.
enum Lines {
    File(PathBuf),
    Given(Vec<String>),
    Call(CallCommand),
}

/// Runs lines until one does not end as it should; whether all did.
fn run_lines(system: SystemChoice, lines: Lines, json: bool) -> Result<bool, Failure> {
    let (outcome, verdict) = platform::on_system(Setup::choose(system)?, move |system| {
        let mut script = Script::new(system)?;
        let show = |step: Option<Step>| {
            step.map_or(Ok(true), |step| {
                report::step(&step, json)?;
                Ok::<bool, Failure>(step.ok)
            })
        };
        match lines {
            Lines::Call(call) => {
                let line = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
                let step = script.call(&line, &call, None, wdfmem_ioctl::Status::SUCCESS)?;
                show(Some(step))
            }
            Lines::Given(lines) => all(lines.into_iter().map(Ok), |line| show(script.line(&line)?)),
            Lines::File(path) => all(reader(&path)?.lines(), |line| show(script.line(&line)?)),
        }
    })?;
    let held = outcome?;
    report::after_steps(&verdict)?;
    Ok(held && verdict.is_clean())
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
