//! Programs that a task needs: installed where this machine allows it, named where it does not.

use anyhow::{Context, Result};
use cargo_kmdf::failure::Unable;
use cargo_kmdf::process;
use std::process::Command;

/// Runs a task; if programs are not installed, installs them and runs it again.
pub fn with_tools<T>(task: impl Fn() -> Result<T>) -> Result<T> {
    let mut tried: Vec<Vec<String>> = Vec::new();
    loop {
        let error = match task() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let Some(Unable::Missing { installs, .. }) = error.downcast_ref() else {
            return Err(error);
        };
        let new = installs.iter().find(|install| !tried.contains(install));
        let Some(install) = new.cloned() else {
            return Err(error);
        };
        println!("{error}");
        if let Err(failure) = run(&install) {
            eprintln!("{failure:#}");
        }
        tried.push(install);
    }
}

/// Runs a command that installs something, if it may be run without asking a person.
fn run(words: &[String]) -> Result<()> {
    let is_root = || process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let [program, arguments @ ..] = words else {
        return Ok(());
    };
    let mut command = match (program.as_str(), arguments) {
        ("sudo", [program, ..]) if is_root() => Command::new(program),
        ("sudo", [program, ..]) => {
            let mut command = Command::new("sudo");
            command.args(["-n", program]);
            command
        }
        (program, _) => Command::new(program),
    };
    command.args(arguments.iter().skip(usize::from(program == "sudo")));
    if words.iter().any(|word| word == "apt-get") {
        command.args(["--yes", "--no-install-recommends"]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
    }
    process::run(&mut command)
        .context("nothing was installed; after `apt-get update` the packages may be known")
}

#[cfg(test)]
mod tests {
    use super::with_tools;
    use anyhow::Result;
    use cargo_kmdf::failure::Unable;
    use std::cell::Cell;

    fn missing(program: &str) -> anyhow::Error {
        Unable::missing("this test", vec![program]).into()
    }

    #[test]
    #[cfg_attr(windows, ignore = "Windows has no program `true` to run")]
    fn a_task_runs_again_once_what_it_lacks_is_installed() {
        let runs = Cell::new(0);
        let task = || match runs.replace(runs.get() + 1) {
            0 => Err(missing("true")),
            _ => Ok(7),
        };
        assert_eq!(with_tools(task).unwrap(), 7);
        assert_eq!(runs.get(), 2);
    }

    #[test]
    fn a_task_that_still_lacks_something_fails_with_the_command_to_run() {
        let runs = Cell::new(0);
        let task = || -> Result<()> {
            runs.set(runs.get() + 1);
            Err(missing("there-is-no-such-program"))
        };
        let error = with_tools(task).unwrap_err().to_string();
        assert!(error.ends_with("run `there-is-no-such-program`"), "{error}");
        assert_eq!(runs.get(), 2);
    }
}
