//! The answers of Microsoft's framework that `real-framework.toml` records.

use super::IS_MODEL;
use std::collections::BTreeMap;

/// The answers, by what was asked of which suite.
const RECORDED: &str = include_str!("../real-framework.toml");

/// Gets a framework's answer to a question, as the record spells it.
pub(crate) type Question = fn() -> String;

/// Asks every question that is recorded for the suite, and compares. `source` is the text of a module
/// of the suite, by its path.
pub(crate) fn ask(
    suite: &str,
    questions: &[(&str, Question)],
    source: impl Fn(&str) -> Option<&'static str>,
) {
    let record: toml::Table = RECORDED.parse().expect("real-framework.toml is TOML");
    let answers = record["answer"].as_array().expect("a list of answers");
    let mut asked: BTreeMap<_, _> = questions.iter().copied().collect();
    let mut departures = Vec::new();
    for answer in answers
        .iter()
        .filter(|answer| answer["suite"].as_str() == Some(suite))
    {
        let text = |key: &str| answer[key].as_str().expect("a text");
        let id = text("id");
        for test in answer["tests"].as_array().expect("a list of tests") {
            let (module, name) = test
                .as_str()
                .and_then(|test| test.rsplit_once("::"))
                .expect("a path");
            let there = source(module).is_some_and(|text| text.contains(&format!("fn {name}()")));
            assert!(there, "{id}: there is no test {module}::{name}");
        }
        let ask = asked
            .remove(id)
            .unwrap_or_else(|| panic!("nobody asks: {id}"));
        let (recorded, given) = (text("answer"), ask());
        if given != recorded {
            departures.push(format!(
                "{}: KMDF 1.33 answered {recorded} ({}), {} answers {given}",
                text("asked"),
                text("source"),
                if IS_MODEL {
                    "the model"
                } else {
                    "the framework linked here"
                },
            ));
        }
    }
    assert!(
        asked.is_empty(),
        "asked, but not recorded: {:?}",
        asked.keys()
    );
    assert!(departures.is_empty(), "{}", departures.join("\n"));
}
