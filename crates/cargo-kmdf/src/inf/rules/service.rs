//! Rules about the services that a driver package installs.

use super::super::graph::Role;
use super::super::syntax::Section;
use super::super::{Findings, Rule};
use super::{Context, files, number};

const PAGE: &str = "INF AddService Directive";

static PRESENT: Rule = Rule {
    id: "service.present",
    page: "INF DDInstall.Services Section",
    explanation: "Each section that installs a device has a .Services section of the same \
                  decoration (error 1296).",
};
static FUNCTION_DRIVER: Rule = Rule {
    id: "service.function-driver",
    page: PAGE,
    explanation: "Exactly one service of a device is its function driver: flag 0x2.",
};
static FLAGS: Rule = Rule {
    id: "service.flags",
    page: PAGE,
    explanation: "The flags of AddService are a number made of bits that the page gives, none of \
                  which a PnP driver must leave alone.",
};
static ENTRIES: Rule = Rule {
    id: "service.entries",
    page: PAGE,
    explanation: "A service has ServiceType, StartType, ErrorControl and ServiceBinary.",
};
static KIND: Rule = Rule {
    id: "service.type",
    page: PAGE,
    explanation: "A kernel-mode device driver has ServiceType 1.",
};
static START: Rule = Rule {
    id: "service.start",
    page: PAGE,
    explanation: "StartType is 3; 0 is for the driver of a device that the system boots from, 1 for \
                  one that detects devices, and 2 and 4 for no driver of a device.",
};
static ERROR_CONTROL: Rule = Rule {
    id: "service.error-control",
    page: PAGE,
    explanation: "ErrorControl is 0 or 1; 2 and 3, which may stop the system from booting, are for \
                  a driver with StartType 0.",
};
static BINARY: Rule = Rule {
    id: "service.binary",
    page: "Driver Package Isolation",
    explanation: "ServiceBinary is %13%\\ and a file that the package copies.",
};
static DIRECTIVE: Rule = Rule {
    id: "service.directive",
    page: PAGE,
    explanation: "A service's section has only entries that the page lists.",
};

pub const RULES: &[&Rule] = &[
    &PRESENT,
    &FUNCTION_DRIVER,
    &FLAGS,
    &ENTRIES,
    &KIND,
    &START,
    &ERROR_CONTROL,
    &BINARY,
    &DIRECTIVE,
];

const FUNCTION_DRIVER_FLAG: u32 = 0x2;

/// Flags of AddService that a PnP function driver may have: that it is one, and what an earlier
/// installation keeps of its display name, start type, error control and description.
const ALLOWED_FLAGS: u32 = 0x2 | 0x8 | 0x10 | 0x20 | 0x100 | 0x400;

const REQUIRED: [&str; 4] = ["ServiceType", "StartType", "ErrorControl", "ServiceBinary"];

/// Entries that a service may have beside the required ones. DelReg and BitReg are not among them:
/// they are not declarative.
const OPTIONAL: [&str; 14] = [
    "AddReg",
    "AddTrigger",
    "BootFlags",
    "DelayedAutoStart",
    "Dependencies",
    "Description",
    "DisplayName",
    "FailureActions",
    "LoadOrderGroup",
    "RequiredPrivileges",
    "Security",
    "ServiceSidType",
    "StartName",
    "UserServiceFlags",
];

pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for install in &context.graph.installs {
        let Some(services) = install.extension("Services") else {
            let message = format!("[{}.Services] is missing", install.section.name);
            findings.add(&PRESENT, install.section.line, message);
            continue;
        };
        functions(context, services, findings);
    }
    for section in context.graph.used_as(context.inf, Role::Service) {
        service(context, section, findings);
    }
}

/// Checks the AddService entries of one device.
fn functions(context: &Context<'_>, services: &Section, findings: &mut Findings) {
    let mut functions = 0;
    for entry in services.entries_of("AddService") {
        let text = context.inf.expand(entry.value(1));
        let flags = match text.as_str() {
            "" => Some(0),
            text => number(text),
        };
        match flags {
            None => {
                findings.add(&FLAGS, entry.line, format!("\"{text}\" is no number"));
                functions += 1;
            }
            Some(flags) => {
                let unfit = flags & !ALLOWED_FLAGS;
                if unfit != 0 {
                    let message = format!("flag {unfit:#x} is none for a PnP driver");
                    findings.add(&FLAGS, entry.line, message);
                }
                functions += u32::from(flags & FUNCTION_DRIVER_FLAG != 0);
            }
        }
    }
    if functions != 1 {
        let message = format!("[{}] has {functions} function drivers", services.name);
        findings.add(&FUNCTION_DRIVER, services.line, message);
    }
}

fn service(context: &Context<'_>, section: &Section, findings: &mut Findings) {
    for key in REQUIRED {
        let Some(entry) = section.entry(key) else {
            let message = format!("[{}] has no {key}", section.name);
            findings.add(&ENTRIES, section.line, message);
            continue;
        };
        let value = context.inf.expand(entry.value(0));
        let boots = section
            .entry("StartType")
            .map(|entry| context.inf.expand(entry.value(0)));
        let boots = boots.and_then(|start| number(&start)) == Some(0);
        let (rule, fits, wanted) = match key {
            "ServiceType" => (&KIND, number(&value) == Some(1), "1, a kernel driver"),
            "StartType" => (
                &START,
                matches!(number(&value), Some(0 | 1 | 3)),
                "3, on demand",
            ),
            "ErrorControl" => (
                &ERROR_CONTROL,
                number(&value).is_some_and(|value| value <= if boots { 3 } else { 1 }),
                "0 or 1",
            ),
            _ => (
                &BINARY,
                is_copied(context, &value),
                "%13%\\ and a copied file",
            ),
        };
        if !fits {
            let message = format!("{key} is \"{value}\", not {wanted}");
            findings.add(rule, entry.line, message);
        }
    }
    for entry in &section.entries {
        let key = entry.key.as_deref().unwrap_or(entry.value(0));
        let known = |name: &&str| key.eq_ignore_ascii_case(name);
        if !REQUIRED.iter().chain(&OPTIONAL).any(known) {
            findings.add(
                &DIRECTIVE,
                entry.line,
                format!("{key} is no entry of a service"),
            );
        }
    }
}

/// Whether a path is one of the package's files in the driver store.
fn is_copied(context: &Context<'_>, path: &str) -> bool {
    let Some(file) = path.strip_prefix("%13%\\") else {
        return false;
    };
    let name = file.rsplit('\\').next().unwrap_or(file);
    let copied = files::copied(context);
    copied
        .iter()
        .any(|copied| copied.destination.eq_ignore_ascii_case(name))
}
