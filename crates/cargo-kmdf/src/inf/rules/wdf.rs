//! Rules about the section that binds a driver to the framework.

use super::super::graph::Role;
use super::super::syntax::Entry;
use super::super::{Findings, Rule};
use super::Context;

static SERVICE: Rule = Rule {
    id: "wdf.service",
    page: "Specifying the KMDF Co-installer in an INF File",
    explanation: "Each section that installs a device has a .Wdf section, whose KmdfService names \
                  the service that AddService installs.",
};
static LIBRARY: Rule = Rule {
    id: "wdf.library-version",
    page: "Specifying the KMDF Co-installer in an INF File",
    explanation: "KmdfLibraryVersion is major.minor, and the version that the driver binds to.",
};

pub const RULES: &[&Rule] = &[&SERVICE, &LIBRARY];

pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for install in &context.graph.installs {
        let entry = install
            .extension("Wdf")
            .and_then(|section| section.entry("KmdfService"));
        let Some(entry) = entry else {
            let message = format!("[{}.Wdf] names no KmdfService", install.section.name);
            findings.add(&SERVICE, install.section.line, message);
            continue;
        };
        // A missing Services section is another rule's finding.
        let Some(services) = install.extension("Services") else {
            continue;
        };
        let service = context.inf.expand(entry.value(0));
        let installs = |own: &Entry| {
            context
                .inf
                .expand(own.value(0))
                .eq_ignore_ascii_case(&service)
        };
        if !services.entries_of("AddService").any(installs) {
            let message = format!("KmdfService is {service}, which AddService does not install");
            findings.add(&SERVICE, entry.line, message);
        }
    }
    for section in context.graph.used_as(context.inf, Role::Wdf) {
        let entry = section.entry("KmdfLibraryVersion");
        let value = entry.map_or(String::new(), |entry| context.inf.expand(entry.value(0)));
        let line = entry.map_or(section.line, |entry| entry.line);
        match context.expectations.kmdf {
            Some((major, minor)) if value != format!("{major}.{minor}") => {
                let message = format!(
                    "KmdfLibraryVersion is \"{value}\", and the driver binds to {major}.{minor}"
                );
                findings.add(&LIBRARY, line, message);
            }
            None if !is_version(&value) => {
                let message = format!("KmdfLibraryVersion is \"{value}\", not major.minor");
                findings.add(&LIBRARY, line, message);
            }
            _ => {}
        }
    }
}

fn is_version(text: &str) -> bool {
    let number = |part: &str| part.parse::<u16>().is_ok();
    text.split_once('.')
        .is_some_and(|(major, minor)| number(major) && number(minor))
}
