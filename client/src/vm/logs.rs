//! Windows' logs about the driver, explained: its installation, its events, the last bug check.

use serde::{Serialize, Serializer};

use super::{
    bug_check::{self, BugCheck},
    codes,
    events::Event,
    setup_log::Section,
};

/// How many sections and events are shown: the newest.
const SHOWN: usize = 5;

/// Everything that `wdfmem logs` found; for what could not be read, the reason.
#[derive(Debug, Serialize)]
pub struct Logs {
    /// The sections of setupapi.dev.log, oldest first.
    #[serde(serialize_with = "found_or_why")]
    pub setup: Result<Vec<Section>, String>,
    /// The events, newest first, with what each means.
    #[serde(serialize_with = "found_or_why")]
    pub events: Result<Vec<Explained>, String>,
    /// The last bug check.
    pub bug_check: Option<LastBugCheck>,
    /// How Windows is set to write dumps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dumps: Option<Dumps>,
}

/// Serializes what was found, or an object with the reason why there is nothing.
fn found_or_why<T: Serialize, S: Serializer>(
    found: &Result<T, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match found {
        Ok(value) => value.serialize(serializer),
        Err(why) => serializer.collect_map([("unread", why)]),
    }
}

/// An event with what it means.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The event as the log has it.
    #[serde(flatten)]
    pub event: Event,
    /// What the event means, in a sentence.
    pub meaning: String,
}

/// The last bug check, explained.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LastBugCheck {
    /// When Windows recorded it.
    pub time: String,
    /// The bug check's code and parameters.
    #[serde(flatten)]
    pub stop: BugCheck,
    /// The name of the code.
    pub name: Option<&'static str>,
    /// What the bug check means, in a sentence.
    pub meaning: String,
    /// The path of the dump, if the event names one.
    pub dump: Option<String>,
}

/// The values of `HKLM\SYSTEM\CurrentControlSet\Control\CrashControl`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dumps {
    /// The kind of dump: the value `CrashDumpEnabled`.
    pub kind: Option<u32>,
    /// The file for the kernel's memory: the value `DumpFile`.
    pub file: Option<String>,
    /// The folder for small dumps: the value `MinidumpDir`.
    pub small_dumps: Option<String>,
    /// Files in the folder of small dumps, newest last.
    pub found: Vec<String>,
}

impl Dumps {
    /// How Windows writes dumps, and what to do if it writes none.
    pub fn in_words(&self) -> String {
        let folder = self
            .small_dumps
            .as_deref()
            .unwrap_or(r"C:\Windows\Minidump");
        let file = self.file.as_deref().unwrap_or(r"C:\Windows\MEMORY.DMP");
        match self.kind {
            Some(0) => "Windows writes no dump. Switch it on: reg add \
                 HKLM\\SYSTEM\\CurrentControlSet\\Control\\CrashControl /v CrashDumpEnabled /t REG_DWORD /d 7 /f"
                .to_owned(),
            Some(1) => format!("a bug check writes all memory to {file}"),
            Some(2) => format!("a bug check writes the kernel's memory to {file}"),
            Some(3) => format!("a bug check writes a small dump to {folder}"),
            Some(7) => format!("a bug check writes the kernel's memory to {file} and a small dump to {folder}"),
            Some(kind) => format!("a bug check writes a dump of kind {kind}"),
            None => "the settings for dumps could not be read".to_owned(),
        }
    }
}

impl Logs {
    /// Sorts and explains what was read.
    pub fn new(
        setup: Result<Vec<Section>, String>,
        events: Result<Vec<Event>, String>,
        dumps: Option<Dumps>,
    ) -> Self {
        let events = events.map(|mut events| {
            events.retain(Event::concerns_us);
            // Times are in UTC and of one width.
            events.sort_by(|one, other| other.time.cmp(&one.time));
            events
        });
        let bug_check = events
            .as_ref()
            .ok()
            .and_then(|events| last_bug_check(events));
        let explained = |event: Event| Explained {
            meaning: event.meaning(),
            event,
        };
        Self {
            setup,
            events: events.map(|events| events.into_iter().map(explained).collect()),
            bug_check,
            dumps,
        }
    }

    /// Whether the last installation failed, or anything could not be read.
    pub fn is_good(&self) -> bool {
        let installed = self
            .setup
            .as_ref()
            .is_ok_and(|sections| sections.last().is_none_or(|section| !section.failed()));
        installed && self.events.is_ok() && self.bug_check.is_none()
    }

    /// The text for people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["Installation (setupapi.dev.log)".to_owned()];
        match &self.setup {
            Err(why) => lines.push(format!("  {why}")),
            Ok(sections) if sections.is_empty() => lines.push("  none of the driver".to_owned()),
            Ok(sections) => sections[sections.len().saturating_sub(SHOWN)..]
                .iter()
                .for_each(|section| section_lines(section, &mut lines)),
        }
        lines.push(String::new());
        lines.push("Events, newest first".to_owned());
        match &self.events {
            Err(why) => lines.push(format!("  {why}")),
            Ok(events) if events.is_empty() => lines.push("  none about the driver".to_owned()),
            Ok(events) => events.iter().take(SHOWN).for_each(|explained| {
                let Explained { event, meaning } = explained;
                lines.push(format!(
                    "  {} {} {}: {meaning}",
                    event.time, event.provider, event.id
                ));
                if event.bug_check().is_none() {
                    let data = event.data.iter().filter(|(_, value)| !value.is_empty());
                    lines.extend(data.map(|(name, value)| format!("      {name} = {value}")));
                }
            }),
        }
        lines.push(String::new());
        lines.push("Last bug check".to_owned());
        match &self.bug_check {
            None if self.events.is_err() => {
                lines.push("  unknown: the events could not be read".to_owned())
            }
            None => lines.push("  none is recorded".to_owned()),
            Some(last) => {
                let [one, two, three, four] = last.stop.parameters;
                lines.push(format!(
                    "  {} {:#X} {} ({one:#X}, {two:#X}, {three:#X}, {four:#X})",
                    last.time,
                    last.stop.code,
                    last.name.unwrap_or("(unknown bug check)")
                ));
                lines.push(format!("  {}", last.meaning));
                let dump = last.dump.as_deref().unwrap_or("the event names none");
                lines.push(format!("  dump: {dump}"));
                lines.push(format!("  what to do: {}", bug_check::NEXT));
            }
        }
        if let Some(dumps) = &self.dumps {
            lines.push(format!("  {}", dumps.in_words()));
            for file in dumps.found.iter().rev().take(SHOWN) {
                lines.push(format!("  found: {file}"));
            }
        }
        lines
    }
}

fn section_lines(section: &Section, lines: &mut Vec<String>) {
    let status = if section.status.is_empty() {
        "the log ends before the section does"
    } else {
        &section.status
    };
    lines.push(format!("  {} {}: {status}", section.start, section.title));
    if let Some(code) = section.code().and_then(codes::explain) {
        lines.push(format!("      {}: {}", code.name, code.meaning));
        let next = match code.next {
            codes::Next::Do(next) => next,
            codes::Next::Signature => {
                "`wdfmem status` shows test signing, Secure Boot and whether the certificate is in both stores"
            }
        };
        lines.push(format!("      what to do: {next}"));
    }
    // A warning of an installation that succeeded is of no interest.
    for finding in section.findings.iter().filter(|_| section.failed()) {
        let mark = if finding.error { "error" } else { "warning" };
        lines.push(format!("      {mark}: {}", finding.text));
        if let Some(meaning) = finding.meaning {
            lines.push(format!("        {meaning}"));
        }
    }
}

/// The newest bug check of events that are sorted, newest first.
fn last_bug_check(events: &[Event]) -> Option<LastBugCheck> {
    let (event, stop) = events
        .iter()
        .find_map(|event| Some((event, event.bug_check()?)))?;
    // The restart is recorded before the report of the same stop, which alone names the dump.
    let dump = events
        .iter()
        .filter(|other| other.bug_check() == Some(stop))
        .find_map(Event::dump);
    Some(LastBugCheck {
        time: event.time.clone(),
        stop,
        name: stop.name(),
        meaning: stop.meaning(),
        dump: dump.map(str::to_owned),
    })
}

/// The text of a log, which may be UTF-16 with a byte order mark, as PowerShell writes redirected output.
pub fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => {
            let units: Vec<u16> = rest
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        other => String::from_utf8_lossy(other).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::{events, setup_log};

    fn logs() -> Logs {
        Logs::new(
            Ok(setup_log::sections(include_str!(
                "../../tests/windows/setupapi.dev.log"
            ))),
            events::read(include_str!("../../tests/windows/events.xml")),
            Some(Dumps {
                kind: Some(7),
                found: vec![r"C:\Windows\Minidump\010226-12453-01.dmp".to_owned()],
                ..Dumps::default()
            }),
        )
    }

    #[test]
    fn the_last_bug_check_is_reported_with_its_dump_wherever_it_was_recorded() {
        let logs = logs();
        let last = logs.bug_check.as_ref().expect("a bug check");
        assert_eq!(last.stop.code, 0xC4);
        assert_eq!(
            last.dump.as_deref(),
            Some(r"C:\Windows\Minidump\010226-12453-01.dmp")
        );
        let text = logs.lines().join("\n");
        for part in [
            "0xC4 DRIVER_VERIFIER_DETECTED_VIOLATION (0x62, ",
            "without freeing all of its pool",
            "!analyze -v",
            "FAILURE(0xe0000247)",
            "not in the machine's Root store",
            "Microsoft-Windows-Kernel-PnP 219: Windows could not load the driver",
            r"FailureName = \Driver\wdfmem",
            "the log ends before the section does",
            r"found: C:\Windows\Minidump",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
        assert!(!text.contains("Another Service"));
        assert!(!logs.is_good());
    }

    #[test]
    fn what_cannot_be_read_is_reported_and_is_not_good() {
        let logs = Logs::new(Err("no log".to_owned()), Err("no events".to_owned()), None);
        let text = logs.lines().join("\n");
        assert!(text.contains("no log") && text.contains("no events") && text.contains("unknown"));
        assert!(!logs.is_good());
        let empty = Logs::new(Ok(Vec::new()), Ok(Vec::new()), None);
        assert!(empty.is_good());
        assert!(empty.lines().join("\n").contains("none is recorded"));
    }

    #[test]
    fn the_report_says_how_to_enable_dumps_where_they_are_off() {
        let dumps = Dumps {
            kind: Some(0),
            ..Dumps::default()
        };
        assert!(
            dumps
                .in_words()
                .contains("CrashDumpEnabled /t REG_DWORD /d 7")
        );
    }

    #[test]
    fn logs_are_read_whatever_their_encoding() {
        assert_eq!(text(b"\xEF\xBB\xBF<E/>"), "<E/>");
        assert_eq!(text(b"<E/>"), "<E/>");
        assert_eq!(text(b"\xFF\xFE<\0E\0/\0>\0"), "<E/>");
    }
}
