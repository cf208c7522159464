//! Rules about manufacturers, models, and the sections that install a device.

use super::super::graph::models_names;
use super::super::syntax::Section;
use super::super::{Findings, Rule};
use super::Context;

static PRESENT: Rule = Rule {
    id: "models.present",
    page: "INF Manufacturer Section",
    explanation: "An INF that installs a device has a Manufacturer section, which leads to models.",
};
static MIXED: Rule = Rule {
    id: "models.mixed",
    page: "INF Validation Errors and Warnings",
    explanation: "An INF does not have both a Manufacturer and a DefaultInstall section \
                  (error 1212).",
};
static DECORATION: Rule = Rule {
    id: "models.decoration",
    page: "INF Manufacturer Section",
    explanation: "A decoration is nt[Architecture][.Major[.Minor[.Product[.Suite[.Build]]]]], and \
                  names its architecture (warning 2223).",
};
static FLOOR: Rule = Rule {
    id: "models.floor",
    page: "Combining Platform Extensions with Operating System Versions",
    explanation: "A decoration's version and build are not below the first Windows that the driver \
                  is meant for.",
};
static ARCHITECTURE: Rule = Rule {
    id: "models.architecture",
    page: "INF Manufacturer Section",
    explanation: "A manufacturer has models for amd64, as the image is.",
};
static IDENTIFIER: Rule = Rule {
    id: "models.identifier",
    page: "INF Models Section",
    explanation: "Each model has a hardware or compatible identifier: enumerator\\id, or *id, without \
                  spaces and commas, of fewer than 200 characters (\"Hardware IDs\").",
};
static DECLARATIVE: Rule = Rule {
    id: "install.declarative",
    page: "INF Validation Errors and Warnings",
    explanation: "Nothing is done that a declarative INF cannot say: no co-installers, deletions, \
                  renaming, INI files or registered libraries (errors 1300 to 1303, warning 2222).",
};
static DIRECTIVE: Rule = Rule {
    id: "install.directive",
    page: "INF DDInstall Section",
    explanation: "A section that installs a device has only entries that belong there.",
};

pub const RULES: &[&Rule] = &[
    &PRESENT,
    &MIXED,
    &DECORATION,
    &FLOOR,
    &ARCHITECTURE,
    &IDENTIFIER,
    &DECLARATIVE,
    &DIRECTIVE,
];

/// Directives that a declarative INF does not use, wherever they stand.
const LEGACY: [&str; 16] = [
    "BitReg",
    "CoInstallers",
    "DelFiles",
    "DelProperty",
    "DelReg",
    "DelService",
    "Ini2Reg",
    "LogConfig",
    "ProfileItems",
    "Reboot",
    "RegisterDlls",
    "RenFiles",
    "Restart",
    "UnregisterDlls",
    "UpdateIniFields",
    "UpdateInis",
];

/// Entries that an install section itself may have.
const DIRECTIVES: [&str; 7] = [
    "AddProperty",
    "AddReg",
    "CopyFiles",
    "CopyINF",
    "DriverVer",
    "ExcludeID",
    "FeatureScore",
];

/// Entries that each extension of one may have.
const EXTENSION_DIRECTIVES: [(&str, &[&str]); 8] = [
    ("Services", &["AddService"]),
    ("HW", &["AddReg"]),
    ("Wdf", &["KmdfService"]),
    ("Interfaces", &["AddInterface"]),
    ("Events", &["AddEventProvider"]),
    ("Components", &["AddComponent"]),
    ("Software", &["AddSoftware"]),
    ("Filters", &["AddFilter"]),
];

/// Entries that take in sections of Windows's own INFs.
const INCLUDING: [&str; 2] = ["Include", "Needs"];

pub fn check(context: &Context<'_>, findings: &mut Findings) {
    manufacturers(context, findings);
    for entry in context
        .graph
        .models
        .iter()
        .flat_map(|section| &section.entries)
    {
        if entry.values.iter().skip(1).all(String::is_empty) {
            let name = entry.key.as_deref().unwrap_or_default();
            findings.add(&IDENTIFIER, entry.line, format!("{name} has no identifier"));
        }
        let identifiers = entry.values.iter().skip(1).filter(|own| !own.is_empty());
        for identifier in identifiers.map(|own| context.inf.expand(own)) {
            if !is_identifier(&identifier) {
                let message =
                    format!("\"{identifier}\" is no identifier that a bus driver reports");
                findings.add(&IDENTIFIER, entry.line, message);
            }
        }
    }
    for install in &context.graph.installs {
        directives(install.section, &DIRECTIVES, findings);
        for (extension, section) in &install.extensions {
            let own = EXTENSION_DIRECTIVES
                .iter()
                .find(|(name, _)| name == extension);
            match own {
                Some((_, allowed)) => directives(section, allowed, findings),
                None => {
                    let message = format!("[{}] is not declarative", section.name);
                    findings.add(&DECLARATIVE, section.line, message);
                }
            }
        }
    }
}

/// Whether a bus driver, or a program that creates a device, may report this hardware ID.
fn is_identifier(text: &str) -> bool {
    let named = match text.split_once('\\') {
        Some((enumerator, id)) => !enumerator.is_empty() && !id.is_empty(),
        None => text.starts_with('*') && text.len() > 1,
    };
    named
        && text.len() < 200
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// Checks that a section has only entries that are declarative and belong there.
fn directives(section: &Section, allowed: &[&str], findings: &mut Findings) {
    for entry in &section.entries {
        let directive = entry.key.as_deref().unwrap_or(entry.value(0));
        let named = |name: &&str| directive.eq_ignore_ascii_case(name);
        if LEGACY.iter().any(named) {
            let message = format!("{directive} is not declarative");
            findings.add(&DECLARATIVE, entry.line, message);
        } else if !allowed.iter().chain(&INCLUDING).any(named) {
            let message = format!("{directive} does not belong in [{}]", section.name);
            findings.add(&DIRECTIVE, entry.line, message);
        }
    }
}

fn manufacturers(context: &Context<'_>, findings: &mut Findings) {
    let section = context
        .inf
        .section("Manufacturer")
        .filter(|found| !found.entries.is_empty());
    let Some(section) = section else {
        let line = context.inf.last_line;
        findings.add(
            &PRESENT,
            line,
            "there is no [Manufacturer] section with an entry",
        );
        return;
    };
    let default = |name: &str| name.to_ascii_lowercase().starts_with("defaultinstall");
    if let Some(other) = context
        .inf
        .sections
        .iter()
        .find(|other| default(&other.name))
    {
        let message = format!("[{}] stands beside [Manufacturer]", other.name);
        findings.add(&MIXED, other.line, message);
    }
    for entry in &section.entries {
        let base = context.inf.expand(entry.value(0));
        let names = models_names(context.inf, entry);
        let architectures = names.iter().map(|name| {
            let decoration = name[base.len()..].trim_start_matches('.');
            decorated(context, decoration, entry.line, findings)
        });
        // A decoration that cannot be read is a finding of its own.
        let others: Option<Vec<_>> = architectures.collect();
        if let Some(others) = others.filter(|others| !others.iter().any(|own| own == "amd64")) {
            let message = format!("the models are for {} alone", others.join(" and "));
            findings.add(&ARCHITECTURE, entry.line, message);
        }
    }
}

/// Checks one decoration such as `NTamd64.10.0...17763`, and returns its architecture.
fn decorated(
    context: &Context<'_>,
    decoration: &str,
    line: usize,
    findings: &mut Findings,
) -> Option<String> {
    let lower = decoration.to_ascii_lowercase();
    let fields: Vec<&str> = lower.split('.').collect();
    let architecture = fields[0].strip_prefix("nt");
    let known = ["x86", "ia64", "amd64", "arm", "arm64"];
    let architecture = architecture.filter(|architecture| known.contains(architecture));
    let numbers: Option<Vec<Option<u32>>> = fields[1..]
        .iter()
        .map(|field| match *field {
            "" => Some(None),
            field => super::number(field).map(Some),
        })
        .collect();
    let (Some(architecture), Some(numbers)) = (architecture, numbers) else {
        let message = format!("\"{decoration}\" is no decoration with an architecture");
        findings.add(&DECORATION, line, message);
        return None;
    };
    if numbers.len() > 5 {
        let message = format!("\"{decoration}\" has more fields than a decoration");
        findings.add(&DECORATION, line, message);
        return None;
    }
    let field = |index: usize| numbers.get(index).copied().flatten().unwrap_or_default();
    let floor = context.expectations.floor;
    if (field(0), field(1), field(4)) < (10, 0, floor) {
        let message = format!("\"{decoration}\" reaches below 10.0...{floor}");
        findings.add(&FLOOR, line, message);
    }
    Some(architecture.to_owned())
}
