//! INF files: reading, stamping a template, and checking against the documented rules.

mod checker;
mod contents;
mod graph;
mod rules;
mod sddl;
mod stamp;
mod syntax;
pub mod task;

pub use checker::{Expectations, check, rules};
pub use contents::{Contents, contents};
pub use stamp::{Stamp, stamp};

use std::fmt;

/// A documented rule that an INF file can break.
pub struct Rule {
    /// Short name, stable across versions of this program.
    pub id: &'static str,
    /// Title of the documentation page that states the rule.
    pub page: &'static str,
    /// What the rule asks, and why.
    pub explanation: &'static str,
}

/// One place where an INF file breaks a rule.
pub struct Finding {
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// Line number, from 1; the last line of the file for what is missing altogether.
    pub line: usize,
    /// What was found there.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "line {}: {} [{}, \"{}\"]",
            self.line, self.message, self.rule.id, self.rule.page
        )
    }
}

/// What is found while a file is read or checked, in the order found.
#[derive(Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Notes that a rule is broken.
    pub fn add(&mut self, rule: &'static Rule, line: usize, message: impl Into<String>) {
        self.0.push(Finding {
            rule,
            line,
            message: message.into(),
        });
    }

    /// The findings in the order of their lines.
    pub fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.line);
        self.0
    }
}
