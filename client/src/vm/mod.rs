//! Commands for a Windows machine: install the driver, show its status, verify it, explain Windows' logs, remove it.
//!
//! The calls of Windows are in `machine`, `install` and `verify`. Everything else is plain logic, tested on any system
//! against the output of Windows' tools.

mod bug_check;
mod codes;
mod events;
#[cfg(windows)]
mod install;
mod logs;
#[cfg(windows)]
pub mod machine;
#[cfg(any(windows, test))]
mod package;
#[cfg(any(windows, test))]
mod problem;
#[cfg(any(windows, test))]
pub mod rejection;
mod setup_log;
#[cfg(any(windows, test))]
pub mod status;
#[cfg(any(windows, test))]
mod verifier;
#[cfg(windows)]
mod verify;

use std::{fs, path::PathBuf};

use clap::{Subcommand, ValueEnum};

use crate::{
    failure::{EXIT_FAILED, EXIT_OK, Failure},
    report,
};

/// The commands for a Windows machine.
#[derive(Debug, Subcommand)]
pub enum VmCommand {
    /// Windows only: installs the driver package and creates a device.
    ///
    /// The device is root-enumerated. Needs administrator rights.
    ///
    /// Exit codes: 0 the device works; 2 no such package; 3 Windows rejected the installation; 4 Windows must be
    /// restarted first.
    Install {
        /// The folder of the driver package, or its INF.
        #[arg(default_value = ".")]
        package: PathBuf,
    },
    /// Windows only: removes the devices of the driver and its package.
    ///
    /// The package is deleted from the driver store. Needs administrator rights.
    ///
    /// Exit codes: 0 removed; 1 nothing to remove; 3 Windows rejected the removal; 4 Windows must be restarted to
    /// complete it.
    Remove,
    /// Windows only: shows whether the driver works, and if not, why.
    ///
    /// Shows the device, the driver, the framework, and the settings for signatures and verifiers.
    ///
    /// Exit codes: 0 the device works; 1 it does not, or something prevents it: the table says what to do.
    Status {
        /// The folder of the driver package, whose certificate is checked when no driver is installed.
        #[arg(long, default_value = ".", value_name = "FOLDER")]
        package: PathBuf,
    },
    /// Windows only: switches the verifiers on or off for the driver.
    ///
    /// These are Driver Verifier and the framework's own verifier.
    ///
    /// `on` selects the standard checks for the driver and for the framework, which allocates on its behalf, from
    /// the next start of Windows on; with --now, only the checks that need no restart. `off` restores the settings
    /// from before. Needs administrator rights.
    ///
    /// Exit codes: 0 done; 1 only partly done; 3 Windows rejected the change; 4 done, but Windows must be restarted
    /// for it to take effect.
    Verify {
        /// Whether to switch the verifiers on or off.
        switch: Switch,
        /// Only the checks that need no restart; they end with the next restart.
        #[arg(long)]
        now: bool,
    },
    /// Explains Windows' logs about the driver.
    ///
    /// These are the log of its installation, its events, and the last bug check.
    ///
    /// Without options, reads the logs of this Windows machine. On any system, reads copies of them.
    ///
    /// Exit codes: 0 the last installation succeeded and no bug check is recorded; 1 otherwise; 2 a file cannot be
    /// read.
    Logs {
        /// A copy of C:\Windows\INF\setupapi.dev.log.
        #[arg(long, value_name = "FILE")]
        setup_log: Option<PathBuf>,
        /// Events as `wevtutil qe System /f:xml` prints them.
        #[arg(long, value_name = "FILE")]
        events: Option<PathBuf>,
    },
}

/// The argument of `wdfmem verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Verify the driver and the framework.
    On,
    /// Restore the settings from before `on`.
    Off,
}

/// Carries out the command. The exit code.
pub fn run(command: VmCommand, json: bool) -> Result<u8, Failure> {
    match command {
        VmCommand::Logs { setup_log, events } => show_logs(setup_log, events, json),
        #[cfg(windows)]
        VmCommand::Install { package } => install::install(&package),
        #[cfg(windows)]
        VmCommand::Remove => install::remove(),
        #[cfg(windows)]
        VmCommand::Status { package } => {
            let facts = machine::facts(&package);
            let rows = status::rows(&facts);
            let ok = status::is_good(&rows);
            let report = status::Report {
                ok,
                rows: &rows,
                facts: &facts,
            };
            if json {
                report::json(&report)?;
            } else {
                report::status(&rows)?;
            }
            Ok(if ok { EXIT_OK } else { EXIT_FAILED })
        }
        #[cfg(windows)]
        VmCommand::Verify { switch, now } => verify::switch(switch, now),
        #[cfg(not(windows))]
        VmCommand::Install { .. } => Err(only_on_windows("install")),
        #[cfg(not(windows))]
        VmCommand::Remove => Err(only_on_windows("remove")),
        #[cfg(not(windows))]
        VmCommand::Status { .. } => Err(only_on_windows("status")),
        #[cfg(not(windows))]
        VmCommand::Verify { .. } => Err(only_on_windows("verify")),
    }
}

#[cfg(not(windows))]
fn only_on_windows(command: &str) -> Failure {
    Failure::usage(
        format!("`wdfmem {command}` works only on Windows, on the machine with the driver"),
        "run it there: docs/vm.md describes each step on a virtual machine. Here, `wdfmem` without a command runs \
         the self-test in the model",
    )
}

fn show_logs(
    setup_log: Option<PathBuf>,
    events: Option<PathBuf>,
    json: bool,
) -> Result<u8, Failure> {
    let given = setup_log.is_some() || events.is_some();
    let setup = setup_log.map(read).transpose()?;
    let events = events
        .map(|path| {
            let shown = path.display().to_string();
            events::read(&read(path)?).map_err(|error| {
                Failure::usage(
                    format!("`{shown}` does not contain events: {error}"),
                    "write it with `wevtutil qe System /f:xml > events.xml`",
                )
            })
        })
        .transpose()?;
    let logs = if given {
        const NOT_GIVEN: &str = "not given";
        let setup = setup.map(|text| setup_log::sections(&text));
        logs::Logs::new(
            setup.ok_or(format!("{NOT_GIVEN}: --setup-log FILE")),
            events.ok_or(format!("{NOT_GIVEN}: --events FILE")),
            None,
        )
    } else {
        machine_logs()?
    };
    if json {
        report::json(&logs)?;
    } else {
        report::lines(&logs.lines())?;
    }
    Ok(if logs.is_good() { EXIT_OK } else { EXIT_FAILED })
}

#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there are none")]
fn machine_logs() -> Result<logs::Logs, Failure> {
    Ok(machine::logs())
}

#[cfg(not(windows))]
fn machine_logs() -> Result<logs::Logs, Failure> {
    Err(Failure::usage(
        "this is not Windows, so there are no logs to read",
        "give copies of a Windows machine's logs: `wdfmem logs --setup-log setupapi.dev.log --events events.xml`, \
         where `wevtutil qe System /f:xml > events.xml` wrote the events",
    ))
}

fn read(path: PathBuf) -> Result<String, Failure> {
    match fs::read(&path) {
        Ok(bytes) => Ok(logs::text(&bytes)),
        Err(error) => Err(Failure::usage(
            format!("`{}` cannot be read: {error}", path.display()),
            "give the name of a copied log",
        )),
    }
}
