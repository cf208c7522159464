//! Runs commands one after another: what a line says, and the names and file objects it refers to.

use std::collections::HashMap;

use clap::Parser;
use serde::Serialize;
use wdfmem_ioctl::{Created, Handle, Message, Span, Status};

use crate::{
    arguments::{self, Line, LineCommand},
    calls::{self, CallCommand},
    failure::Failure,
    reply::Rendered,
    session,
    system::{File, System},
    values::SpanArguments,
};

/// What one line did.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The line.
    pub line: String,
    /// The Windows call that it is about.
    pub call: &'static str,
    /// The status that it should end with.
    pub expected: String,
    /// The status that it ended with.
    pub status: String,
    /// Whether it ended as the line expects.
    pub ok: bool,
    /// The reply.
    #[serde(skip_serializing_if = "Rendered::is_nothing")]
    pub reply: Rendered,
}

/// A script under way.
pub struct Script<'a> {
    system: &'a dyn System,
    files: HashMap<String, Box<dyn File>>,
    current: String,
    names: Names,
}

/// The handles that a script has names for, and the sizes of their objects.
#[derive(Debug, Default)]
pub struct Names {
    handles: HashMap<String, Handle>,
    sizes: HashMap<Handle, u64>,
}

/// The first file object's name.
const MAIN: &str = "main";

/// The name of the newest handle.
const NEWEST: &str = "it";

/// A line's parts.
struct Parsed {
    name: Option<String>,
    expected: Status,
    command: LineCommand,
}

impl<'a> Script<'a> {
    /// A script with one file object open.
    pub fn new(system: &'a dyn System) -> Result<Self, Failure> {
        let mut files = HashMap::new();
        files.insert(MAIN.to_owned(), system.open()?);
        Ok(Self {
            system,
            files,
            current: MAIN.to_owned(),
            names: Names::default(),
        })
    }

    /// Runs one line; `None` if it has nothing to run.
    pub fn line(&mut self, line: &str) -> Result<Option<Step>, Failure> {
        let words = words(line).map_err(|what| in_line(line, &what))?;
        if words.is_empty() {
            return Ok(None);
        }
        let Parsed {
            name,
            expected,
            command,
        } = parse(&words).map_err(|what| in_line(line, &what))?;
        if let (Some(name), LineCommand::File { .. } | LineCommand::Close { .. }) =
            (&name, &command)
        {
            return Err(makes_no_object(line, name));
        }
        match command {
            LineCommand::File { name } => {
                if !self.files.contains_key(&name) {
                    self.files.insert(name.clone(), self.system.open()?);
                }
                self.current = name;
                Ok(Some(step(
                    line,
                    "CreateFile",
                    Status::SUCCESS,
                    expected,
                    Rendered::default(),
                )))
            }
            LineCommand::Close { name } => {
                if self.files.remove(&name).is_none() {
                    return Err(in_line(line, &format!("no file object is called `{name}`")));
                }
                if self.current == name {
                    MAIN.clone_into(&mut self.current);
                }
                Ok(Some(step(
                    line,
                    "CloseHandle",
                    Status::SUCCESS,
                    expected,
                    Rendered::default(),
                )))
            }
            LineCommand::Call(command) => self
                .call(line, &command, name.as_deref(), expected)
                .map(Some),
        }
    }

    /// Runs one call.
    pub fn call(
        &mut self,
        line: &str,
        command: &CallCommand,
        name: Option<&str>,
        expected: Status,
    ) -> Result<Step, Failure> {
        let (call, data) = command
            .call(&self.names)
            .map_err(|what| in_line(line, &what))?;
        let message = Message { call, data: &data };
        let code = message.code();
        if let Some(name) = name
            && !calls::makes_object(code)
        {
            return Err(makes_no_object(line, name));
        }
        let file = self
            .files
            .get(&self.current)
            .ok_or_else(|| in_line(line, "that file object was closed; begin with `file NAME`"))?;
        let reply = session::call(file.as_ref(), message);
        if calls::makes_object(code)
            && let Some(created) = reply.parse::<Created>()
        {
            self.names.add(created.handle(), created.size.get(), name);
        }
        Ok(step(
            line,
            message.info().windows_call,
            reply.status,
            expected,
            calls::render(code, &reply),
        ))
    }
}

impl Names {
    fn add(&mut self, handle: Handle, size: u64, name: Option<&str>) {
        self.sizes.insert(handle, size);
        for name in [Some(NEWEST), name].into_iter().flatten() {
            self.handles.insert(name.to_owned(), handle);
        }
    }

    /// The bytes that these arguments mean.
    pub fn span(&self, span: &SpanArguments) -> Result<Span, String> {
        let handle = self.handle(&span.handle)?;
        Ok(Span {
            handle,
            offset: span.offset,
            length: span
                .length
                .unwrap_or_else(|| self.rest(handle, span.offset)),
        })
    }

    /// How many bytes an object has from an offset on.
    pub fn rest(&self, handle: Handle, offset: u64) -> u64 {
        // One byte of what this script did not make: the driver is asked, and refuses it.
        let size = self.sizes.get(&handle).copied();
        size.map_or(1, |size| size.saturating_sub(offset))
    }

    /// What a name stands for; a number stands for the handle with that number.
    pub fn handle(&self, name: &str) -> Result<Handle, String> {
        if let Some(handle) = self.handles.get(name) {
            return Ok(*handle);
        }
        let number = arguments::number(name)
            .ok()
            .and_then(|number| u32::try_from(number).ok());
        match number {
            Some(number) => Ok(Handle::from_number(number)),
            None => Err(format!(
                "nothing is called `{name}`; name a handle where it is made, as in \
                 `{name} = create --size 64`"
            )),
        }
    }
}

fn step(line: &str, call: &'static str, status: Status, expected: Status, reply: Rendered) -> Step {
    Step {
        line: line.trim().to_owned(),
        call,
        expected: expected.to_string(),
        status: status.to_string(),
        ok: status == expected,
        reply,
    }
}

fn in_line(line: &str, what: &str) -> Failure {
    Failure::usage(
        format!("in `{}`: {}", line.trim(), what.trim_end()),
        "`wdfmem script --help` says what a line may be, `wdfmem CALL --help` what a call takes",
    )
}

fn makes_no_object(line: &str, name: &str) -> Failure {
    let what = format!("this makes no object that could be called `{name}`");
    in_line(line, &what)
}

/// Takes a line's words apart into what stands before the call, and the call.
fn parse(words: &[String]) -> Result<Parsed, String> {
    let mut words = words;
    let mut expected = Status::SUCCESS;
    if let [first, status, rest @ ..] = words
        && first == "expect"
    {
        expected = status_of(status)?;
        words = rest;
    }
    let mut name = None;
    if let [first, equals, rest @ ..] = words
        && equals == "="
    {
        if arguments::number(first).is_ok() {
            return Err(format!(
                "`{first}` is a number; a name begins with a letter"
            ));
        }
        name = Some(first.clone());
        words = rest;
    }
    if words.is_empty() {
        return Err("no call follows".to_owned());
    }
    let line = Line::try_parse_from(words).map_err(|error| error.render().to_string())?;
    Ok(Parsed {
        name,
        expected,
        command: line.command,
    })
}

/// The status with this name.
fn status_of(name: &str) -> Result<Status, String> {
    let known = |status: &Status| status.name().is_some_and(|known| known == name);
    Status::ALL.iter().copied().find(known).ok_or_else(|| {
        format!("`{name}` is no status of this interface, such as STATUS_INVALID_HANDLE")
    })
}

/// Splits a line at blanks, but not within quotation marks, and drops what follows `#`.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    // Editors on Windows begin a file with a byte order mark.
    for character in line.trim_start_matches('\u{FEFF}').chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_blanks_outside_quotation_marks() {
        assert_eq!(
            words("a  = create --size 4 # note").unwrap(),
            ["a", "=", "create", "--size", "4"]
        );
        assert_eq!(
            words("write a 'two words'").unwrap(),
            ["write", "a", "two words"]
        );
        assert_eq!(words("write a ''").unwrap(), ["write", "a", ""]);
        assert_eq!(words("write a b#c").unwrap(), ["write", "a", "b#c"]);
        assert_eq!(words("  # only a note").unwrap(), Vec::<String>::new());
        assert_eq!(words("\u{FEFF}version").unwrap(), ["version"]);
        assert!(words("write a 'open").is_err());
    }

    #[test]
    fn what_stands_before_a_call_is_understood() {
        let line = words("expect STATUS_INVALID_PARAMETER m = create --size 0").unwrap();
        let parsed = parse(&line).unwrap();
        assert_eq!(parsed.name.as_deref(), Some("m"));
        assert_eq!(parsed.expected, Status::INVALID_PARAMETER);
        assert!(parse(&words("expect STATUS_SUNNY version").unwrap()).is_err());
        assert!(parse(&words("7 = create --size 1").unwrap()).is_err());
        assert!(parse(&words("juggle m").unwrap()).is_err());
    }
}
