//! Scripts: parses lines, makes their calls, and keeps the names of handles and file objects.

use std::collections::HashMap;

use clap::Parser;
use serde::Serialize;
use wdfmem_ioctl::{AnyCall, Created, Handle, Message, PoolKind, Span, Status};

use crate::{
    arguments::{self, Line, LineCommand},
    calls::{self, CallCommand},
    failure::Failure,
    reply::Rendered,
    session,
    system::{File, System},
    values::SpanArguments,
};

/// A call of a script and its result.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The line of the script.
    pub line: String,
    /// The Windows call that it is about.
    pub call: &'static str,
    /// The status that the call should end with.
    pub expected: String,
    /// The status that the call ended with.
    pub status: String,
    /// Whether the call ended with the expected status.
    pub ok: bool,
    /// The decoded reply of the call.
    #[serde(skip_serializing_if = "Rendered::is_nothing")]
    pub reply: Rendered,
}

/// The state of a script: open file objects and named handles.
pub struct Script<'a> {
    system: &'a dyn System,
    files: HashMap<String, Box<dyn File>>,
    current: String,
    names: Names,
}

/// The handles that a script has named, with the sizes and pools of their objects.
#[derive(Debug, Default)]
pub struct Names {
    handles: HashMap<String, Handle>,
    sizes: HashMap<Handle, u64>,
    pools: HashMap<Handle, PoolKind>,
}

/// The name of the first file object.
const MAIN: &str = "main";

/// The name of the newest handle.
const NEWEST: &str = "it";

/// A parsed line of a script.
#[derive(Debug)]
pub struct Statement {
    line: String,
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

    /// Runs one line; `None` if it contains no call.
    pub fn line(&mut self, line: &str) -> Result<Option<Step>, Failure> {
        let statement = Statement::parse(line)?;
        statement.map(|statement| self.run(&statement)).transpose()
    }

    /// Runs a parsed line.
    pub fn run(&mut self, statement: &Statement) -> Result<Step, Failure> {
        let Statement {
            line,
            name,
            expected,
            command,
        } = statement;
        let expected = *expected;
        if let (Some(name), LineCommand::File { .. } | LineCommand::Close { .. }) = (name, command)
        {
            return Err(makes_no_object(line, name));
        }
        match command {
            LineCommand::File { name } => {
                if !self.files.contains_key(name) {
                    self.files.insert(name.clone(), self.system.open()?);
                }
                self.current.clone_from(name);
                let reply = Rendered::default();
                Ok(step(line, "CreateFile", Status::SUCCESS, expected, reply))
            }
            LineCommand::Close { name } => {
                if self.files.remove(name).is_none() {
                    return Err(in_line(
                        line,
                        &format!("no file object is named `{name}`; `file {name}` opens one"),
                    ));
                }
                if self.current == *name {
                    MAIN.clone_into(&mut self.current);
                }
                let reply = Rendered::default();
                Ok(step(line, "CloseHandle", Status::SUCCESS, expected, reply))
            }
            LineCommand::Call(command) => self.call(line, command, name.as_deref(), expected),
        }
    }

    /// Makes a call and compares its status with the expected one.
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
            .ok_or_else(|| in_line(line, "the file object is closed; open one with `file NAME`"))?;
        let reply = session::call(file.as_ref(), message);
        if calls::makes_object(code)
            && let Some(created) = reply.parse::<Created>()
        {
            self.names.add(created.handle(), created.size.get(), name);
            if let AnyCall::InitializeExList(list) = call {
                self.names.pools.insert(created.handle(), list.pool);
            }
        }
        Ok(step(
            line,
            calls::windows_call(&call, &self.names),
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

    /// The range of bytes that these arguments describe.
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

    /// The number of bytes in an object from an offset on.
    pub fn rest(&self, handle: Handle, offset: u64) -> u64 {
        // The size of an object that this script did not create is unknown: with one byte, the driver decides.
        let size = self.sizes.get(&handle).copied();
        size.map_or(1, |size| size.saturating_sub(offset))
    }

    /// The pool of an Ex lookaside list that this script initialized.
    pub fn pool(&self, list: Handle) -> Option<PoolKind> {
        self.pools.get(&list).copied()
    }

    /// The handle that a name stands for; a number stands for the handle with that number.
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
                "no handle is named `{name}`; name a handle where it is created, as in \
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
        "`wdfmem script --help` describes the lines of a script, `wdfmem CALL --help` the arguments of a call",
    )
}

fn makes_no_object(line: &str, name: &str) -> Failure {
    let what = format!("this call creates no object that could be named `{name}`");
    in_line(line, &what)
}

impl Statement {
    /// Parses a line; `None` if it contains no call.
    pub fn parse(line: &str) -> Result<Option<Self>, Failure> {
        words(line)
            .and_then(|words| {
                let words = Some(words).filter(|words| !words.is_empty());
                words.map(|words| parse(line, &words)).transpose()
            })
            .map_err(|what| in_line(line, &what))
    }
}

/// Parses the words of a line: an expected status, a name, and the call.
fn parse(line: &str, words: &[String]) -> Result<Statement, String> {
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
        return Err("there is no call after it; give one, such as `create --size 64`".to_owned());
    }
    let Line { command } =
        Line::try_parse_from(words).map_err(|error| error.render().to_string())?;
    Ok(Statement {
        line: line.to_owned(),
        name,
        expected,
        command,
    })
}

/// The status with this name.
fn status_of(name: &str) -> Result<Status, String> {
    let known = |status: &Status| status.name().is_some_and(|known| known == name);
    Status::ALL.iter().copied().find(known).ok_or_else(|| {
        format!("`{name}` is not a status of this interface, such as STATUS_INVALID_HANDLE")
    })
}

/// Splits a line at blanks outside quotation marks, up to a comment.
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
        return Err("a quotation mark is not closed; close it".to_owned());
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
    fn the_name_and_the_expected_status_before_a_call_are_parsed() {
        let parse = |line| Statement::parse(line).map(Option::unwrap);
        let parsed = parse("expect STATUS_INVALID_PARAMETER m = create --size 0").unwrap();
        assert_eq!(parsed.name.as_deref(), Some("m"));
        assert_eq!(parsed.expected, Status::INVALID_PARAMETER);
        assert!(parse("expect STATUS_SUNNY version").is_err());
        assert!(parse("7 = create --size 1").is_err());
        assert!(parse("juggle m").is_err());
    }
}
