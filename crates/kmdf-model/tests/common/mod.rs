//! What the suite asserts of any framework, and what it asserts of the model alone.
//!
//! A test asserts what every correct framework does: statuses, values, the order of callbacks, bug
//! check codes and parameters. The model's own wording, and its stops over what Windows leaves
//! undefined, are asserted by [`model_only`], [`assert_stop_text`] and [`assert_model_stop`], which
//! do nothing when the suite is linked against another framework (`build.rs` says how). A test that
//! would corrupt memory there, or that is about what the model lacks, is marked
//! `#[cfg_attr(other_framework, ignore = "…")]` with the reason.

pub(crate) mod recorded;

// The framework. Another one is linked by `build.rs`.
#[cfg(not(other_framework))]
use kmdf_model as _;
use nt_model::{MODEL_STOP, Stop};

/// Whether the framework is the model.
pub(crate) const IS_MODEL: bool = cfg!(not(other_framework));

/// Makes assertions about the model's own wording and stops.
pub(crate) fn model_only(assertions: impl FnOnce()) {
    if IS_MODEL {
        assertions();
    }
}

/// Asserts the bug check and its first parameters.
#[track_caller]
pub(crate) fn assert_stop(stop: &Stop, code: u32, parameters: &[u64]) {
    assert_eq!(stop.code, code, "{stop}");
    assert_eq!(stop.parameters[..parameters.len()], *parameters, "{stop}");
}

/// Asserts the model's message of a stop.
#[track_caller]
pub(crate) fn assert_stop_text(stop: &Stop, text: &str) {
    if IS_MODEL {
        assert!(stop.message.contains(text), "{stop}");
    }
}

/// Asserts that the model itself stopped the run, for something that is undefined on Windows or not
/// modelled. With another framework, only asserts that the run stopped.
#[track_caller]
pub(crate) fn assert_model_stop(stop: &Stop, text: &str) {
    if IS_MODEL {
        assert_eq!(stop.code, MODEL_STOP, "{stop}");
        assert_stop_text(stop, text);
    }
}
