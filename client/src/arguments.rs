//! The command line: commands, options and help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{calls::CallCommand, selftest::Chapter, vm::VmCommand};

/// Test client of the wdfmem driver: makes the driver allocate memory in each of the four ways that KMDF and the
/// kernel offer, and checks every result.
///
/// Where the driver runs: on Windows, if a device of the driver is present, the calls go to the installed driver.
/// Everywhere else, and with --model, they go to the same driver inside this process, over models of the NT kernel
/// and of KMDF with the checks of Driver Verifier on. If no driver is installed on Windows, a note on standard error
/// says that the model is used. With --driver, the model is never used.
///
/// Without a command, `wdfmem` runs the self-test.
#[derive(Debug, Parser)]
#[command(
    name = "wdfmem",
    bin_name = "wdfmem",
    version,
    after_help = AFTER_HELP,
    disable_help_subcommand = true,
    max_term_width = 120,
)]
pub struct Arguments {
    #[command(flatten)]
    pub context: Context,

    /// The command; without one, the self-test.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The options that every command takes: which driver to use, and how to print.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Context {
    /// Use the driver inside this process, over the models: the default where no driver is installed.
    #[arg(long, global = true, conflicts_with = "driver")]
    pub model: bool,

    /// Use the installed driver, or fail if there is none.
    #[arg(long, global = true)]
    pub driver: bool,

    /// The version of Windows that the model emulates; implies --model [default: 11-23h2].
    #[arg(long, global = true, value_enum, conflicts_with = "driver")]
    pub windows: Option<Windows>,

    /// Print JSON instead of text: one object, or one on each line for calls.
    #[arg(long, global = true)]
    pub json: bool,
}

const AFTER_HELP: &str = "\
Examples:
  wdfmem                             the self-test
  wdfmem --driver selftest           the same, only on the installed driver
  wdfmem selftest memory --failed    one chapter, printing only failed checks
  wdfmem create --size 64            one call
  wdfmem --json stress               many calls, with the result as JSON
  wdfmem do 'm = create --size 64' 'write m hello' 'read m --length 5'
                                     several calls; `m` names the new handle
  wdfmem do 'm = create --size 64 --pool paged' 'checksum m --level dispatch'
                                     a call that the driver rejects

Exit codes:
  0    all checks passed, or the calls ended as expected
  1    a check failed, or a call was rejected
  2    usage or environment: an unknown option, a malformed script,
       a file that cannot be read, a command that needs Windows
  3    the driver cannot be reached, it stopped the system, Windows rejected
       a step, or the output cannot be written
  4    done, but Windows must be restarted for it to take effect
  130  stopped with Ctrl-C

The commands for a Windows machine list their own: `wdfmem install --help`.";

/// The version of Windows that the model emulates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Windows {
    /// Windows 10 1809, whose kernel has no exported lookaside calls and no ExAllocatePool2.
    #[value(name = "10-1809")]
    Windows10,
    /// Windows 11 23H2, whose kernel exports the lookaside calls.
    #[default]
    #[value(name = "11-23h2")]
    Windows11,
}

/// The commands of the client.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Self-test: makes every call and checks how it ends.
    ///
    /// Each check names the documented rules that it is about (docs/rules.md). Exit codes: 0 all checks passed; 1 a
    /// check failed; 3 the driver stopped the system.
    Selftest(SelfTest),
    /// Makes calls from a file, one on each line.
    ///
    /// A line is a call as on the command line (`create --size 64`), with these additions:
    ///
    /// `NAME = CALL` names the handle of the new object. Where a call takes a handle, give such a name, `it` for the
    /// newest handle, or a number.
    ///
    /// `expect STATUS_NAME CALL` says which status the call must end with; without it, the call must succeed. The
    /// script ends at the first call that does not end as expected.
    ///
    /// `file NAME` makes the following calls on another file object, which it opens if it is new; `close NAME` closes
    /// one. The first is called `main`.
    ///
    /// `#` begins a comment.
    Script {
        /// The file, in UTF-8; `-` is standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Makes calls given as arguments, one in each.
    ///
    /// `wdfmem script --help` describes the lines.
    Do {
        /// The lines of the script.
        #[arg(required = true, value_name = "LINE")]
        lines: Vec<String>,
    },
    /// Stress test: repeats calls on every kind of object.
    ///
    /// Stops at the first call that does not end as expected, and checks that the driver's memory is freed at the
    /// end. Exit codes: 0 all calls ended as expected; 1 one did not; 130 stopped with Ctrl-C.
    Stress {
        /// The minimum number of calls: rounds are always completed.
        #[arg(long, default_value_t = 100_000, value_parser = number)]
        calls: u64,
    },
    /// Prints a completion script for a shell.
    ///
    /// bash: `wdfmem completions bash > ~/.local/share/bash-completion/completions/wdfmem`
    ///
    /// zsh: `wdfmem completions zsh > ~/.zfunc/_wdfmem`, with ~/.zfunc in fpath
    ///
    /// fish: `wdfmem completions fish > ~/.config/fish/completions/wdfmem.fish`
    ///
    /// PowerShell: `wdfmem completions powershell >> $PROFILE`
    Completions {
        /// The shell to print it for.
        shell: Shell,
    },
    /// Something on a Windows machine.
    #[command(flatten)]
    Vm(VmCommand),
    /// A single call of the driver.
    #[command(flatten)]
    Call(CallCommand),
}

/// What the self-test runs and prints.
#[derive(Clone, Debug, Default, Args)]
pub struct SelfTest {
    /// The chapters to run; without any, all of them.
    #[arg(value_enum, value_name = "CHAPTER")]
    pub chapters: Vec<Chapter>,

    /// Print only the checks that failed, and the verdict.
    #[arg(long)]
    pub failed: bool,

    /// Print only the verdict.
    #[arg(long, short, conflicts_with = "failed")]
    pub quiet: bool,
}

impl SelfTest {
    /// The chapters to run, in their own order and once each.
    pub fn chapters(&self) -> Vec<Chapter> {
        let is_selected =
            |chapter: &Chapter| self.chapters.is_empty() || self.chapters.contains(chapter);
        let all = Chapter::value_variants().iter().copied();
        all.filter(is_selected).collect()
    }
}

/// The call in a command line as a line of a script: without the options of [`Context`], which say nothing about
/// the call.
pub fn line(arguments: impl IntoIterator<Item = String>) -> String {
    let command = Context::augment_args(clap::Command::new("context"));
    let is_option = |word: &str| {
        command
            .get_arguments()
            .filter_map(|argument| Some((argument, argument.get_long()?)))
            .find(|(_, long)| {
                let name = word.strip_prefix("--").unwrap_or_default();
                name.split('=').next() == Some(long)
            })
            .map(|(argument, _)| argument.get_action().takes_values() && !word.contains('='))
    };
    let mut arguments = arguments.into_iter();
    let mut line = Vec::new();
    while let Some(word) = arguments.next() {
        if word == "--" {
            line.push(word);
            line.extend(arguments.by_ref());
        } else if let Some(has_value) = is_option(&word) {
            if has_value {
                arguments.next();
            }
        } else {
            line.push(word);
        }
    }
    let quoted = line.iter().map(|word| {
        let is_special = |c: char| c.is_whitespace() || "#'\"".contains(c);
        let is_plain = !word.is_empty() && !word.contains(is_special);
        let quote = if word.contains('\'') { '"' } else { '\'' };
        if is_plain {
            word.clone()
        } else {
            format!("{quote}{word}{quote}")
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// One line of a script, without the name and the expected status before the call.
#[derive(Debug, Parser)]
#[command(
    override_usage = "CALL [ARGUMENTS], as `wdfmem --help` lists the calls, or file NAME",
    no_binary_name = true,
    disable_help_subcommand = true,
    disable_version_flag = true
)]
pub struct Line {
    /// The call, or a command for file objects.
    #[command(subcommand)]
    pub command: LineCommand,
}

/// The commands in a line of a script.
#[derive(Debug, Subcommand)]
pub enum LineCommand {
    /// Makes the following calls on another file object, opened now if it is new.
    File {
        /// The name of the file object in this script.
        name: String,
    },
    /// Closes a file object: the driver deletes its objects.
    Close {
        /// The name of the file object in this script.
        name: String,
    },
    /// A single call of the driver.
    #[command(flatten)]
    Call(CallCommand),
}

/// A number, decimal or hexadecimal after `0x`.
pub fn number(text: &str) -> Result<u64, String> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // The standard library would accept a sign.
    Some(digits)
        .filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))
        .and_then(|digits| u64::from_str_radix(digits, radix).ok())
        .ok_or_else(|| "give a number such as 100 or 0x64".to_owned())
}
