//! Programs that a task needs: installed where this machine allows it, named where it does not.

use anyhow::{Context, Result};
use cargo_kmdf::failure::Unable;
use cargo_kmdf::process;
use std::process::{Command, Stdio};

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
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (program, arguments) = match &words[..] {
        ["sudo", "apt-get", arguments @ ..] => match authority()? {
            Authority::Root => ("apt-get", arguments.to_vec()),
            Authority::Sudo => ("sudo", [&["-n", "apt-get"], arguments].concat()),
        },
        [program, arguments @ ..] => (*program, arguments.to_vec()),
        [] => return Ok(()),
    };
    let mut command = Command::new(program);
    command
        .args(&arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    if arguments.contains(&"apt-get") || program == "apt-get" {
        command.args(["--yes", "--no-install-recommends"]);
    }
    process::run(&mut command).with_context(|| {
        format!(
            "`{}` failed (after `apt-get update`, the packages may be known here)",
            words.join(" ")
        )
    })
}

/// How packages may be installed.
enum Authority {
    Root,
    Sudo,
}

fn authority() -> Result<Authority> {
    let user = process::output(Command::new("id").arg("-u")).unwrap_or_default();
    if user.trim() == "0" {
        return Ok(Authority::Root);
    }
    let mut sudo = Command::new("sudo");
    let sudo = sudo.args(["-n", "true"]);
    let sudo = sudo.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let may = sudo.is_ok_and(|status| status.success());
    anyhow::ensure!(may, "this user may not install packages");
    Ok(Authority::Sudo)
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
