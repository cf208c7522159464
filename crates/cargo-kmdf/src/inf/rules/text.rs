//! Rules about the text as such: encoding, lines, stamps, string tokens, and which section is used.

use super::super::syntax::{Part, parts};
use super::super::{Findings, Rule};
use super::Context;

pub static ENCODING: Rule = Rule {
    id: "text.encoding",
    page: "Creating International INF Files",
    explanation: "A file with characters outside ASCII is UTF-16, or each machine reads it in its \
                  own code page.",
};
pub static LINE: Rule = Rule {
    id: "text.line",
    page: "General Syntax Rules for INF Files",
    explanation: "Every line is a section's name in brackets or an entry below one, and closes \
                  what it opens.",
};
static STAMP: Rule = Rule {
    id: "text.stamp",
    page: "Using INX Files to Create INF Files",
    explanation: "No $NAME$ of the template is left for Windows to read.",
};
static SECTION_MISSING: Rule = Rule {
    id: "section.missing",
    page: "INF Validation Errors and Warnings",
    explanation: "Every section that a directive names is there (error 1203).",
};
static SECTION_UNUSED: Rule = Rule {
    id: "section.unused",
    page: "INF Validation Errors and Warnings",
    explanation: "Every section is used, or Windows never reads it (warning 2083).",
};
static SECTION_SHARED: Rule = Rule {
    id: "section.shared",
    page: "INF Validation Errors and Warnings",
    explanation: "No two different directives name the same section (warning 1205).",
};
static SECTION_UNIQUE: Rule = Rule {
    id: "section.unique",
    page: "General Syntax Rules for INF Files",
    explanation: "A section's name is given once; Windows would merge the parts.",
};
static STRING_MISSING: Rule = Rule {
    id: "strings.missing",
    page: "INF Strings Section",
    explanation: "Every %token% has its value in [Strings] (error 1235).",
};
static STRING_UNIQUE: Rule = Rule {
    id: "strings.unique",
    page: "INF Strings Section",
    explanation: "A string key is given once.",
};

pub const RULES: &[&Rule] = &[
    &ENCODING,
    &LINE,
    &STAMP,
    &SECTION_MISSING,
    &SECTION_UNUSED,
    &SECTION_SHARED,
    &SECTION_UNIQUE,
    &STRING_MISSING,
    &STRING_UNIQUE,
];

pub fn check(context: &Context<'_>, findings: &mut Findings) {
    sections(context, findings);
    references(context, findings);
    for section in &context.inf.sections {
        let strings = is_strings(&section.name);
        stamp(&section.name, section.line, findings);
        for entry in &section.entries {
            let texts: Vec<&String> = entry.key.iter().chain(&entry.values).collect();
            for text in texts {
                // The value of the signature is itself written between dollar signs.
                if !(section.name.eq_ignore_ascii_case("Version") && entry.is("Signature")) {
                    stamp(text, entry.line, findings);
                }
                if !strings {
                    tokens(context, text, entry.line, findings);
                }
            }
        }
        if strings {
            for (index, entry) in section.entries.iter().enumerate() {
                let key = entry.key.as_deref().unwrap_or_default();
                if section.entries[..index]
                    .iter()
                    .any(|earlier| earlier.is(key))
                {
                    findings.add(&STRING_UNIQUE, entry.line, format!("{key} is given again"));
                }
            }
        }
    }
}

fn is_strings(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "strings" || name.starts_with("strings.")
}

/// Finds `$NAME$`, of capital letters, digits and underscores.
fn stamp(text: &str, line: usize, findings: &mut Findings) {
    for word in super::super::stamp::tokens(text) {
        findings.add(&STAMP, line, format!("${word}$ is not stamped"));
    }
}

fn tokens(context: &Context<'_>, text: &str, line: usize, findings: &mut Findings) {
    for part in parts(text) {
        if let Part::Token(token) = part
            && token.parse::<i32>().is_err()
            && context.inf.string(token).is_none()
        {
            findings.add(
                &STRING_MISSING,
                line,
                format!("%{token}% is not in [Strings]"),
            );
        }
    }
}

fn sections(context: &Context<'_>, findings: &mut Findings) {
    for section in &context.inf.sections {
        for line in &section.reopened {
            let message = format!("[{}] is opened again", section.name);
            findings.add(&SECTION_UNIQUE, *line, message);
        }
        if !context.graph.uses(&section.name) {
            let message = format!("nothing names [{}]", section.name);
            findings.add(&SECTION_UNUSED, section.line, message);
        }
    }
}

fn references(context: &Context<'_>, findings: &mut Findings) {
    let references = &context.graph.references;
    for (index, reference) in references.iter().enumerate() {
        let (name, directive) = (&reference.name, reference.directive);
        if context.inf.section(name).is_none() {
            let message = format!("{directive} names [{name}], which is not there");
            findings.add(&SECTION_MISSING, reference.line, message);
        }
        let other = references[..index]
            .iter()
            .find(|other| other.name.eq_ignore_ascii_case(name) && other.directive != directive);
        if let Some(other) = other {
            let message = format!("{directive} and {} both name [{name}]", other.directive);
            findings.add(&SECTION_SHARED, reference.line, message);
        }
    }
}
