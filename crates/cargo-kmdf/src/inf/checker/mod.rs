//! The checker: every documented rule of this program, run over one INF file.

use super::graph::Graph;
use super::rules::{self, Context};
use super::{Finding, Findings, Rule, syntax};
use crate::driver::Driver;
use crate::release::FLOOR;

/// What an INF must say because of the driver that it installs.
pub struct Expectations {
    /// The first Windows build that the models may be meant for.
    pub floor: u32,
    /// The framework version that the driver binds to, where it is known.
    pub kmdf: Option<(u32, u32)>,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            floor: FLOOR,
            kmdf: None,
        }
    }
}

impl Expectations {
    /// What the INF of this driver must say.
    pub fn of(driver: &Driver) -> Self {
        Self {
            floor: driver.floor,
            kmdf: Some(driver.release.kmdf),
        }
    }
}

/// Checks the bytes of an INF file. An empty list means that nothing was found.
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

/// Every rule that [`check`] knows, in the order of their names.
pub fn rules() -> Vec<&'static Rule> {
    rules::all()
}

#[cfg(test)]
mod tests;
