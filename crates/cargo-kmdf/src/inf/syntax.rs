//! Reading the text of an INF file into sections and entries.

use super::Findings;
use super::rules::text::{ENCODING, LINE};

/// An INF file as read: its sections in the order of their first lines.
pub struct Inf {
    pub sections: Vec<Section>,
    /// Number of the last line, where missing things are reported.
    pub last_line: usize,
}

/// All entries under one section name; parts of a section that is opened twice are merged, as
/// Windows does.
pub struct Section {
    pub name: String,
    pub line: usize,
    /// Lines on which the section is opened again.
    pub reopened: Vec<usize>,
    pub entries: Vec<Entry>,
}

/// One entry: `key = value, value…`, or values alone.
pub struct Entry {
    pub line: usize,
    pub key: Option<String>,
    pub values: Vec<String>,
}

impl Inf {
    /// The section of this name, in any case of letters.
    pub fn section(&self, name: &str) -> Option<&Section> {
        let same = |section: &&Section| section.name.eq_ignore_ascii_case(name);
        self.sections.iter().find(same)
    }

    /// The value of a string token.
    pub fn string(&self, token: &str) -> Option<&str> {
        let entry = self.section("Strings")?.entry(token)?;
        entry.values.first().map(String::as_str)
    }

    /// The text with its string tokens replaced and its doubled percent signs made single; numbers
    /// of directories and undefined tokens stay as they are.
    pub fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        for part in parts(text) {
            match part {
                Part::Text(text) => expanded.push_str(text),
                Part::Percent => expanded.push('%'),
                Part::Token(token) => match self.string(token) {
                    Some(value) => expanded.push_str(value),
                    None => expanded.extend(["%", token, "%"]),
                },
            }
        }
        expanded
    }
}

impl Section {
    /// The first entry of this key, in any case of letters.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is(key))
    }

    /// Every entry of this key, in any case of letters.
    pub fn entries_of<'a>(
        &'a self,
        key: &'static str,
    ) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.entries.iter().filter(move |entry| entry.is(key))
    }
}

impl Entry {
    /// Whether the entry has this key.
    pub fn is(&self, key: &str) -> bool {
        self.key
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(key))
    }

    /// The value at an index; empty where it is left out.
    pub fn value(&self, index: usize) -> &str {
        self.values.get(index).map_or("", String::as_str)
    }
}

/// A piece of a text that may hold string tokens.
pub enum Part<'a> {
    Text(&'a str),
    Token(&'a str),
    Percent,
}

/// Cuts a text at its string tokens.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('%') {
        let Some(length) = rest[start + 1..].find('%') else {
            break;
        };
        if start > 0 {
            parts.push(Part::Text(&rest[..start]));
        }
        parts.push(match length {
            0 => Part::Percent,
            _ => Part::Token(&rest[start + 1..start + 1 + length]),
        });
        rest = &rest[start + length + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// Reads an INF file, and notes what cannot be read as one.
pub fn parse(bytes: &[u8], findings: &mut Findings) -> Inf {
    let text = decode(bytes, findings);
    let mut inf = Inf {
        sections: Vec::new(),
        last_line: text.lines().count().max(1),
    };
    let mut current = None;
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let mut logical = Logical::default();
        logical.take(line);
        while logical.continued {
            let Some((_, next)) = lines.next() else {
                findings.add(
                    &LINE,
                    number,
                    "a line is continued past the end of the file",
                );
                break;
            };
            logical.take(next);
        }
        if let Some(open) = logical.open() {
            findings.add(&LINE, number, format!("{open} is not closed on its line"));
        }
        let content = logical.trimmed();
        if content.is_empty() {
            continue;
        }
        if let Some(name) = section_name(content) {
            match name {
                Ok(name) => current = Some(inf.open_section(&name, number)),
                Err(message) => findings.add(&LINE, number, message),
            }
            continue;
        }
        let Some(index) = current else {
            findings.add(&LINE, number, "an entry stands before the first section");
            continue;
        };
        inf.sections[index].entries.push(entry(content, number));
    }
    inf
}

impl Inf {
    /// The index of a section, which is made if this is its first line.
    fn open_section(&mut self, name: &str, line: usize) -> usize {
        let same = |section: &Section| section.name.eq_ignore_ascii_case(name);
        if let Some(index) = self.sections.iter().position(same) {
            self.sections[index].reopened.push(line);
            return index;
        }
        self.sections.push(Section {
            name: name.to_owned(),
            line,
            reopened: Vec::new(),
            entries: Vec::new(),
        });
        self.sections.len() - 1
    }
}

/// The text of the file. Without a UTF-16 mark Windows reads it in the code page of the machine, so
/// only ASCII means the same everywhere.
fn decode(bytes: &[u8], findings: &mut Findings) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| -> Vec<u16> {
        let pairs = bytes.chunks_exact(2);
        pairs.map(|pair| unit([pair[0], pair[1]])).collect()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => String::from_utf16_lossy(&units(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => String::from_utf16_lossy(&units(rest, u16::from_be_bytes)),
        _ => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            for (number, line) in (1..).zip(text.lines()) {
                if let Some(character) = line.chars().find(|character| !character.is_ascii()) {
                    let message = format!("{character:?} stands in a file that is not UTF-16");
                    findings.add(&ENCODING, number, message);
                }
            }
            text
        }
    }
}

/// One character of a logical line, and whether it stands in quotation marks or in a token, where
/// it has no meaning of its own.
#[derive(Clone, Copy)]
struct Character {
    value: char,
    shielded: bool,
}

/// A line with its continuations, without comments.
#[derive(Default)]
struct Logical {
    characters: Vec<Character>,
    quoted: bool,
    token: bool,
    continued: bool,
}

impl Logical {
    /// Appends a physical line up to its comment.
    fn take(&mut self, line: &str) {
        self.continued = false;
        (self.quoted, self.token) = (false, false);
        let start = self.characters.len();
        for value in line.chars() {
            let shielded = self.quoted || self.token;
            match value {
                ';' if !shielded => break,
                '"' if !self.token => self.quoted = !self.quoted,
                '%' if !self.quoted => self.token = !self.token,
                _ => {}
            }
            let shielded = shielded || self.quoted || self.token;
            self.characters.push(Character { value, shielded });
        }
        while self.characters.len() > start && self.ends(char::is_whitespace) {
            self.characters.pop();
        }
        if self.characters.len() > start && self.ends(|value| value == '\\') {
            self.continued = true;
            self.characters.pop();
        }
    }

    fn ends(&self, is: impl Fn(char) -> bool) -> bool {
        let last = self.characters.last();
        last.is_some_and(|last| !last.shielded && is(last.value))
    }

    /// What the last line leaves open.
    fn open(&self) -> Option<&'static str> {
        match (self.quoted, self.token) {
            (true, _) => Some("a quotation mark"),
            (_, true) => Some("a percent sign"),
            _ => None,
        }
    }

    fn trimmed(&self) -> &[Character] {
        trim(&self.characters)
    }
}

fn trim(mut characters: &[Character]) -> &[Character] {
    let blank = |character: &Character| !character.shielded && character.value.is_whitespace();
    while let [first, rest @ ..] = characters
        && blank(first)
    {
        characters = rest;
    }
    while let [rest @ .., last] = characters
        && blank(last)
    {
        characters = rest;
    }
    characters
}

/// The name of the section that a line opens, if it opens one.
fn section_name(content: &[Character]) -> Option<Result<String, &'static str>> {
    let [first, rest @ ..] = content else {
        return None;
    };
    if first.value != '[' || first.shielded {
        return None;
    }
    let [name @ .., last] = rest else {
        return Some(Err("a bracket is not closed"));
    };
    if last.value != ']' {
        return Some(Err("a section's name does not end with a bracket"));
    }
    let name = text(name);
    Some(match name.chars().count() {
        0 => Err("a section has no name"),
        1..=255 => Ok(name),
        _ => Err("a section's name is longer than 255 characters"),
    })
}

fn entry(content: &[Character], line: usize) -> Entry {
    let plain = |wanted: char| {
        move |character: &Character| character.value == wanted && !character.shielded
    };
    let (key, values) = match content.iter().position(plain('=')) {
        Some(index) => (Some(text(&content[..index])), &content[index + 1..]),
        None => (None, content),
    };
    let values = values.split(plain(',')).map(text).collect();
    Entry { line, key, values }
}

/// A field without the blanks around it and without its quotation marks; two of these within
/// quotation marks stand for one.
fn text(field: &[Character]) -> String {
    let mut text = String::new();
    let mut quoted = false;
    let mut characters = trim(field).iter().peekable();
    while let Some(character) = characters.next() {
        if character.value != '"' {
            text.push(character.value);
        } else if quoted && characters.next_if(|next| next.value == '"').is_some() {
            text.push('"');
        } else {
            quoted = !quoted;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Inf {
        let mut findings = Findings::default();
        let inf = parse(text.as_bytes(), &mut findings);
        let findings = findings.sorted();
        assert!(findings.is_empty(), "{}", findings[0]);
        inf
    }

    #[test]
    fn a_comment_ends_a_line_but_not_within_quotation_marks_or_tokens() {
        let inf = read("[A]\nx = \"one;two\", %a;b% ; comment, \"open\n");
        assert_eq!(inf.sections[0].entries[0].values, ["one;two", "%a;b%"]);
    }

    #[test]
    fn a_backslash_continues_a_line_even_before_a_comment_but_not_in_quotation_marks() {
        let inf = read("[A]\nCopyFiles = \"Folder\\\"\\ ; why\n  ,File\nnext = 1\n");
        let entries = &inf.sections[0].entries;
        assert_eq!(entries[0].values, ["Folder\\", "File"]);
        assert_eq!((entries[1].line, entries[1].value(0)), (4, "1"));
    }

    #[test]
    fn doubled_quotation_marks_stand_for_one_and_blanks_are_kept_only_within_them() {
        let inf = read("[A]\nx =  \" say \"\"hello\"\" \" , y z \n");
        assert_eq!(
            inf.sections[0].entries[0].values,
            [" say \"hello\" ", "y z"]
        );
    }

    #[test]
    fn values_left_out_keep_their_place() {
        let inf = read("[A]\n1 = %Disk%,,,\"\"\nHKR,,Security,,\"D:P\"\n");
        let entries = &inf.sections[0].entries;
        assert_eq!(entries[0].values, ["%Disk%", "", "", ""]);
        assert_eq!(entries[1].key, None);
        assert_eq!(entries[1].value(4), "D:P");
        assert_eq!(entries[1].value(9), "");
    }

    #[test]
    fn sections_of_one_name_are_merged_whatever_their_case() {
        let inf = read("[First]\na = 1\n[Other]\n[FIRST]\nb = 2\n");
        assert_eq!(inf.sections.len(), 2);
        assert_eq!(inf.sections[0].reopened, [4]);
        assert_eq!(
            inf.section("first").map(|section| section.entries.len()),
            Some(2)
        );
    }

    #[test]
    fn tokens_are_replaced_and_numbers_of_directories_are_not() {
        let inf = read("[Strings]\nName = \"value\"\n");
        assert_eq!(
            inf.expand("%NAME%: %13%\\x.sys, 100%%"),
            "value: %13%\\x.sys, 100%"
        );
    }

    #[test]
    fn utf_16_of_either_order_is_read() {
        let text = "[Strings]\nName = \"Größe\"\n";
        let units: Vec<u16> = [0xFEFF].into_iter().chain(text.encode_utf16()).collect();
        for bytes in [
            units
                .iter()
                .flat_map(|unit| unit.to_le_bytes())
                .collect::<Vec<u8>>(),
            units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        ] {
            let mut findings = Findings::default();
            let inf = parse(&bytes, &mut findings);
            assert_eq!(inf.string("Name"), Some("Größe"));
            assert!(findings.sorted().is_empty());
        }
    }
}
