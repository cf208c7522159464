//! Rules of the Version section.

use super::super::syntax::{Entry, Section};
use super::super::{Findings, Rule};
use super::Context;
use x509_cert::der::DateTime;

const PAGE: &str = "INF Version Section";

static PRESENT: Rule = Rule {
    id: "version.present",
    page: PAGE,
    explanation: "Every INF has a Version section.",
};
static SIGNATURE: Rule = Rule {
    id: "version.signature",
    page: PAGE,
    explanation: "Signature is $Windows NT$ or $Chicago$, or the file is no INF to Windows.",
};
static CLASS: Rule = Rule {
    id: "version.class",
    page: PAGE,
    explanation: "Class and ClassGuid are both given: a device's driver needs them.",
};
static CLASS_GUID: Rule = Rule {
    id: "version.class-guid",
    page: "System-Defined Device Setup Classes Available to Vendors",
    explanation: "ClassGuid is a GUID in braces, and that of the class where Windows defines it.",
};
static PROVIDER: Rule = Rule {
    id: "version.provider",
    page: "INF Validation Errors and Warnings",
    explanation: "Provider is given and is not Microsoft (error 1204).",
};
static CATALOG: Rule = Rule {
    id: "version.catalog",
    page: PAGE,
    explanation: "CatalogFile names one .cat file beside the INF, or the package counts as \
                  unsigned (error 1233).",
};
static DRIVER_VERSION: Rule = Rule {
    id: "version.driver-version",
    page: "INF DriverVer Directive",
    explanation: "DriverVer is mm/dd/yyyy,w.x.y.z: a day of the calendar, four numbers below 65535 \
                  (error 1217).",
};
static LOCKDOWN: Rule = Rule {
    id: "version.lockdown",
    page: PAGE,
    explanation: "PnpLockdown is 1, so that no program changes the installed files.",
};
static RESERVED: Rule = Rule {
    id: "version.reserved",
    page: PAGE,
    explanation: "Nothing is given that only the INFs of Windows itself may have.",
};

pub const RULES: &[&Rule] = &[
    &PRESENT,
    &SIGNATURE,
    &CLASS,
    &CLASS_GUID,
    &PROVIDER,
    &CATALOG,
    &DRIVER_VERSION,
    &LOCKDOWN,
    &RESERVED,
];

/// Classes that a software device may choose, with their GUIDs.
const CLASSES: [(&str, &str); 12] = [
    ("System", "4d36e97d-e325-11ce-bfc1-08002be10318"),
    ("SoftwareComponent", "5c4c3332-344d-483c-8739-259e934c9cc8"),
    ("Extension", "e2f84ce7-8efa-411c-aa69-97454ca4cb57"),
    ("HIDClass", "745a17a0-74d3-11d0-b6fe-00a0c90f57da"),
    ("Keyboard", "4d36e96b-e325-11ce-bfc1-08002be10318"),
    ("Media", "4d36e96c-e325-11ce-bfc1-08002be10318"),
    ("MTD", "4d36e970-e325-11ce-bfc1-08002be10318"),
    ("Net", "4d36e972-e325-11ce-bfc1-08002be10318"),
    ("Ports", "4d36e978-e325-11ce-bfc1-08002be10318"),
    ("SCSIAdapter", "4d36e97b-e325-11ce-bfc1-08002be10318"),
    ("Sensor", "5175d334-c371-4806-b3ba-71fd53c9258d"),
    ("USBDevice", "88bae032-5a81-49f0-bc3d-a4ff138216d6"),
];

pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let Some(section) = context.inf.section("Version") else {
        let message = "there is no [Version] section";
        findings.add(&PRESENT, context.inf.last_line, message);
        return;
    };
    let (line, value) = found(context, section, "Signature");
    if !["$windows nt$", "$chicago$"].contains(&value.to_ascii_lowercase().as_str()) {
        let message = format!("Signature is \"{value}\", not \"$Windows NT$\"");
        findings.add(&SIGNATURE, line, message);
    }
    class(context, section, findings);
    let (line, value) = found(context, section, "Provider");
    if value.is_empty() || value.eq_ignore_ascii_case("Microsoft") {
        let message = format!("Provider is \"{value}\"");
        findings.add(&PROVIDER, line, message);
    }
    let (line, value) = found(context, section, "CatalogFile");
    let name = value.strip_suffix(".cat").unwrap_or_default();
    if name.is_empty() || name.contains(['\\', '/', ':']) {
        let message = format!("CatalogFile is \"{value}\", not the name of a .cat file");
        findings.add(&CATALOG, line, message);
    }
    driver_versions(context, section, findings);
    let (line, value) = found(context, section, "PnpLockdown");
    if super::number(&value) != Some(1) {
        findings.add(
            &LOCKDOWN,
            line,
            format!("PnpLockdown is \"{value}\", not 1"),
        );
    }
    for key in ["DontReflectOffline", "LayoutFile"] {
        for entry in section.entries_of(key) {
            findings.add(&RESERVED, entry.line, format!("{key} is for Windows alone"));
        }
    }
}

/// The line and value of an entry; the section's line and nothing where it is missing.
fn found(context: &Context<'_>, section: &Section, key: &str) -> (usize, String) {
    match section.entry(key) {
        Some(entry) => (entry.line, context.inf.expand(entry.value(0))),
        None => (section.line, String::new()),
    }
}

fn class(context: &Context<'_>, section: &Section, findings: &mut Findings) {
    let (line, class) = found(context, section, "Class");
    let (guid_line, guid) = found(context, section, "ClassGuid");
    if class.is_empty() || class.chars().count() > 32 {
        findings.add(&CLASS, line, format!("Class is \"{class}\""));
    }
    if guid.is_empty() {
        findings.add(&CLASS, guid_line, "ClassGuid is not given");
        return;
    }
    let Some(digits) = guid_digits(&guid) else {
        let message = format!("ClassGuid is \"{guid}\", not a GUID in braces");
        findings.add(&CLASS_GUID, guid_line, message);
        return;
    };
    for (name, known) in CLASSES {
        let (same_name, same_guid) = (class.eq_ignore_ascii_case(name), digits == known);
        if !class.is_empty() && same_name != same_guid {
            let message = format!("the class {name} has the ClassGuid {{{known}}}");
            findings.add(&CLASS_GUID, guid_line, message);
        }
    }
}

/// The inside of `{nnnnnnnn-nnnn-nnnn-nnnn-nnnnnnnnnnnn}`, in small letters.
fn guid_digits(text: &str) -> Option<String> {
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    let groups: Vec<&str> = inside.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let hexadecimal = groups
        .iter()
        .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (lengths == [8, 4, 4, 4, 12] && hexadecimal).then(|| inside.to_ascii_lowercase())
}

/// Checks the DriverVer of the file and those of single drivers, which take precedence.
fn driver_versions(context: &Context<'_>, version: &Section, findings: &mut Findings) {
    if version.entry("DriverVer").is_none() {
        findings.add(&DRIVER_VERSION, version.line, "DriverVer is not given");
    }
    let installs = context.graph.installs.iter().map(|install| install.section);
    for section in std::iter::once(version).chain(installs) {
        for entry in section.entries_of("DriverVer") {
            if let Some(message) = driver_version(context, entry) {
                findings.add(&DRIVER_VERSION, entry.line, message);
            }
        }
    }
}

fn driver_version(context: &Context<'_>, entry: &Entry) -> Option<String> {
    let date = context.inf.expand(entry.value(0));
    let version = context.inf.expand(entry.value(1));
    let numbers: Vec<&str> = version.split('.').collect();
    let fits = |number: &&str| {
        number.bytes().all(|byte| byte.is_ascii_digit())
            && number.parse::<u32>().is_ok_and(|number| number < 65535)
    };
    if !is_date(&date) {
        Some(format!(
            "the date of DriverVer is \"{date}\", not a day as mm/dd/yyyy"
        ))
    } else if numbers.len() != 4 || !numbers.iter().all(fits) {
        Some(format!(
            "the version of DriverVer is \"{version}\", not w.x.y.z"
        ))
    } else {
        None
    }
}

fn is_date(text: &str) -> bool {
    let fields: Vec<&str> = text.split(['/', '-']).collect();
    let [month, day, year] = fields[..] else {
        return false;
    };
    let fits = [month, day, year].map(str::len) == [2, 2, 4] && !text.contains('+');
    let (Ok(month), Ok(day), Ok(year)) = (month.parse(), day.parse(), year.parse()) else {
        return false;
    };
    fits && DateTime::new(year, month, day, 0, 0, 0).is_ok()
}
