//! The command line.

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use wdfmem_ioctl as contract;

use crate::{session::LONGEST, vm::VmCommand};

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

/// The calls, by the names that the contract gives them.
#[derive(Clone, Debug, Subcommand)]
pub enum CallCommand {
    /// Which version the driver is of, what it found and what it allows.
    Version,
    /// What is alive, for this file object and for the device.
    Statistics,
    /// WdfMemoryCreate: memory from a pool.
    Create {
        #[command(flatten)]
        new: New,
        /// What its object is a child of.
        #[arg(long, default_value = "file", value_parser = parent())]
        parent: contract::Parent,
        /// Leave it as the pool gives it; the driver refuses to read it before it was written to.
        #[arg(long)]
        uninitialized: bool,
    },
    /// WdfMemoryCreatePreallocated: a memory object over a buffer that the driver allocated.
    Preallocated {
        #[command(flatten)]
        new: New,
        /// What its object is a child of.
        #[arg(long, default_value = "file", value_parser = parent())]
        parent: contract::Parent,
    },
    /// WdfMemoryAssignBuffer: gives preallocated memory another buffer, from the same pool.
    Assign {
        /// The preallocated memory.
        handle: String,
        /// The buffer's size in bytes.
        #[arg(long, value_parser = number)]
        size: u64,
        /// Its tag, one to four ASCII characters; without it, the driver's default.
        #[arg(long, value_parser = tag)]
        tag: Option<contract::Tag>,
    },
    /// WdfLookasideListCreate: a list that memory objects can be taken from.
    List {
        #[command(flatten)]
        new: New,
    },
    /// WdfMemoryCreateFromLookaside: memory from such a list.
    Take {
        /// The list.
        list: String,
    },
    /// WdfObjectDelete: deletes memory or a list.
    Delete {
        /// The memory or list.
        handle: String,
    },
    /// ExInitializePagedLookasideList: an Ex list, or its nonpaged sibling.
    ExInitialize {
        #[command(flatten)]
        new: New,
        /// Use the kernel's exported functions if it has them.
        #[arg(long)]
        exported: bool,
    },
    /// ExAllocateFromPagedLookasideList: an entry of an Ex list.
    ExAllocate {
        /// The list.
        list: String,
    },
    /// ExFreeToPagedLookasideList: gives an entry back.
    ExFree {
        /// The list that it came from.
        list: String,
        /// The entry.
        entry: String,
    },
    /// ExDeletePagedLookasideList: deletes an Ex list.
    ExDelete {
        /// The list.
        list: String,
    },
    /// Puts bytes into memory.
    #[command(
        override_usage = "wdfmem write [OPTIONS] <HANDLE> <TEXT|--hex <HEX>|--pattern <LENGTH>>"
    )]
    Write {
        /// The memory.
        handle: String,
        #[command(flatten)]
        data: Bytes,
        /// Where the first byte goes.
        #[arg(long, default_value_t = 0, value_parser = number)]
        offset: u64,
    },
    /// Takes bytes out of memory.
    Read {
        #[command(flatten)]
        span: Span,
    },
    /// Sets bytes of memory to one value.
    Fill {
        #[command(flatten)]
        span: Span,
        /// The value.
        #[arg(long, default_value_t = 0, value_parser = byte)]
        byte: u8,
    },
    /// Copies bytes from one memory to another.
    Copy {
        /// The memory to copy from.
        source: String,
        /// The memory to copy to.
        target: String,
        /// How many bytes; without it, all of the source's from its offset on.
        #[arg(long, value_parser = number)]
        length: Option<u64>,
        /// The first byte's place in the source.
        #[arg(long, default_value_t = 0, value_parser = number)]
        source_offset: u64,
        /// The first byte's place in the target.
        #[arg(long, default_value_t = 0, value_parser = number)]
        target_offset: u64,
    },
    /// The CRC-32 of bytes of memory.
    Checksum {
        #[command(flatten)]
        span: Span,
        /// The interrupt request level at which the driver reads them.
        #[arg(long, default_value = "passive", value_parser = level())]
        level: contract::Level,
    },
    /// Changes bytes in memory that belongs to the request.
    Transform {
        #[command(flatten)]
        data: Bytes,
        /// What to do with them.
        #[arg(long, default_value = "reverse", value_parser = operation())]
        operation: contract::Operation,
        /// What each byte is combined with by `xor`.
        #[arg(long, default_value_t = 0, value_parser = byte)]
        key: u8,
        /// The tag of the memory that the request owns, one to four ASCII characters; without it, the driver's default.
        #[arg(long, value_parser = tag)]
        tag: Option<contract::Tag>,
    },
    /// Puts bytes into memory by direct I/O.
    #[command(
        override_usage = "wdfmem bulk-write [OPTIONS] <HANDLE> <TEXT|--hex <HEX>|--pattern <LENGTH>>"
    )]
    BulkWrite {
        /// The memory.
        handle: String,
        #[command(flatten)]
        data: Bytes,
        /// Where the first byte goes.
        #[arg(long, default_value_t = 0, value_parser = number)]
        offset: u64,
    },
    /// Takes bytes out of memory by direct I/O.
    BulkRead {
        #[command(flatten)]
        span: Span,
    },
}

/// What a new buffer is like.
#[derive(Clone, Copy, Debug, Args)]
pub struct New {
    /// Its size in bytes.
    #[arg(long, value_parser = number)]
    pub size: u64,
    /// Its pool.
    #[arg(long, default_value = "nonpaged", value_parser = pool())]
    pub pool: contract::PoolKind,
    /// Its tag, one to four ASCII characters; without it, the driver's default.
    #[arg(long, value_parser = tag)]
    pub tag: Option<contract::Tag>,
}

impl New {
    /// The tag, or the default.
    pub fn tag(self) -> contract::Tag {
        self.tag.unwrap_or(contract::Tag::DEFAULT)
    }
}

/// Some bytes of memory.
#[derive(Clone, Debug, Args)]
pub struct Span {
    /// The memory.
    pub handle: String,
    /// The first byte's place.
    #[arg(long, default_value_t = 0, value_parser = number)]
    pub offset: u64,
    /// How many bytes; without it, all from the offset on.
    #[arg(long, value_parser = number)]
    pub length: Option<u64>,
}

/// The bytes that a call carries.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Bytes {
    /// As text.
    text: Option<String>,
    /// As hexadecimal digits, two for each byte.
    #[arg(long, value_parser = hexadecimal)]
    hex: Option<Hexadecimal>,
    /// As so many bytes of a pattern.
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pattern: Option<usize>,
}

#[derive(Clone, Debug)]
struct Hexadecimal(Vec<u8>);

impl Bytes {
    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        if let Some(Hexadecimal(bytes)) = &self.hex {
            bytes.clone()
        } else if let Some(length) = self.pattern {
            (0..=250).cycle().take(length).collect()
        } else {
            self.text.as_deref().unwrap_or_default().as_bytes().to_vec()
        }
    }
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

/// How many bytes of a pattern are made.
fn length(text: &str) -> Result<usize, String> {
    usize::try_from(number(text)?)
        .ok()
        .filter(|length| *length <= LONGEST)
        .ok_or_else(|| format!("give a number of at most {LONGEST}"))
}

fn byte(text: &str) -> Result<u8, String> {
    u8::try_from(number(text)?).map_err(|_| "give a number from 0 to 255".to_owned())
}

fn hexadecimal(text: &str) -> Result<Hexadecimal, String> {
    let help = || "give hexadecimal digits, two for each byte, such as 00ff".to_owned();
    let all_digits = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !all_digits || !text.len().is_multiple_of(2) {
        return Err(help());
    }
    (0..text.len())
        .step_by(2)
        .map(|place| {
            text.get(place..place + 2)
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        })
        .collect::<Option<_>>()
        .map(Hexadecimal)
        .ok_or_else(help)
}

fn tag(text: &str) -> Result<contract::Tag, String> {
    contract::Tag::parse(text)
        .filter(|tag| !tag.is_default())
        .ok_or_else(|| "give one to four ASCII characters, a letter or digit among them".to_owned())
}

/// Takes the name of one of these values, which the help lists.
fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|value| name(*value))).try_map(move |given| {
        let value = all.iter().copied().find(|value| name(*value) == given);
        value.ok_or("give one of the possible values")
    })
}

fn pool() -> impl TypedValueParser<Value = contract::PoolKind> {
    one_of(contract::PoolKind::ALL, contract::PoolKind::name)
}

fn parent() -> impl TypedValueParser<Value = contract::Parent> {
    one_of(contract::Parent::ALL, contract::Parent::name)
}

fn level() -> impl TypedValueParser<Value = contract::Level> {
    one_of(contract::Level::ALL, contract::Level::name)
}

fn operation() -> impl TypedValueParser<Value = contract::Operation> {
    one_of(contract::Operation::ALL, contract::Operation::name)
}
