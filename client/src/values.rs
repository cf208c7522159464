//! Arguments that several calls have, and the values that arguments may have.

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use wdfmem_ioctl::{PoolKind, Tag};

use crate::{arguments::number, session::LONGEST};

/// The size, pool and tag of a new buffer.
#[derive(Clone, Copy, Debug, Args)]
pub struct New {
    /// The size of the buffer in bytes.
    #[arg(long, value_parser = number)]
    pub size: u64,
    /// The pool of the buffer.
    #[arg(long, default_value = "nonpaged", value_parser = one_of(PoolKind::ALL, PoolKind::name))]
    pub pool: PoolKind,
    #[command(flatten)]
    pub tag: TagArguments,
}

/// The tag of a new buffer.
#[derive(Clone, Copy, Debug, Args)]
pub struct TagArguments {
    /// The pool tag, one to four ASCII characters [default: the driver's tag].
    #[arg(long, value_parser = tag)]
    tag: Option<Tag>,
}

impl TagArguments {
    /// The given tag, or the driver's default.
    pub fn tag(self) -> Tag {
        self.tag.unwrap_or(Tag::DEFAULT)
    }
}

/// A range of bytes in memory.
#[derive(Clone, Debug, Args)]
pub struct SpanArguments {
    /// The handle of the memory.
    pub handle: String,
    /// The offset of the first byte.
    #[arg(long, default_value_t = 0, value_parser = number)]
    pub offset: u64,
    /// The number of bytes; by default all from the offset on.
    #[arg(long, value_parser = number)]
    pub length: Option<u64>,
}

/// The bytes that a call carries.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct DataArguments {
    /// The bytes as text.
    text: Option<String>,
    /// The bytes as hexadecimal digits, two for each byte.
    #[arg(long, value_parser = hexadecimal)]
    hex: Option<Hexadecimal>,
    /// This many bytes of a test pattern.
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    pattern: Option<usize>,
}

#[derive(Clone, Debug)]
struct Hexadecimal(Vec<u8>);

impl DataArguments {
    /// The bytes to send.
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

/// The length of a test pattern.
fn length(text: &str) -> Result<usize, String> {
    usize::try_from(number(text)?)
        .ok()
        .filter(|length| *length <= LONGEST)
        .ok_or_else(|| format!("give a number of at most {LONGEST}"))
}

/// The value of a byte.
pub fn byte(text: &str) -> Result<u8, String> {
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

fn tag(text: &str) -> Result<Tag, String> {
    Tag::parse(text)
        .filter(|tag| !tag.is_default())
        .ok_or_else(|| "give one to four ASCII characters, a letter or digit among them".to_owned())
}

/// Parses the name of one of these values; the help lists them.
pub fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|value| name(*value))).try_map(move |given| {
        let value = all.iter().copied().find(|value| name(*value) == given);
        value.ok_or("give one of the possible values")
    })
}
