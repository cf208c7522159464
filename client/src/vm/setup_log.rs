//! The sections of setupapi.dev.log that concern the driver.
//!
//! "SetupAPI text logs" in the Windows driver documentation gives the format: a section begins with
//! `>>>  [title]` and ends with `<<<  [Exit status: …]`; `!!!` marks errors, `!` warnings.

use serde::Serialize;

use super::codes;

/// One section: an operation and its result.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What was done, with its subject.
    pub title: String,
    /// When it began, as the log says.
    pub start: String,
    /// `SUCCESS`, or `FAILURE` with a code.
    pub status: String,
    /// Errors and warnings, in order.
    pub findings: Vec<Finding>,
}

/// An error or a warning.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it is an error, and not only a warning.
    pub error: bool,
    /// The line, without its mark.
    pub text: String,
    /// What the code in it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<&'static str>,
}

impl Section {
    /// Whether what was done failed.
    pub fn failed(&self) -> bool {
        !self.status.is_empty() && !self.status.starts_with("SUCCESS")
    }

    /// The code it failed with.
    pub fn code(&self) -> Option<u32> {
        codes::in_text(&self.status).next()
    }
}

/// The sections that name the driver, oldest first.
pub fn sections(log: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut open: Option<(Section, bool)> = None;
    for line in log.lines() {
        if let Some(title) = line.strip_prefix(">>>  [") {
            // A section without an end is one whose program was ended.
            close(&mut open, &mut sections);
            let section = Section {
                title: title.trim_end().trim_end_matches(']').to_owned(),
                start: String::new(),
                status: String::new(),
                findings: Vec::new(),
            };
            open = Some((section, names_driver(line)));
            continue;
        }
        let Some((section, ours)) = &mut open else {
            continue;
        };
        *ours |= names_driver(line);
        if let Some(start) = line.strip_prefix(">>>  Section start ") {
            section.start = start.trim().to_owned();
        } else if let Some(status) = line.strip_prefix("<<<  [Exit status: ") {
            section.status = status.trim_end().trim_end_matches(']').to_owned();
            close(&mut open, &mut sections);
        } else if line.starts_with('!') {
            let text = line.trim_start_matches('!').trim();
            section.findings.push(Finding {
                error: line.starts_with("!!!"),
                text: text.to_owned(),
                meaning: codes::in_text(text)
                    .find_map(codes::explain)
                    .map(|code| code.meaning),
            });
        }
    }
    close(&mut open, &mut sections);
    sections
}

fn close(open: &mut Option<(Section, bool)>, sections: &mut Vec<Section>) {
    sections.extend(
        open.take()
            .filter(|(_, ours)| *ours)
            .map(|(section, _)| section),
    );
}

/// Whether a line names the driver's device or a file of its package.
fn names_driver(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    [r"root\wdfmem", "wdfmem.inf", "wdfmem.sys", "wdfmem.cat"]
        .iter()
        .any(|name| line.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = include_str!("../../tests/windows/setupapi.dev.log");

    #[test]
    fn the_drivers_sections_are_found_among_those_of_others() {
        let sections = sections(LOG);
        let titles: Vec<&str> = sections.iter().map(|section| &*section.title).collect();
        assert_eq!(
            titles,
            [
                r"Device Install (UpdateDriverForPlugAndPlayDevices) - root\wdfmem",
                r"Device Install (UpdateDriverForPlugAndPlayDevices) - root\wdfmem",
                r"Device Install (DiInstallDevice) - ROOT\SYSTEM\0002",
            ]
        );
        assert!(sections[0].failed());
        assert_eq!(sections[0].code(), Some(0xE000_0247));
        assert_eq!(sections[0].start, "2026/01/02 10:15:26.010");
        assert!(!sections[1].failed());
        assert_eq!(sections[1].code(), None);
        // The log ends in the middle of it.
        assert_eq!(sections[2].status, "");
        assert!(!sections[2].failed());
    }

    #[test]
    fn errors_and_warnings_are_kept_with_what_their_codes_mean() {
        let section = &sections(LOG)[0];
        let errors: Vec<&Finding> = section.findings.iter().filter(|line| line.error).collect();
        assert_eq!(errors.len(), 4);
        assert_eq!(
            errors[0].text,
            "sig:                          Driver package failed signature validation. Error = 0xE0000247"
        );
        assert!(
            errors[0]
                .meaning
                .is_some_and(|text| text.contains("driver store"))
        );
        let warning = section.findings.iter().find(|line| !line.error).unwrap();
        assert_eq!(warning.meaning, None);
        let root = section
            .findings
            .iter()
            .find(|line| line.text.contains("0x800b0109"))
            .unwrap();
        assert!(root.meaning.is_some_and(|text| text.contains("Root store")));
    }
}
