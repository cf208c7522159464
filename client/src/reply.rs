//! Replies as text for people and as JSON for programs.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::report::table::width;

/// A reply as text and JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// JSON for programs; null if there is nothing to show.
    pub json: Value,
    /// Lines of text for people.
    pub text: String,
}

impl Rendered {
    /// Output that is not a reply to the call.
    pub fn unexpected(output: &[u8]) -> Self {
        let output = hexadecimal(output);
        Self {
            json: json!({ "unexpected": output }),
            text: format!("not a reply to this call: {output}"),
        }
    }

    /// Whether there is nothing to show.
    pub fn is_nothing(&self) -> bool {
        self.json.is_null()
    }
}

impl Serialize for Rendered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl fmt::Display for Rendered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Hexadecimal digits, two for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many bytes are printed as text.
const SHOWN: usize = 256;

/// Bytes as hexadecimal digits and as characters, in lines of 16, or of 8 or 4 where the terminal is narrow.
pub fn dump(bytes: &[u8]) -> String {
    // The indent, the offset, three characters for each byte's digits and one for its character.
    let fits = |each: &usize| 2 + 8 + 3 * each + 1 + each <= width();
    let each = [16, 8].into_iter().find(fits).unwrap_or(4);
    let rows = bytes.chunks(each).take(SHOWN / each).enumerate();
    let mut lines: Vec<String> = rows
        .map(|(row, chunk)| {
            let text: String = chunk
                .iter()
                .map(|byte| {
                    if byte.is_ascii_graphic() || *byte == b' ' {
                        char::from(*byte)
                    } else {
                        '.'
                    }
                })
                .collect();
            let digits: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
            let line = format!(
                "{:06x}  {:<digits_width$}  {text}",
                row * each,
                digits.join(" "),
                digits_width = 3 * each - 1
            );
            line.trim_end().to_owned()
        })
        .collect();
    if bytes.len() > SHOWN {
        lines.push(format!(
            "… and {} more bytes; --json prints all",
            bytes.len() - SHOWN
        ));
    }
    lines.join("\n")
}
