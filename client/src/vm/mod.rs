//! What a person does with the driver on a Windows virtual machine: install it, see how it stands, have
//! it verified, read what Windows wrote about it, remove it.
//!
//! What is decided is apart from the calls of Windows, which are in `machine`, `install` and
//! `verify`, and is tested on any system against what Windows' tools print.

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
pub mod refusal;
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

/// What is done on a Windows virtual machine.
#[derive(Debug, Subcommand)]
pub enum VmCommand {
    /// On Windows: makes a device and has Windows install the driver package for it.
    ///
    /// Exit codes: 0 the device works; 2 there is no such package; 3 Windows refused; 4 Windows must be
    /// restarted first.
    Install {
        /// The folder of the driver package, or its INF.
        #[arg(default_value = ".")]
        package: PathBuf,
    },
    /// On Windows: removes every device of the driver, and its package from the driver store.
    ///
    /// Exit codes: 0 removed; 1 there was nothing to remove; 3 Windows refused; 4 Windows must be
    /// restarted to end it.
    Remove,
    /// On Windows: the device, the driver, the framework, and what decides whether Windows loads it.
    ///
    /// Exit codes: 0 the device works; 1 something is not as it should be: what to do stands below it.
    Status {
        /// The folder of the driver package, whose certificate is looked for when no driver is installed.
        #[arg(long, default_value = ".", value_name = "FOLDER")]
        package: PathBuf,
    },
    /// On Windows: switches Driver Verifier and the framework's verifier on or off for the driver.
    ///
    /// `on` sets the standard checks for the driver and for the framework, which allocates on its behalf,
    /// from the next start of Windows on; with --now, only those that need no restart. `off` brings back
    /// what was set before.
    ///
    /// Exit codes: 0 done; 1 only a part could be done; 3 Windows refused; 4 done, and takes effect when
    /// Windows is restarted.
    Verify {
        /// On or off.
        switch: Switch,
        /// Only what needs no restart, until the next one.
        #[arg(long)]
        now: bool,
    },
    /// What Windows wrote about the driver: its installation, its events, the last bug check in words.
    ///
    /// On Windows, without options, these are the machine's own logs. Elsewhere, give copies of them.
    ///
    /// Exit codes: 0 the last installation succeeded and no bug check is recorded; 1 otherwise; 2 a file
    /// cannot be read.
    Logs {
        /// A copy of C:\Windows\INF\setupapi.dev.log.
        #[arg(long, value_name = "FILE")]
        setup_log: Option<PathBuf>,
        /// Events as `wevtutil qe System /f:xml` prints them.
        #[arg(long, value_name = "FILE")]
        events: Option<PathBuf>,
    },
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Does it. The exit code.
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
        format!("`wdfmem {command}` works on Windows alone, on the machine that the driver is for"),
        "docs/vm.md goes from a fresh virtual machine to a verified run. Here, `wdfmem` without a command runs the \
         driver in the model",
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
                    format!("`{shown}` does not hold events: {error}"),
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
        "this is not Windows, whose logs these would be",
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
