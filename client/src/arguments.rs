//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{calls::CallCommand, vm::VmCommand};

/// Drives the wdfmem driver: four ways of getting memory in a Windows kernel driver, tried from user
/// mode.
///
/// On Windows this is the installed driver, if its device is present. Otherwise, and with --model, the driver
/// runs inside this process, over a model of the NT kernel and of KMDF with every check of Driver Verifier on.
/// On Windows, standard error says so when no driver is installed and the model is used instead.
///
/// Without a command this is `wdfmem selftest`.
#[derive(Debug, Parser)]
#[command(name = "wdfmem", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Arguments {
    /// Print JSON instead of text: one object for the tour, one on each line for calls.
    #[arg(long, global = true)]
    pub json: bool,

    /// Which driver to use.
    #[command(flatten)]
    pub system: SystemChoice,

    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which driver to use, and the system that it runs on.
#[derive(Clone, Copy, Debug, Args)]
pub struct SystemChoice {
    /// Run the driver inside this process, over the model: the default where no driver is installed.
    #[arg(long, global = true, conflicts_with = "driver")]
    pub model: bool,

    /// Use the installed driver or fail, never the model.
    #[arg(long, global = true)]
    pub driver: bool,

    /// The Windows that the model plays.
    #[arg(long, global = true, value_enum, default_value_t = Windows::Windows11)]
    pub windows: Windows,
}

const AFTER_HELP: &str = "\
Try:
  wdfmem                                            the whole tour
  wdfmem --model                                    the whole tour in the model
  wdfmem --driver                                   the whole tour on the installed driver, or a failure
  wdfmem do 'm = create --size 64' 'write m hello' 'read m --length 5'
  wdfmem do 'm = create --pool paged --size 64' 'checksum m --level dispatch'
  printf 'l = list --size 100\\nm = take l\\ndelete l\\n' | wdfmem script -

Exit codes: 0 all held; 1 a check did not hold or a call was refused; 2 the command line or the
script makes no sense; 3 the driver could not be reached, or stopped the system, or Windows refused a
step; 4 done, and takes effect when Windows is restarted. The commands for a virtual machine say what
each means for them: `wdfmem install --help`.";

/// The Windows that the model plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Windows {
    /// Windows 10 1809, whose kernel has no exported lookaside calls and no ExAllocatePool2.
    #[value(name = "10-1809")]
    Windows10,
    /// Windows 11 23H2.
    #[value(name = "11-23h2")]
    Windows11,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole tour: every call, what must succeed and what must be refused.
    Selftest,
    /// Runs commands from a file, one on each line.
    ///
    /// A line is one of the calls below as it stands on the command line, with three additions. `name =`
    /// before it keeps the handle that it makes under that name; in a call a handle is such a name, `it`
    /// for the newest, or a number. `expect STATUS_NAME` before it says with which status it must end,
    /// where none is given it must succeed. And `file NAME` goes on with another file object, `close
    /// NAME` closes one; the first is called `main`. `#` begins a comment.
    Script {
        /// The file; `-` is standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Runs commands given as arguments, each one line of a script.
    Do {
        /// The lines.
        #[arg(required = true, value_name = "LINE")]
        lines: Vec<String>,
    },
    /// Sends rounds of calls that make, use and delete everything.
    Stress {
        /// How many calls, at least.
        #[arg(long, default_value_t = 100_000, value_parser = number)]
        calls: u64,
    },
    /// Something on the virtual machine.
    #[command(flatten)]
    Vm(VmCommand),
    /// One call.
    #[command(flatten)]
    Call(CallCommand),
}

/// One line of a script, without what stands before the call.
#[derive(Debug, Parser)]
#[command(
    name = "",
    no_binary_name = true,
    disable_help_subcommand = true,
    disable_version_flag = true
)]
pub struct Line {
    /// The call.
    #[command(subcommand)]
    pub command: LineCommand,
}

/// What a line does.
#[derive(Debug, Subcommand)]
pub enum LineCommand {
    /// Goes on with another file object, opened now if it is new.
    File {
        /// Its name in this script.
        name: String,
    },
    /// Closes a file object: the driver deletes what it leaves behind.
    Close {
        /// Its name in this script.
        name: String,
    },
    /// One call.
    #[command(flatten)]
    Call(CallCommand),
}

/// A number, decimal or hexadecimal after `0x`.
pub fn number(text: &str) -> Result<u64, String> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // The standard library would take a sign, too.
    Some(digits)
        .filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))
        .and_then(|digits| u64::from_str_radix(digits, radix).ok())
        .ok_or_else(|| "give a number such as 100 or 0x64".to_owned())
}
