//! What the client needs of the system that the driver runs on, whichever it is.

use serde::Serialize;
use wdfmem_ioctl::{Status, Tag};

use crate::failure::Failure;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Its status.
    pub status: Status,
    /// How many bytes were transferred: of output, or from the second buffer with
    /// `METHOD_IN_DIRECT`.
    pub information: usize,
}

/// A handle to the driver's device; dropping it closes it.
pub trait File {
    /// `DeviceIoControl`.
    fn control(&self, code: u32, input: &[u8], output: &mut [u8]) -> Completion;
}

/// A running system with the driver in it.
pub trait System {
    /// What it is, in a few words.
    fn describe(&self) -> String;

    /// Whether Driver Verifier, or its model, watches the driver, as far as the client can tell.
    fn is_verified(&self) -> bool;

    /// Opens the driver's device by its interface.
    fn open(&self) -> Result<Box<dyn File>, Failure>;

    /// How an attempt ends to open the device as somebody who is no administrator, where that can be
    /// tried.
    fn open_as_user(&self) -> Option<Status>;

    /// Whether what the kernel exports under a name can be called: Wine has names for stubs that end the
    /// driver's process.
    fn exports_work(&self) -> bool;

    /// What is allocated in the pools under this tag now, where that can be seen.
    fn allocated(&self, tag: Tag) -> Option<Allocated>;

    /// Has the n-th allocation from now fail, counted from 1, or none for 0. Says how many were made to
    /// fail so far, where that can be done at all.
    fn fail_allocation(&self, nth: u64) -> Option<u64>;
}

/// What is allocated in the pools under a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Allocated {
    /// Live blocks.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What was seen of the driver from outside, when it is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The systems that it ran on.
    pub systems: Vec<String>,
    /// The checks that were on.
    pub checks: Vec<String>,
    /// What they found.
    pub findings: Vec<String>,
    /// How many allocations were watched.
    pub allocations: u64,
    /// How many of them were made to fail.
    pub failed_on_purpose: u64,
    /// What is left of them.
    pub left: Allocated,
    /// Whether the system could watch at all.
    pub watched: bool,
}

impl Verdict {
    /// Whether nothing was found and nothing is left.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.left == Allocated::default()
    }

    /// This and what was seen on another system.
    pub fn with(mut self, other: Self) -> Self {
        self.systems.extend(other.systems);
        for check in other.checks {
            if !self.checks.contains(&check) {
                self.checks.push(check);
            }
        }
        self.findings.extend(other.findings);
        self.allocations += other.allocations;
        self.failed_on_purpose += other.failed_on_purpose;
        self.left.blocks += other.left.blocks;
        self.left.bytes += other.left.bytes;
        self.watched |= other.watched;
        self
    }
}
