//! Rules about the files of the package: where they come from and where they go.

use super::super::graph::Role;
use super::super::syntax::{Entry, Section};
use super::super::{Findings, Rule};
use super::Context;

static DESTINATION: Rule = Rule {
    id: "files.destination",
    page: "INF DestinationDirs Section",
    explanation: "Every list of files to copy has a destination, its own or DefaultDestDir.",
};
static ISOLATION: Rule = Rule {
    id: "files.isolation",
    page: "Driver Package Isolation",
    explanation: "Every destination is directory 13, the driver store, so that the package runs \
                  from there (error 1322).",
};
static PLACE: Rule = Rule {
    id: "files.place",
    page: "INF Validation Errors and Warnings",
    explanation: "In the driver store a file keeps its name and its folder (error 1100).",
};
static LISTED: Rule = Rule {
    id: "files.listed",
    page: "INF SourceDisksFiles Section",
    explanation: "Every file that is copied is in [SourceDisksFiles] (error 1230).",
};
static COPIED: Rule = Rule {
    id: "files.copied",
    page: "INF SourceDisksFiles Section",
    explanation: "Every file in [SourceDisksFiles] is copied, or it is no part of the package.",
};
static DISK: Rule = Rule {
    id: "files.disk",
    page: "INF SourceDisksNames Section",
    explanation: "The disk that holds a file is in [SourceDisksNames].",
};
static NAME: Rule = Rule {
    id: "files.name",
    page: "INF CopyFiles Directive",
    explanation: "A file is named exactly, without a %token%, and is neither an INF nor a catalog.",
};

pub const RULES: &[&Rule] = &[
    &DESTINATION,
    &ISOLATION,
    &PLACE,
    &LISTED,
    &COPIED,
    &DISK,
    &NAME,
];

/// A file that a CopyFiles directive copies.
pub struct Copied {
    pub destination: String,
    pub source: String,
    pub line: usize,
    /// The section that lists it; none if the directive names the file itself.
    list: Option<String>,
}

/// Every file that is copied.
pub fn copied(context: &Context<'_>) -> Vec<Copied> {
    let mut files = Vec::new();
    for section in context.graph.used_as(context.inf, Role::FileList) {
        files.extend(section.entries.iter().map(|entry| Copied {
            destination: entry.value(0).to_owned(),
            source: match entry.value(1) {
                "" => entry.value(0).to_owned(),
                source => source.to_owned(),
            },
            line: entry.line,
            list: Some(section.name.clone()),
        }));
    }
    let sections = context
        .graph
        .installs
        .iter()
        .flat_map(|install| install.sections());
    for entry in sections.flat_map(|section| section.entries_of("CopyFiles")) {
        let named = entry
            .values
            .iter()
            .filter_map(|value| value.strip_prefix('@'));
        files.extend(named.map(|file| Copied {
            destination: file.to_owned(),
            source: file.to_owned(),
            line: entry.line,
            list: None,
        }));
    }
    files
}

pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let copied = copied(context);
    let listed = listed(context);
    isolation(context, findings);
    for file in &copied {
        let destination = destination(context, file);
        if destination.is_none() {
            let message = format!("{} has no destination", file.destination);
            findings.add(&DESTINATION, file.line, message);
        }
        if let Some(message) = unfit(&file.source) {
            findings.add(&NAME, file.line, message);
            continue;
        }
        let Some(entry) = listed.iter().find(|entry| entry.is(&file.source)) else {
            let message = format!("{} is not in [SourceDisksFiles]", file.source);
            findings.add(&LISTED, file.line, message);
            continue;
        };
        if !file.destination.eq_ignore_ascii_case(&file.source) {
            let message = format!("{} would be renamed {}", file.source, file.destination);
            findings.add(&PLACE, file.line, message);
        }
        let from = folder(&context.inf.expand(entry.value(1)));
        let to = destination.map(|entry| folder(&context.inf.expand(entry.value(1))));
        if let Some(to) = to.filter(|to| !to.eq_ignore_ascii_case(&from)) {
            let message = format!(
                "{} lies in the folder \"{from}\" and would go to \"{to}\"",
                file.source
            );
            findings.add(&PLACE, file.line, message);
        }
    }
    for entry in listed {
        let name = entry.key.as_deref().unwrap_or_default();
        if !copied
            .iter()
            .any(|file| file.source.eq_ignore_ascii_case(name))
        {
            findings.add(&COPIED, entry.line, format!("nothing copies {name}"));
        }
        let disk = entry.value(0);
        if !sections(context, "SourceDisksNames").any(|names| names.entry(disk).is_some()) {
            let message = format!("disk \"{disk}\" is not in [SourceDisksNames]");
            findings.add(&DISK, entry.line, message);
        }
    }
}

/// Why a name is none that CopyFiles may copy.
fn unfit(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if name.contains('%') {
        Some(format!("{name} is a token, not the name of a file"))
    } else if lower.ends_with(".inf") || lower.ends_with(".cat") {
        Some(format!("{name} is copied by Windows itself"))
    } else {
        None
    }
}

/// Sections of this name, undecorated and decorated with a platform.
fn sections<'a>(context: &Context<'a>, name: &'a str) -> impl Iterator<Item = &'a Section> {
    context.inf.sections.iter().filter(move |section| {
        let own = section.name.to_ascii_lowercase();
        let rest = own.strip_prefix(&name.to_ascii_lowercase());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn listed<'a>(context: &Context<'a>) -> Vec<&'a Entry> {
    sections(context, "SourceDisksFiles")
        .flat_map(|section| &section.entries)
        .collect()
}

/// The entry that says where a file goes.
fn destination<'a>(context: &Context<'a>, file: &Copied) -> Option<&'a Entry> {
    let section = context.inf.section("DestinationDirs")?;
    let own = file.list.as_deref().and_then(|list| section.entry(list));
    own.or_else(|| section.entry("DefaultDestDir"))
}

fn isolation(context: &Context<'_>, findings: &mut Findings) {
    let section = context.inf.section("DestinationDirs");
    for entry in section.into_iter().flat_map(|section| &section.entries) {
        let directory = entry.value(0);
        if directory != "13" {
            let name = entry.key.as_deref().unwrap_or_default();
            let message = format!("{name} goes to directory {directory}, not 13");
            findings.add(&ISOLATION, entry.line, message);
        }
    }
}

/// A folder of the package without backslashes around it.
fn folder(text: &str) -> String {
    text.trim_matches('\\').to_owned()
}
