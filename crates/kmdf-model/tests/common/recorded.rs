//! The results of Microsoft's framework that `real-framework.toml` records.

use super::IS_MODEL;
use std::collections::BTreeMap;

/// The results, with the suite that reproduces each.
const RECORDED: &str = include_str!("../real-framework.toml");

/// Obtains the result of the framework that the suite runs over, as the record spells it.
pub(crate) type Probe = fn() -> String;

/// Runs the probe of every result that is recorded for the suite, and compares. `source` is the text of a
/// module of the suite, by its path.
pub(crate) fn compare(
    suite: &str,
    probes: &[(&str, Probe)],
    source: impl Fn(&str) -> Option<&'static str>,
) {
    let record: toml::Table = RECORDED.parse().expect("real-framework.toml is TOML");
    let results = record["result"].as_array().expect("a list of results");
    let mut probes: BTreeMap<_, _> = probes.iter().copied().collect();
    let mut departures = Vec::new();
    for result in results
        .iter()
        .filter(|result| result["suite"].as_str() == Some(suite))
    {
        let text = |key: &str| result[key].as_str().expect("a text");
        let id = text("id");
        for test in result["tests"].as_array().expect("a list of tests") {
            let (module, name) = test
                .as_str()
                .and_then(|test| test.rsplit_once("::"))
                .expect("a path");
            let exists = source(module).is_some_and(|text| text.contains(&format!("fn {name}()")));
            assert!(exists, "{id}: there is no test {module}::{name}");
        }
        let probe = probes
            .remove(id)
            .unwrap_or_else(|| panic!("no probe for {id}"));
        let (recorded, given) = (text("value"), probe());
        if given != recorded {
            departures.push(format!(
                "{}: KMDF 1.33 gave {recorded} ({}), {} gives {given}",
                text("observed"),
                text("source"),
                if IS_MODEL {
                    "the model"
                } else {
                    "the framework linked here"
                },
            ));
        }
    }
    assert!(probes.is_empty(), "not recorded: {:?}", probes.keys());
    assert!(departures.is_empty(), "{}", departures.join("\n"));
}
