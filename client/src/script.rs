//! Runs commands one after another: what a line says, and the names and file objects it refers to.

use std::collections::HashMap;

use clap::Parser;
use serde::Serialize;
use wdfmem_ioctl::{
    Call, Content, CopyBytes, CreateList, CreateMemory, CreatePreallocated, Handle,
    InitializeExList, Routines, Span, Status, Transform,
};

use crate::{
    answer::{Answer, answer_of},
    arguments::{self, CallCommand, Line, LineCommand, New},
    failure::Failure,
    session,
    system::{File, System},
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
    /// What came back.
    #[serde(skip_serializing_if = "Answer::is_nothing")]
    pub answer: Answer,
}

/// A script under way.
pub struct Script<'a> {
    system: &'a dyn System,
    files: HashMap<String, Box<dyn File>>,
    current: String,
    names: HashMap<String, Handle>,
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
            names: HashMap::new(),
            sizes: HashMap::new(),
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
        if let Some(name) = &name
            && !makes_object(&command)
        {
            let what = format!("this makes no object that could be called `{name}`");
            return Err(in_line(line, &what));
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
                    Answer::Nothing,
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
                    Answer::Nothing,
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
        let data = data_of(command);
        let call = self
            .call_of(command, &data)
            .map_err(|what| in_line(line, &what))?;
        let file = self
            .files
            .get(&self.current)
            .ok_or_else(|| in_line(line, "that file object was closed; begin with `file NAME`"))?;
        let reply = if matches!(call, Call::BulkWrite { .. }) {
            session::call_with(file.as_ref(), &call, data.clone())
        } else {
            session::call(file.as_ref(), &call)
        };
        let answer = answer_of(&call, &reply);
        if let Answer::Created { handle, size, .. } = answer {
            let handle = Handle::from_number(handle);
            self.sizes.insert(handle, size);
            self.names.insert(NEWEST.to_owned(), handle);
            if let Some(name) = name {
                self.names.insert(name.to_owned(), handle);
            }
        }
        Ok(step(
            line,
            call.code().info().windows_call,
            reply.status,
            expected,
            answer,
        ))
    }

    fn call_of<'d>(&self, command: &CallCommand, data: &'d [u8]) -> Result<Call<'d>, String> {
        Ok(match command {
            CallCommand::Version => Call::QueryVersion,
            CallCommand::Statistics => Call::Statistics,
            CallCommand::Create {
                new,
                parent,
                uninitialized,
            } => Call::CreateMemory(CreateMemory {
                pool: new.pool,
                parent: *parent,
                content: if *uninitialized {
                    Content::Uninitialized
                } else {
                    Content::Zeroed
                },
                tag: new.tag(),
                size: new.size,
            }),
            CallCommand::Preallocated { new, parent } => {
                Call::CreatePreallocated(CreatePreallocated {
                    pool: new.pool,
                    parent: *parent,
                    tag: new.tag(),
                    size: new.size,
                })
            }
            CallCommand::Assign { handle, size, tag } => Call::AssignBuffer {
                handle: self.handle(handle)?,
                tag: tag.unwrap_or(wdfmem_ioctl::Tag::DEFAULT),
                size: *size,
            },
            CallCommand::List {
                new: new @ New { pool, size, .. },
            } => Call::CreateLookaside(CreateList {
                pool: *pool,
                tag: new.tag(),
                size: *size,
            }),
            CallCommand::Take { list } => Call::CreateFromLookaside {
                list: self.handle(list)?,
            },
            CallCommand::Delete { handle } => Call::Delete {
                handle: self.handle(handle)?,
            },
            CallCommand::ExInitialize { new, exported } => {
                Call::InitializeExList(InitializeExList {
                    pool: new.pool,
                    tag: new.tag(),
                    size: new.size,
                    routines: if *exported {
                        Routines::Exported
                    } else {
                        Routines::Inline
                    },
                })
            }
            CallCommand::ExAllocate { list } => Call::AllocateEntry {
                list: self.handle(list)?,
            },
            CallCommand::ExFree { list, entry } => Call::FreeEntry {
                list: self.handle(list)?,
                entry: self.handle(entry)?,
            },
            CallCommand::ExDelete { list } => Call::DeleteExList {
                list: self.handle(list)?,
            },
            CallCommand::Write { handle, offset, .. } => Call::Write {
                handle: self.handle(handle)?,
                offset: *offset,
                data,
            },
            CallCommand::Read { span } => Call::Read(self.span(span)?),
            CallCommand::Fill { span, byte } => Call::Fill {
                span: self.span(span)?,
                byte: *byte,
            },
            CallCommand::Copy {
                source,
                target,
                length,
                source_offset,
                target_offset,
            } => {
                let source = self.handle(source)?;
                Call::Copy(CopyBytes {
                    source,
                    source_offset: *source_offset,
                    target: self.handle(target)?,
                    target_offset: *target_offset,
                    length: length.unwrap_or_else(|| self.rest(source, *source_offset)),
                })
            }
            CallCommand::Checksum { span, level } => Call::Checksum {
                span: self.span(span)?,
                level: *level,
            },
            CallCommand::Transform {
                operation,
                key,
                tag,
                ..
            } => Call::Transform(Transform {
                operation: *operation,
                key: *key,
                tag: tag.unwrap_or(wdfmem_ioctl::Tag::DEFAULT),
                data,
            }),
            CallCommand::BulkWrite { handle, offset, .. } => Call::BulkWrite {
                handle: self.handle(handle)?,
                offset: *offset,
            },
            CallCommand::BulkRead { span } => Call::BulkRead(self.span(span)?),
        })
    }

    fn span(&self, span: &arguments::Span) -> Result<Span, String> {
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
    fn rest(&self, handle: Handle, offset: u64) -> u64 {
        // One byte of what this script did not make: the driver is asked, and refuses it.
        let size = self.sizes.get(&handle).copied();
        size.map_or(1, |size| size.saturating_sub(offset))
    }

    /// What a name stands for; a number stands for the handle with that number.
    fn handle(&self, name: &str) -> Result<Handle, String> {
        if let Some(handle) = self.names.get(name) {
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

/// Whether a call makes an object, or a new buffer of one, if it is not refused.
const fn makes_object(command: &LineCommand) -> bool {
    matches!(
        command,
        LineCommand::Call(
            CallCommand::Create { .. }
                | CallCommand::Preallocated { .. }
                | CallCommand::Assign { .. }
                | CallCommand::List { .. }
                | CallCommand::Take { .. }
                | CallCommand::ExInitialize { .. }
                | CallCommand::ExAllocate { .. }
        )
    )
}

fn step(line: &str, call: &'static str, status: Status, expected: Status, answer: Answer) -> Step {
    Step {
        line: line.trim().to_owned(),
        call,
        expected: expected.to_string(),
        status: status.to_string(),
        ok: status == expected,
        answer,
    }
}

fn in_line(line: &str, what: &str) -> Failure {
    Failure::usage(
        format!("in `{}`: {}", line.trim(), what.trim_end()),
        "`wdfmem script --help` says what a line may be, `wdfmem CALL --help` what a call takes",
    )
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

/// The bytes that a call carries.
fn data_of(command: &CallCommand) -> Vec<u8> {
    match command {
        CallCommand::Write { data, .. }
        | CallCommand::Transform { data, .. }
        | CallCommand::BulkWrite { data, .. } => data.bytes(),
        _ => Vec::new(),
    }
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
