//! Replies as text for people and as JSON for programs.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// A reply as text and JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// For programs; null if there is nothing to show.
    pub json: Value,
    /// For people.
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

/// Two digits for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many bytes a person is shown.
const SHOWN: usize = 256;

/// Bytes in lines of 16, as digits and as characters.
pub fn dump(bytes: &[u8]) -> String {
    let rows = bytes.chunks(16).take(SHOWN / 16).enumerate();
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
            format!("{:06x}  {:<47}  {text}", row * 16, digits.join(" "))
        })
        .collect();
    if bytes.len() > SHOWN {
        lines.push(format!("… and {} more", bytes.len() - SHOWN));
    }
    lines.join("\n")
}
