//! Random sequences of safe calls, against a model of what is alive and what it holds.
//!
//! A sequence makes, uses and drops values of every kind in the handlers of a small driver, at
//! PASSIVE_LEVEL and under a spin lock, on other threads and in the contexts of file objects, while
//! devices and file objects come and go. Each call must return what is documented, every byte must be
//! what was last written, no check of the models may fire, and at the end nothing may be left.
//!
//! `PROPTEST_CASES` sets the number of sequences.

#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "tests are named after what they show")]

mod driver;
mod machine;
mod step;
mod value;
mod world;

use driver::fx_driver_entry;
use kmdf_test::{Config, Scenario, Verifier, Windows};
use machine::Machine;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use step::{Step, sequence};

fn run(config: Config, steps: Vec<Step>) -> TestCaseResult {
    let scenario = Scenario::new("sequences", fx_driver_entry).config(config);
    let outcome = scenario.without_driver().try_run(move |test| {
        let mut machine = Machine::start(test)?;
        for (number, step) in steps.iter().enumerate() {
            machine
                .step(step)
                .map_err(|fault| format!("step {number}: {fault}"))?;
        }
        machine.finish()
    });
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(fault)) => Err(TestCaseError::fail(fault)),
        Err(failure) => Err(TestCaseError::fail(failure.to_string())),
    }
}

/// Versions with and without the exports of the kernel's lookaside lists, and lists that keep much
/// or nothing.
fn configurations(verifier: Verifier) -> impl Strategy<Value = Config> {
    let windows = prop::sample::select(vec![Windows::V10_1809, Windows::V11_23H2]);
    (windows, 0..5_u16).prop_map(move |(windows, lookaside_depth)| Config {
        verifier: verifier.clone(),
        windows,
        lookaside_depth,
        ..Config::default()
    })
}

fn cases(count: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = count;
    }
    config
}

proptest! {
    #![proptest_config(cases(60))]

    /// C2, C5, C8 to C12, P2, P3, P5 to P9, L2, L5, L6, E1 to E7, with every check of the models on.
    #[test]
    fn sequences_hold_with_all_checks(
        config in configurations(Verifier::standard()),
        steps in sequence(false),
    ) {
        run(config, steps)?;
    }

    /// The same without the verifier, so that lookaside lists give used entries again: C8, E3.
    #[test]
    fn sequences_hold_without_the_verifier(
        config in configurations(Verifier::off()),
        steps in sequence(false),
    ) {
        run(config, steps)?;
    }

    /// C7, P4, L3, E2: allocations fail here and there; the error arrives, and nothing else changes.
    #[test]
    fn sequences_survive_failing_allocations(
        config in configurations(Verifier::standard()),
        steps in sequence(true),
    ) {
        run(config, steps)?;
    }
}
