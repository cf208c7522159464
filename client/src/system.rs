//! The system that the driver runs on: what the client needs of Windows and of the model alike.

use serde::Serialize;
use wdfmem_ioctl::{Status, Tag};

use crate::failure::Failure;

/// How a device control request was completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The `NTSTATUS` in its I/O status block.
    pub status: Status,
    /// How many bytes were transferred: to the output buffer, or from it with `METHOD_IN_DIRECT`.
    pub information: usize,
}

/// A handle to the driver's device; dropping it closes it.
pub trait File {
    /// Sends a control code, as `DeviceIoControl` does.
    fn control(&self, code: u32, input: &[u8], output: &mut [u8]) -> Completion;
}

/// A running system with the driver in it.
pub trait System {
    /// A name for the system, as shown in the results.
    fn describe(&self) -> String;

    /// Whether Driver Verifier may be on for the driver: `false` only where the client knows that it is off.
    fn is_verified(&self) -> bool;

    /// Opens the driver's device by its interface.
    fn open(&self) -> Result<Box<dyn File>, Failure>;

    /// The status of opening the device without administrator rights. `None` where that cannot be tried.
    fn open_as_user(&self) -> Option<Status>;

    /// Whether functions that the kernel exports can be called: Wine also exports stubs that terminate the driver's
    /// process.
    fn exports_work(&self) -> bool;

    /// What is allocated in the pools under this tag now. `None` where that cannot be seen.
    fn allocated(&self, tag: Tag) -> Option<Allocated>;

    /// Makes the n-th allocation from now fail, counted from 1; 0 makes none fail. Returns how many allocations were
    /// made to fail so far, or `None` on a system without fault injection.
    fn fail_allocation(&self, nth: u64) -> Option<u64>;
}

/// Blocks that are allocated in the pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Allocated {
    /// The number of allocated blocks.
    pub blocks: u64,
    /// The sum of their sizes, in bytes.
    pub bytes: u64,
}

/// What the system observed of the driver from outside, up to its unload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The systems that the driver ran on.
    pub systems: Vec<String>,
    /// The checks of Driver Verifier that were on.
    pub checks: Vec<String>,
    /// The violations that these checks reported.
    pub findings: Vec<String>,
    /// How many pool allocations the verifier tracked.
    pub allocations: u64,
    /// How many of them fault injection made fail.
    pub failed_on_purpose: u64,
    /// What was still allocated after the driver was unloaded.
    pub left: Allocated,
    /// Whether the system can observe the driver at all.
    pub watched: bool,
}

impl Verdict {
    /// Whether no violation was reported and nothing is left allocated.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.left == Allocated::default()
    }

    /// Adds what another system observed.
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
