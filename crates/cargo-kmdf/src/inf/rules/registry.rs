//! Rules about what a driver package writes into the registry, and its security descriptors.

use super::super::graph::Role;
use super::super::syntax::{Entry, Section};
use super::super::{Findings, Rule, sddl};
use super::{Context, number};

static ROOT: Rule = Rule {
    id: "registry.root",
    page: "Driver Package Isolation",
    explanation: "Values are written relative to the device or service, under HKR alone \
                  (errors 1221, 1304 and 1323).",
};
static TYPE: Rule = Rule {
    id: "registry.type",
    page: "INF AddReg Directive",
    explanation: "The flags of an entry are a type that the page gives and none that appends or \
                  deletes (error 1305); a number's value is one.",
};
static COINSTALLER: Rule = Rule {
    id: "registry.coinstaller",
    page: "INF Validation Errors and Warnings",
    explanation: "No co-installer is registered (error 1303).",
};
static DESCRIPTOR: Rule = Rule {
    id: "security.descriptor",
    page: "Security Descriptor String Format",
    explanation: "A security descriptor is written in its definition language without a mistake.",
};
pub const RULES: &[&Rule] = &[&ROOT, &TYPE, &COINSTALLER, &DESCRIPTOR];

/// The types of AddReg: string, list, expandable string, number, bytes, none.
const TYPES: [u32; 6] = [0x0, 0x1_0000, 0x2_0000, 0x1_0001, 0x1, 0x2_0001];

/// Flags beside the type that change neither what was there before nor where it is written.
const NO_CLOBBER: u32 = 0x2;
const KEY_ONLY: u32 = 0x10;

const NUMBER: u32 = 0x1_0001;

pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for section in context.graph.used_as(context.inf, Role::Registry) {
        for entry in &section.entries {
            registry(context, entry, findings);
        }
        secured(context, &section.name, findings);
    }
    for section in context.graph.used_as(context.inf, Role::FileList) {
        secured(context, &section.name, findings);
    }
    for section in context.graph.used_as(context.inf, Role::Service) {
        for entry in section.entries_of("Security") {
            descriptor(&context.inf.expand(entry.value(0)), entry.line, findings);
        }
    }
}

fn registry(context: &Context<'_>, entry: &Entry, findings: &mut Findings) {
    let value = |index: usize| context.inf.expand(entry.value(index));
    let root = value(0);
    if !root.eq_ignore_ascii_case("HKR") {
        findings.add(&ROOT, entry.line, format!("{root} is written to, not HKR"));
    }
    let flags = match value(3).as_str() {
        "" => Some(0),
        flags => number(flags),
    };
    let kind = flags.map(|flags| flags & !(NO_CLOBBER | KEY_ONLY));
    if !kind.is_some_and(|kind| TYPES.contains(&kind)) {
        let message = format!("\"{}\" is no type of a declarative entry", value(3));
        findings.add(&TYPE, entry.line, message);
    } else if kind == Some(NUMBER) && number(&value(4)).is_none() {
        findings.add(&TYPE, entry.line, format!("\"{}\" is no number", value(4)));
    }
    if value(2).eq_ignore_ascii_case("CoInstallers32") {
        findings.add(&COINSTALLER, entry.line, "a co-installer is registered");
    }
    if value(1).is_empty() && value(2).eq_ignore_ascii_case("Security") {
        descriptor(&value(4), entry.line, findings);
    }
}

/// Checks the descriptor of a list's own `.security` section.
fn secured(context: &Context<'_>, list: &str, findings: &mut Findings) {
    let section: Option<&Section> = context.inf.section(&format!("{list}.security"));
    for entry in section.into_iter().flat_map(|section| &section.entries) {
        descriptor(&context.inf.expand(entry.value(0)), entry.line, findings);
    }
}

fn descriptor(text: &str, line: usize, findings: &mut Findings) {
    if let Err(mistake) = sddl::check(text) {
        findings.add(&DESCRIPTOR, line, format!("\"{text}\": {mistake}"));
    }
}
