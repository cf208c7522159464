//! [`Failure`], a run that ended with a bug check, and [`Refused`], a load, start or open that failed.

use kmdf_sys::NTSTATUS;
use nt_model::{NtStatus, Stop};
use std::fmt;
use std::ops::Deref;

/// A scenario that ended with a bug check.
#[derive(Clone)]
pub struct Failure {
    /// The bug check, with its parameters and the debug output before it.
    pub stop: Stop,
    /// The last calls of the framework that had returned an error, the oldest first.
    pub failed_calls: Vec<String>,
}

impl Deref for Failure {
    type Target = Stop;

    fn deref(&self) -> &Stop {
        &self.stop
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.stop)?;
        section(formatter, DEBUG_OUTPUT, &self.stop.debug_output)?;
        section(formatter, FAILED_CALLS, &self.failed_calls)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl std::error::Error for Failure {}

/// A driver that did not load, a device that did not start, or a file that did not open.
#[derive(Clone)]
pub struct Refused {
    /// What was asked for.
    pub(crate) what: String,
    /// The status that it failed with.
    pub status: NTSTATUS,
    /// The last calls of the framework that returned an error, the oldest first.
    pub failed_calls: Vec<String>,
}

impl Refused {
    pub(crate) fn new(what: impl Into<String>, status: NtStatus) -> Self {
        Self {
            what: what.into(),
            status: status.0,
            failed_calls: failed_calls(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed: {}", self.what, NtStatus(self.status))?;
        section(formatter, FAILED_CALLS, &self.failed_calls)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl std::error::Error for Refused {}

pub(crate) const DEBUG_OUTPUT: &str = "debug output";
pub(crate) const FAILED_CALLS: &str = "the last calls that returned an error";

/// Takes what the framework's recorder has, one line per call.
pub(crate) fn failed_calls() -> Vec<String> {
    let line = |call: kmdf_model::FailedCall| {
        let times = match call.times {
            1 => String::new(),
            times => format!(", {times} times"),
        };
        format!("{} -> {}{times}", call.call(), NtStatus(call.status))
    };
    let lines = kmdf_model::failed_calls().map(line).collect();
    kmdf_model::forget_failed_calls();
    lines
}

/// Writes lines under a heading, if there are any.
pub(crate) fn section(to: &mut impl fmt::Write, heading: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    write!(to, "\n  {heading}:")?;
    lines.iter().try_for_each(|line| write!(to, "\n    {line}"))
}
