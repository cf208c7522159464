//! What went wrong, in words: a bug check, or a driver, device or file that could not be had.

use kmdf_sys::NTSTATUS;
use nt_model::{NtStatus, Stop};
use std::fmt;

/// A scenario that ended with a bug check.
#[derive(Clone)]
pub struct Failure {
    /// The bug check.
    pub stop: Stop,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.stop)?;
        section(formatter, "debug output", &self.stop.debug_output)
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
    pub(crate) what: &'static str,
    /// The status that it failed with.
    pub status: NTSTATUS,
}

impl Refused {
    pub(crate) fn new(what: &'static str, status: NtStatus) -> Self {
        Self {
            what,
            status: status.0,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed: {}", self.what, NtStatus(self.status))
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl std::error::Error for Refused {}

/// Writes lines under a heading, if there are any.
pub(crate) fn section(to: &mut impl fmt::Write, heading: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    write!(to, "\n  {heading}:")?;
    lines.iter().try_for_each(|line| write!(to, "\n    {line}"))
}
