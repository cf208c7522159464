//! Why the client could not do what it was asked, with the exit code and the way on.

use std::fmt;

/// The exit code when all held.
pub const EXIT_OK: u8 = 0;
/// The exit code when a check did not hold or a call was refused.
pub const EXIT_REFUSED: u8 = 1;
/// The exit code when the request made no sense.
pub const EXIT_USAGE: u8 = 2;
/// The exit code when the driver could not be reached, or stopped, or Windows refused a step.
pub const EXIT_DEVICE: u8 = 3;
/// The exit code when the work is done and takes effect after a restart of Windows.
#[cfg(windows)]
pub const EXIT_RESTART: u8 = 4;

/// What standard error says on Windows when neither the model nor the installed driver was asked for and no
/// driver is installed.
#[cfg(windows)]
pub const MODEL_INSTEAD: &str = "no installed driver answers, so this is the driver in the model\n  \
     to use the installed driver: install its package as an administrator (`wdfmem install FOLDER`)\n  \
     to choose the model without this note: `wdfmem --model`";

/// Why the client could not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The request made no sense: what, and what would.
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// The driver could not be reached.
    Device {
        /// What is wrong.
        what: String,
        /// What to do.
        help: String,
    },
    /// The driver did something that stops Windows.
    #[cfg_attr(
        wdk,
        expect(dead_code, reason = "without the model, the whole system stops")
    )]
    Stop {
        /// The stop.
        what: String,
        /// What the driver and the framework printed before.
        debug_output: Vec<String>,
    },
    /// The result could not be written.
    Output(std::io::Error),
}

impl Failure {
    /// A request that made no sense.
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

    /// The installed driver was asked for, and there is none.
    pub fn no_driver() -> Self {
        let what = if cfg!(windows) {
            "no device of the driver is present: the driver is not installed, or its device does not work"
        } else {
            "the driver can be installed on Windows alone"
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
                "the result could not be written: {error}\n  what to do: check where standard output goes"
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
