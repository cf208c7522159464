//! Events of Windows' event logs that concern the driver, read from XML.

use roxmltree::{Document, Node};
use serde::Serialize;

use super::{bug_check::BugCheck, codes};

/// An event of a Windows event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, in UTC, as the log says.
    pub time: String,
    /// The log that it is in.
    pub channel: String,
    /// The provider that logged it.
    pub provider: String,
    /// Its number among those of the provider.
    pub id: u32,
    /// What it says, by name where it has one.
    pub data: Vec<(String, String)>,
}

impl Event {
    /// The value of the given name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.data.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    /// Whether it concerns the driver or records a bug check.
    pub fn concerns_us(&self) -> bool {
        self.bug_check().is_some()
            || self
                .data
                .iter()
                .any(|(_, value)| value.to_ascii_lowercase().contains("wdfmem"))
    }

    /// The bug check that it records.
    pub fn bug_check(&self) -> Option<BugCheck> {
        match (&*self.provider, self.id) {
            (SYSTEM_ERROR_REPORTING, 1001) => {
                // Old versions give the values no names.
                let first = self.data.first().map(|(_, value)| &**value);
                BugCheck::parse(self.value("param1").or(first)?)
            }
            (KERNEL_POWER, 41) => {
                let code = self.value("BugcheckCode")?.trim().parse().ok()?;
                let parameter = |number: usize| {
                    let text = self.value(&format!("BugcheckParameter{number}"))?;
                    u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
                };
                // A restart without a bug check has the code 0.
                (code != 0).then_some(BugCheck {
                    code,
                    parameters: [parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?],
                })
            }
            _ => None,
        }
    }

    /// The dump that event 1001 names.
    pub fn dump(&self) -> Option<&str> {
        if (&*self.provider, self.id) != (SYSTEM_ERROR_REPORTING, 1001) {
            return None;
        }
        let second = self.data.get(1).map(|(_, value)| &**value);
        self.value("param2")
            .or(second)
            .filter(|path| !path.is_empty())
    }

    /// What it means, in a sentence.
    pub fn meaning(&self) -> String {
        if let Some(stop) = self.bug_check() {
            let name = stop.name().unwrap_or("(unknown bug check)");
            return format!("bug check {:#X} {name}: {}", stop.code, stop.meaning());
        }
        let status = self
            .value("Status")
            .and_then(|text| text.trim().parse().ok())
            .map(status_in_words)
            .unwrap_or_default();
        let text = match (&*self.provider, self.id) {
            ("Microsoft-Windows-Kernel-PnP", 219) => "Windows could not load the driver",
            ("Microsoft-Windows-Kernel-PnP", 400) => "the device was configured",
            ("Microsoft-Windows-Kernel-PnP", 410) => "the device was started",
            ("Microsoft-Windows-Kernel-PnP", 411) => "the device had a problem when it was started",
            ("Microsoft-Windows-Kernel-PnP", 420) => "the device was deleted",
            ("Microsoft-Windows-CodeIntegrity", 3004) => {
                "the driver file is not signed, or was changed after it was signed"
            }
            ("Microsoft-Windows-CodeIntegrity", 3033 | 3034) => {
                "the driver file's signature is not good enough for this machine's settings"
            }
            ("Microsoft-Windows-CodeIntegrity", 3076 | 3077) => {
                "an application control policy forbids the driver file, or would"
            }
            ("Microsoft-Windows-CodeIntegrity", 3087) => {
                "memory integrity (HVCI) does not accept the driver file"
            }
            ("Application Popup", 26) => {
                "the driver imports something that this Windows does not have: the text names it"
            }
            ("Service Control Manager", 7000 | 7001) => "the driver's service did not start",
            ("Service Control Manager", 7026) => "a boot-start driver was not loaded",
            ("Service Control Manager", 7045) => "the driver's service was installed",
            _ => "",
        };
        match (text, &*status) {
            ("", "") => String::new(),
            (text, "") => text.to_owned(),
            ("", status) => status.to_owned(),
            (text, status) => format!("{text}: {status}"),
        }
    }
}

const SYSTEM_ERROR_REPORTING: &str = "Microsoft-Windows-WER-SystemErrorReporting";
const KERNEL_POWER: &str = "Microsoft-Windows-Kernel-Power";

fn status_in_words(status: u32) -> String {
    match codes::explain(status) {
        Some(code) => format!("{} {}, {}", codes::written(status), code.name, code.meaning),
        None if status == 0 => String::new(),
        None => codes::written(status),
    }
}

/// Reads events, one after the other or in one root element.
///
/// # Errors
///
/// When the text is not XML: where, and why.
pub fn read(xml: &str) -> Result<Vec<Event>, String> {
    let text = xml.trim_start_matches('\u{feff}').trim_start();
    // A document has one root; `wevtutil` prints events without one, unless it is told to.
    let rooted = if text.starts_with("<Event ") || text.starts_with("<Event>") {
        format!("<Events>{text}</Events>")
    } else {
        text.to_owned()
    };
    let document = Document::parse(&rooted).map_err(|error| error.to_string())?;
    let events = document
        .descendants()
        .filter(|node| node.has_tag_name_ignoring_namespace("Event"));
    Ok(events.filter_map(event).collect())
}

fn event(node: Node<'_, '_>) -> Option<Event> {
    let system = node.child("System")?;
    let provider = system.child("Provider")?.attribute("Name")?;
    let text = |name: &str| {
        let found = system.child(name).and_then(|node| node.text());
        found.unwrap_or_default().trim().to_owned()
    };
    let time = system
        .child("TimeCreated")
        .and_then(|node| node.attribute("SystemTime"));
    // Some providers write `UserData`, with elements of their own names.
    let values = node
        .children()
        .filter(|node| {
            node.has_tag_name_ignoring_namespace("EventData")
                || node.has_tag_name_ignoring_namespace("UserData")
        })
        .flat_map(|node| node.descendants().skip(1))
        .filter(|node| node.is_element() && !node.children().any(|child| child.is_element()));
    Some(Event {
        time: time.unwrap_or_default().to_owned(),
        channel: text("Channel"),
        provider: provider.to_owned(),
        id: text("EventID").parse().ok()?,
        data: values
            .map(|node| {
                let name = node.attribute("Name").unwrap_or(node.tag_name().name());
                (name.to_owned(), node.text().unwrap_or_default().to_owned())
            })
            .collect(),
    })
}

/// The events' namespace is of no use here: there is only one.
trait ByLocalName<'a, 'input> {
    fn has_tag_name_ignoring_namespace(&self, name: &str) -> bool;
    fn child(&self, name: &str) -> Option<Node<'a, 'input>>;
}

impl<'a, 'input> ByLocalName<'a, 'input> for Node<'a, 'input> {
    fn has_tag_name_ignoring_namespace(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }

    fn child(&self, name: &str) -> Option<Node<'a, 'input>> {
        self.children()
            .find(|node| node.has_tag_name_ignoring_namespace(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = include_str!("../../tests/windows/events.xml");

    fn events() -> Vec<Event> {
        read(EVENTS).expect("XML")
    }

    #[test]
    fn events_are_read_with_and_without_a_root() {
        assert_eq!(events().len(), 5);
        let rooted = format!("\u{feff}<?xml version='1.0'?><Events>{EVENTS}</Events>");
        assert_eq!(read(&rooted).expect("XML"), events());
        assert_eq!(read("<Events/>"), Ok(Vec::new()));
        assert!(read("no XML").is_err());
    }

    #[test]
    fn a_bug_check_is_read_from_event_1001_and_from_the_restart_after_it() {
        let events = events();
        let reported = events[0].bug_check().expect("event 1001");
        assert_eq!(events[1].bug_check(), Some(reported));
        assert_eq!(reported.code, 0xC4);
        assert_eq!(
            events[0].dump(),
            Some(r"C:\Windows\Minidump\010226-12453-01.dmp")
        );
        assert_eq!(events[1].dump(), None);
        assert_eq!(events[0].time, "2026-01-02T10:58:24.0000000Z");
    }

    #[test]
    fn a_restart_without_a_bug_check_is_not_one() {
        let unclean = EVENTS.replace(">196<", ">0<");
        assert_eq!(read(&unclean).expect("XML")[1].bug_check(), None);
    }

    #[test]
    fn the_events_of_the_driver_are_distinguished_from_those_of_others() {
        let ours: Vec<u32> = events()
            .iter()
            .filter(|event| event.concerns_us())
            .map(|event| event.id)
            .collect();
        assert_eq!(ours, [1001, 41, 219, 7045]);
    }

    #[test]
    fn the_status_of_an_event_is_explained() {
        let meaning = events()[2].meaning();
        assert!(meaning.contains("could not load the driver"), "{meaning}");
        assert!(
            meaning.contains("0xC0000428 STATUS_INVALID_IMAGE_HASH"),
            "{meaning}"
        );
    }
}
