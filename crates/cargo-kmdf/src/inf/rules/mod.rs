//! The rules, one module for each part of an INF file.

mod files;
mod models;
mod registry;
mod service;
pub mod text;
mod version;
mod wdf;

use super::checker::Expectations;
use super::graph::Graph;
use super::syntax::Inf;
use super::{Findings, Rule};

/// What the rules look at.
pub struct Context<'a> {
    pub inf: &'a Inf,
    pub graph: &'a Graph<'a>,
    pub expectations: &'a Expectations,
}

/// Applies every rule to an INF file.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    text::check(context, findings);
    version::check(context, findings);
    files::check(context, findings);
    models::check(context, findings);
    service::check(context, findings);
    registry::check(context, findings);
    wdf::check(context, findings);
}

/// Every rule, in the order of their names.
pub fn all() -> Vec<&'static Rule> {
    let mut all = [
        text::RULES,
        version::RULES,
        files::RULES,
        models::RULES,
        service::RULES,
        registry::RULES,
        wdf::RULES,
    ]
    .concat();
    all.sort_by_key(|rule| rule.id);
    all
}

/// A number as INF files write it: decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
