//! The checker: every documented rule of this program, run over one INF file.

use super::graph::Graph;
use super::rules::{self, Context};
use super::{Finding, Findings, Rule, syntax};

/// What this project's INF must say that another's need not.
pub struct Expectations {
    /// The first Windows build that the models may be meant for.
    pub floor: u32,
    /// The framework version that the driver binds to.
    pub kmdf: (u32, u32),
}

/// Checks the bytes of an INF file. An empty answer means that nothing was found.
pub fn check(bytes: &[u8], expectations: &Expectations) -> Vec<Finding> {
    let mut findings = Findings::default();
    let inf = syntax::parse(bytes, &mut findings);
    let graph = Graph::new(&inf);
    let context = Context {
        inf: &inf,
        graph: &graph,
        expectations,
    };
    rules::check(&context, &mut findings);
    findings.sorted()
}

/// The hardware and compatible identifiers that an INF file gives, each once.
pub fn hardware_identifiers(bytes: &[u8]) -> Vec<String> {
    let inf = syntax::parse(bytes, &mut Findings::default());
    let graph = Graph::new(&inf);
    let mut identifiers: Vec<String> = Vec::new();
    for entry in graph.models.iter().flat_map(|section| &section.entries) {
        for value in entry
            .values
            .iter()
            .skip(1)
            .filter(|value| !value.is_empty())
        {
            let value = inf.expand(value);
            if !identifiers
                .iter()
                .any(|own| own.eq_ignore_ascii_case(&value))
            {
                identifiers.push(value);
            }
        }
    }
    identifiers
}

/// Every rule that [`check`] knows, in the order of their names.
pub fn rules() -> Vec<&'static Rule> {
    rules::all()
}

#[cfg(test)]
mod tests;
