//! Why a command could not be carried out, what to do about it, and the exit codes.

use std::fmt;

/// Exit code: all checks passed.
pub const EXIT_OK: u8 = 0;
/// Exit code: a check failed, or a call was rejected.
pub const EXIT_FAILED: u8 = 1;
/// Exit code: the command line, a script or another input is wrong, or the command needs Windows.
pub const EXIT_USAGE: u8 = 2;
/// Exit code: the driver cannot be reached, it stopped the system, Windows rejected a step, or the output cannot be
/// written.
pub const EXIT_DEVICE: u8 = 3;
/// Exit code: done, but Windows must be restarted for it to take effect.
#[cfg(windows)]
pub const EXIT_RESTART: u8 = 4;

/// Exit code: stopped with Ctrl-C, the usual 128 + SIGINT.
pub const EXIT_INTERRUPTED: u8 = 130;

/// What standard error says on Windows when neither the model nor the installed driver was asked for and no
/// driver is installed.
#[cfg(windows)]
pub const MODEL_INSTEAD: &str = "no driver is installed, so the driver in the model is used\n  \
     to use the installed driver: install its package as an administrator (`wdfmem install FOLDER`)\n  \
     to choose the model without this note: `wdfmem --model`";

/// Why a command could not be carried out.
#[derive(Debug)]
pub enum Failure {
    /// The command line, a script or another input is wrong.
    Usage {
        /// The problem, as a sentence for the user.
        what: String,
        /// What the user can do about it.
        help: String,
    },
    /// The driver could not be reached.
    Device {
        /// The problem, as a sentence for the user.
        what: String,
        /// What the user can do about it.
        help: String,
    },
    /// The driver did something that would stop Windows with a bug check.
    #[cfg_attr(
        wdk,
        expect(dead_code, reason = "without the model, the whole system stops")
    )]
    Stop {
        /// The bug check, with its code and parameters.
        what: String,
        /// What the driver and the framework printed before.
        debug_output: Vec<String>,
    },
    /// The result could not be written.
    Output(std::io::Error),
}

impl Failure {
    /// A failure because of a wrong command line, script or file.
    pub fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage {
            what: what.into(),
            help: help.into(),
        }
    }

    /// A driver that could not be reached.
    pub fn device(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Device {
            what: what.into(),
            help: help.into(),
        }
    }

    /// `--driver` was given, and no driver is installed.
    pub fn no_driver() -> Self {
        let what = if cfg!(windows) {
            "no device of the driver is present: the driver is not installed, or its device does not work"
        } else {
            "the driver can be installed only on Windows"
        };
        let install = if cfg!(windows) {
            "install the driver package as an administrator (`wdfmem install FOLDER`; if it is installed, \
             `wdfmem status` says why its device does not work)"
        } else {
            "run this on Windows with the driver package installed"
        };
        Self::device(
            what,
            format!("{install}, or use the driver in the model (`wdfmem --model`)"),
        )
    }

    /// The exit code for it.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } => EXIT_USAGE,
            Self::Device { .. } | Self::Stop { .. } | Self::Output(_) => EXIT_DEVICE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage { what, help } | Self::Device { what, help } => {
                write!(formatter, "{what}\n  what to do: {help}")
            }
            Self::Stop { what, debug_output } => {
                writeln!(
                    formatter,
                    "the driver stopped the model as it would stop Windows: {what}"
                )?;
                for line in debug_output {
                    writeln!(formatter, "  debug output: {}", line.trim_end())?;
                }
                write!(
                    formatter,
                    "  what to do: this is a defect of the driver or of the model; please report it \
                     with these lines"
                )
            }
            Self::Output(error) => write!(
                formatter,
                "the output could not be written: {error}\n  what to do: check where standard output goes"
            ),
        }
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}
