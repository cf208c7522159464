//! Debian packages that a task needs: installed where this machine allows it, named where it does not.

use crate::process;
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// Whether, and how, packages may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authority {
    Root,
    Sudo,
    Nobody,
}

/// Installs `packages`, or fails with the one command that would.
pub fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let Some(apt) = process::find("apt-get") else {
        bail!(
            "{purpose} needs programs that are not on this machine, and it has no apt-get to get \
             them with: install what Debian calls {}",
            packages.join(", ")
        );
    };
    let mut command = match authority() {
        Authority::Root => Command::new(apt),
        Authority::Sudo => {
            let mut command = Command::new("sudo");
            command.arg("-n").arg(apt);
            command
        }
        Authority::Nobody => bail!(missing(packages, purpose)),
    };
    println!("installing {} for {purpose}", packages.join(" "));
    command
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    process::run(&mut command).with_context(|| {
        format!(
            "{} (after `apt-get update`, if the packages are not known here)",
            missing(packages, purpose)
        )
    })
}

/// What to do where nothing may be installed.
fn missing(packages: &[&str], purpose: &str) -> String {
    format!(
        "{purpose} needs packages that are not installed: run `sudo apt-get install {}`",
        packages.join(" ")
    )
}

fn authority() -> Authority {
    let succeeds = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let user = process::output(Command::new("id").arg("-u")).unwrap_or_default();
    if user.trim() == "0" {
        Authority::Root
    } else if succeeds("sudo", &["-n", "true"]) {
        Authority::Sudo
    } else {
        Authority::Nobody
    }
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn without_permission_the_one_command_is_said() {
        let sentence = missing(&["lld-19", "wine"], "running under Wine");
        assert!(sentence.ends_with("run `sudo apt-get install lld-19 wine`"));
        assert!(sentence.starts_with("running under Wine needs packages"));
    }
}
